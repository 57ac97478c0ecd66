"""A revision as a page shows it: one language, one variant, markers replaced, few queries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from apps.questions import rendering, selectors
from apps.questions.loading import load_questions
from apps.questions.models import Question, Revision


@pytest.fixture
def revision(guess: Question) -> Revision:
    assert guess.current is not None
    cache.clear()
    return guess.current


def test_it_holds_every_part_in_the_reader_s_language(revision: Revision) -> None:
    with translation.override("zh-hans"):
        page = selectors.question_page(revision)
    assert (
        "猜测" in page.statement
        and page.unit == "奈特"
        and len(page.hints) == 1
        and len(page.points) == 2
    )
    assert [step.check for step in page.steps] == [{"symbols": ["n"], "answer": "1 / n"}, None]
    assert (
        "别" not in page.answer
        and 'aria-label="a curve"' in page.answer
        and 'class="code"' in page.answer
    )
    assert selectors.question_page(revision, language="en").unit == "nats"


def test_the_numeric_part_shows_the_numbers_of_the_seed(revision: Revision) -> None:
    for seed in (0, 1, 64):
        page = selectors.question_page(revision, seed, language="en")
        assert page.variant is not None and page.numeric is not None
        assert f">{page.variant.values['n']}<" in page.numeric and "{{" not in page.numeric
    assert (
        selectors.question_page(revision, 0).numeric
        == selectors.question_page(revision, 64).numeric
    )


def test_a_variant_is_rendered_once_and_cached(
    revision: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = selectors.question_page(revision, 3, language="en").numeric
    monkeypatch.setattr(rendering, "render", lambda *a, **k: pytest.fail("it was rendered before"))
    assert selectors.question_page(revision, 3, language="en").numeric == first


def test_options_are_shuffled_by_seed_and_keep_their_reasons(revision: Revision) -> None:
    orders = {tuple(selectors.question_page(revision, seed).choices[0].keys) for seed in range(8)}
    assert orders == {("a", "b"), ("b", "a")}
    options = {
        option.key: option for option in selectors.question_page(revision).choices[0].options
    }
    assert (
        options["a"].is_right and not options["b"].is_right and "It is not" in options["b"].reason
    )


def test_verdicts_are_the_caller_s_and_empty_by_default(revision: Revision) -> None:
    assert "gradus:" not in selectors.question_page(revision).answer
    assert (
        "<aside>holds</aside>"
        in selectors.question_page(revision, verdicts="<aside>holds</aside>").answer
    )


def test_it_takes_two_queries_at_most(revision: Revision) -> None:
    selectors.question_page(revision, 5)
    with CaptureQueriesContext(connection) as queries:
        selectors.question_page(revision, 5)
    assert len(queries) <= 2


def test_related_questions_are_those_that_exist(revision: Revision) -> None:
    assert [question.slug for question in selectors.related(revision)] == ["second"]
    Question.objects.filter(slug="second").update(withdrawn=True)
    assert not selectors.related(revision)


def test_values_may_be_shown_in_any_text(
    bank: Path, db: None, change: Callable[[str, str, str], None]
) -> None:
    change("en.md", "Think of $\\log$.", "Think of $\\log {{n}}$.")
    change("zh.md", "想想 $\\log$。", "想想 $\\log {{n}}$。")
    load_questions(bank)
    current = Question.objects.get(slug="guess").current
    assert current is not None
    page = selectors.question_page(current, 7, language="en")
    assert page.variant is not None and f">{page.variant.values['n']}<" in page.hints[0]
