"""Looking over the whole bank: every fault of every file, links that lead nowhere, and what of the catalogue is still missing.

Reads files alone; no database. The labs are known by their words (`workers/labs/*.toml`), which are read, never imported.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from apps.questions import loading, rendering, typesetting
from apps.questions.loading import Folder
from apps.questions.typesetting import Text
from apps.questions.words import BadFile

CATALOGUE = Path(__file__).with_name("catalogue.csv")
LABEL = re.compile(r'role="img" aria-label="[^"]+"')


def faults(bank: Path, labs: Path) -> Iterator[str]:
    """Yield every fault of a bank, as `file:line: what`.

    Raises:
        NoKatex: the front end was not built.
    """
    paths = sorted(path for path in bank.glob("*/*/") if path.name != "__pycache__")
    here = {path.name for path in paths}
    known = lab_claims(labs)
    for path in paths:
        try:
            one = loading.read_folder(path)
        except BadFile as error:
            yield str(error)
            continue
        yield from _of_texts(one, here, known)
        yield from _of_figures(one)


def lab_claims(folder: Path) -> dict[str, set[str]]:
    """Return the claims of each lab, by its slug."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        found[path.stem.replace("_", "-")] = set(words.get("claims", {}))
    return found


def missing(bank: Path) -> list[tuple[str, str]]:
    """Return slug and English title of each question of the catalogue that the bank does not have, in the catalogue's order."""
    here = {path.name for path in bank.glob("*/*/")}
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [(row["slug"], row["title_en"]) for row in csv.DictReader(file) if row["slug"] not in here]


def size_of_catalogue() -> int:
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return sum(1 for _row in csv.DictReader(file))


def waiting(bank: Path, labs: Path) -> list[str]:
    """Return the claims that questions name and no lab has yet: their answers show no verdict there."""
    known = set().union(*lab_claims(labs).values())
    named: set[str] = set()
    for path in bank.glob("*/*/question.toml"):
        named |= set(tomllib.loads(path.read_text(encoding="utf-8")).get("claims", []))
    return sorted(named - known)


def _of_texts(one: Folder, questions: set[str], labs: dict[str, set[str]]) -> Iterator[str]:
    revision, pieces, lines = loading.rows_of(one)
    for fault in typesetting.set_html(revision, pieces):
        yield str(loading.placed(fault, one, lines))
    for text in typesetting.texts(revision, pieces):
        for link in _links(text):
            if not leads_somewhere(link, questions, labs):
                at = max(text.source.find(link), 0)
                yield str(loading.placed(typesetting.Fault(text, f"{link} leads nowhere", at), one, lines))


def _links(text: Text) -> list[str]:
    return re.findall(r'<a href="(/[^"]*|#[^"]*)"', rendering.render(text.source).html)


def leads_somewhere(link: str, questions: Iterable[str], labs: dict[str, set[str]]) -> bool:
    """Return whether an address of this site is one: a question of the bank, a lab, a claim of the ledger, another page."""
    parts = urlsplit(link)
    place = parts.path.strip("/").split("/")
    match place:
        case ["questions", slug]:
            return slug in questions
        case ["labs", slug]:
            return slug in labs
        case ["claims"] if parts.fragment:
            return any(parts.fragment in claims for claims in labs.values())
    try:
        resolve(parts.path)
    except Resolver404:
        return False
    return True


def _of_figures(one: Folder) -> Iterator[str]:
    for language in typesetting.LANGUAGES:
        svg = one.files.get(f"figure_{language}")
        if svg is not None and not LABEL.search(svg):
            yield f"{one.path / f'figure.{language}.svg'}:1: the figure has no text alternative (axes.alternative in figure.py)"
