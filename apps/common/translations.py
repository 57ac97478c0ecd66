"""Extracting the translatable messages from templates and code, without the gettext programs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
HEADER = "# Words of Gradus. `manage.py messages` keeps the list, people the translations."


def sources(root: Path) -> Iterator[Path]:
    """Yield the files that may have messages: templates, and the code of apps and project."""
    yield from sorted(root.glob("templates/**/*.html"))
    yield from sorted(root.glob("templates/**/*.txt"))
    yield from sorted(
        path
        for path in root.glob("apps/**/*.py")
        if "migrations" not in path.parts and "bank" not in path.parts
    )
    yield from sorted(root.glob("platform/gradus/*.py"))


def collect(root: Path) -> Catalog:
    """Return every message that the sources mark for translation, with its files."""
    catalogue = Catalog(project="Gradus", version="1", charset="utf-8", fuzzy=False)
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            # the extractor parses Python, where indentation matters
            text = "\n".join(line.strip() for line in templatize(text).splitlines())
        for _line, message, _comments, context in extract(
            "python", io.BytesIO(text.encode()), keywords=KEYWORDS
        ):
            catalogue.add(
                message, locations=[(path.relative_to(root).as_posix(), 0)], context=context
            )
    return catalogue


def read(po: Path, language: str) -> Catalog:
    """Return the catalogue in `po`; an empty one when there is no such file."""
    if not po.exists():
        return Catalog(locale=language, header_comment=HEADER, charset="utf-8", fuzzy=False)
    with po.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def update(po: Path, language: str, root: Path) -> Catalog:
    """Update `po` from the sources: new messages have no translation yet, unused ones are
    removed.
    """
    catalogue = read(po, language)
    created = catalogue.creation_date  # else the file would always change
    catalogue.update(collect(root), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = created
    po.parent.mkdir(parents=True, exist_ok=True)
    with po.open("wb") as file:
        write_po(
            file, catalogue, width=130, sort_by_file=True, include_lineno=False, omit_header=False
        )
    return catalogue


def untranslated(catalogue: Catalog) -> list[Message]:
    """Return the messages of `catalogue` without a translation, or with a fuzzy one."""
    return [
        message
        for message in catalogue
        if message.id and (message.fuzzy or not _is_translated(message))
    ]


def _is_translated(message: Message) -> bool:
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return bool(texts) and all(texts)
