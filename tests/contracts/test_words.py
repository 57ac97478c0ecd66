"""Templates and translations: lines stay short, and no sentence waits for its Chinese."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.common.translations import collect, read, untranslated

MAX_COLUMNS = 140  # of a template
TEMPLATES = sorted(
    path for path in Path("templates").rglob("*") if path.suffix in (".html", ".txt")
)


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_no_line_of_a_template_is_longer_than_140_columns(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [n for n, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS] == []


def test_every_sentence_of_the_sources_has_its_translation() -> None:
    for po in Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po"):
        catalogue = read(po, po.parts[-3])
        catalogue.update(collect(settings.ROOT), no_fuzzy_matching=True)
        assert [message.id for message in untranslated(catalogue)] == []
