"""The bank itself: it loads, its programs made what lies beside them, and nothing in it is
broken.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.questions import content, drawing
from apps.questions.loading import load_questions
from apps.questions.models import Question
from apps.questions.selectors import sheet

FOLDERS = sorted(path.parent for path in Path(settings.BANK_FOLDER).glob("*/*/question.toml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_figures_and_tables_are_what_their_programs_make(folder: Path) -> None:
    assert drawing.is_up_to_date(folder), "run: python manage.py draw_figures"


def test_it_has_no_faults() -> None:
    assert list(content.faults(settings.BANK_FOLDER, settings.LABS_FOLDER)) == []


@pytest.mark.django_db
def test_it_loads_and_every_question_can_be_shown_in_both_languages() -> None:
    assert len(load_questions(settings.BANK_FOLDER)) == len(FOLDERS) + 1
    for question in Question.objects.offered().select_related("current"):
        assert question.current is not None
        for language in ("en", "zh"):
            shown = sheet(question.current, 1, language=language)
            assert (
                shown.title
                and shown.statement
                and shown.answer
                and "tex-source" not in shown.answer
            )
    assert load_questions(settings.BANK_FOLDER) == []
