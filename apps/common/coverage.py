"""The coverage catalogue: what authors plan to write, as YAML lists of questions and labs in a
folder outside the project. Only `new_question` and `new_lab` read it.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

QUESTIONS, LABS = "questions.yaml", "labs.yaml"
MAX_NEAR = 5
Entry = dict[str, Any]  # as the catalogue's README lists the fields


class BadCatalogue(Exception):
    """A catalogue cannot be read, or lacks what was asked for. Says what to do."""


def read(folder: Path, file: str) -> dict[str, Entry]:
    """Return the entries of a file of the catalogue, by their slugs.

    Raises:
        BadCatalogue: there is no such folder or file, or it is no list of entries with slugs.
    """
    if not folder.is_dir():
        raise BadCatalogue(f"{folder} is no folder. --catalogue names the one with {file}.")
    path = folder / file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCatalogue(f"{path} cannot be read: {error}") from None
    entries = _parse(text, path)
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("slug"), str) for entry in entries
    ):
        raise BadCatalogue(f"{path} is no list of entries, each with a slug.")
    return {entry["slug"]: entry for entry in entries}


def entry_of(folder: Path, file: str, slug: str) -> Entry:
    """Return an entry of the catalogue.

    Raises:
        BadCatalogue: the file cannot be read, or has no such entry; then it names similar ones.
    """
    entries = read(folder, file)
    if slug not in entries:
        raise BadCatalogue(f"{folder / file} has no {slug!r}.{near(slug, entries)}")
    return entries[slug]


def near(slug: str, slugs: Collection[str]) -> str:
    """Return a sentence that names the slugs most like one that does not exist, with a space before
    it; nothing where none is alike.
    """
    words = set(slug.split("-"))
    alike = get_close_matches(slug, slugs, n=MAX_NEAR, cutoff=0.6)
    shared = sorted(slugs, key=lambda other: (-len(words & set(other.split("-"))), other))
    alike += [other for other in shared if words & set(other.split("-")) and other not in alike]
    return f" Did you mean {', '.join(alike[:MAX_NEAR])}?" if alike else ""


def _parse(text: str, path: Path) -> Any:
    # Of the packages for development: the site reads no YAML.
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ModuleNotFoundError:
        raise BadCatalogue(
            "A catalogue is YAML, which ruamel.yaml reads: pip install -r requirements-dev.txt"
        ) from None
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise BadCatalogue(f"{path} is no YAML: {error}") from None
