"""Anki itself, as tests use it: a fresh collection, and a package imported and exported as its user
would.
"""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.archives.anki_package import guid_of
from apps.questions.models import Question

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from anki.collection import (
        Collection,
        ExportAnkiPackageOptions,
        ImportAnkiPackageOptions,
        ImportAnkiPackageRequest,
    )


@contextmanager
def opened(folder: Path, package: Path | None = None) -> Iterator[Collection]:
    """Open a fresh collection of Anki, with a package imported."""
    collection = Collection(str(folder / f"{uuid.uuid4()}.anki2"))
    try:
        if package is not None:
            import_into(collection, package)
        yield collection
    finally:
        collection.close()


def import_into(collection: Collection, path: Path) -> None:
    options = ImportAnkiPackageOptions(with_scheduling=True, with_deck_configs=False)
    request = ImportAnkiPackageRequest(package_path=str(path), options=options)
    collection.import_anki_package(request)


def export_from(collection: Collection, path: Path, *, legacy: bool) -> None:
    """Export all of a collection with its scheduling, in the newest format or the one before."""
    options = ExportAnkiPackageOptions(with_scheduling=True, with_media=False, legacy=legacy)
    collection.export_anki_package(out_path=str(path), options=options, limit=None)


def card_in(collection: Collection, question: Question) -> Any:
    pks = collection.find_cards("")
    cards = {collection.get_card(pk).note().guid: collection.get_card(pk) for pk in pks}
    return cards[guid_of(question)]


def add_note(collection: Collection, front: str, back: str = "It is so.") -> Any:
    """Add a note of the basic type, and return its card."""
    kind = collection.models.by_name("Basic")
    assert kind is not None
    note = collection.new_note(kind)
    note["Front"], note["Back"] = front, back
    deck = collection.decks.id("Default")
    assert deck is not None
    collection.add_note(note, deck)
    return note.cards()[0]
