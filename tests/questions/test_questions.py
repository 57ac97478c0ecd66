"""The list of questions: filters, search in both languages, pages; open to everybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.questions.loading import load_questions
from apps.questions.models import Question
from apps.questions.selectors import questions

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loaded(bank: Path) -> None:
    load_questions(bank)


def listed(client: Client, **chosen: str) -> str:
    return client.get("/questions", chosen).content.decode()


def test_it_lists_what_is_offered_with_formulas_and_links(client: Client) -> None:
    page = listed(client)
    assert 'href="/questions/guess"' in page and 'href="/questions/second"' in page
    assert (
        "<math " in page
        and "Losses" in page
        and "concept, derivation, numeric, choice, code" in page
    )


@pytest.mark.parametrize(
    ("chosen", "slugs"),
    [
        ({"kind": "numeric"}, ["guess"]),
        ({"difficulty": "1"}, ["second"]),
        ({"topic": "losses"}, ["guess", "second"]),
        ({"topic": "metrics"}, []),
        ({"topic": "no-such-topic"}, []),
        ({"kind": "essay"}, []),
        ({"difficulty": "12"}, []),
        ({"difficulty": "many"}, []),
        ({"words": "GUESS"}, ["guess"]),
        ({"words": "随机猜测"}, ["guess"]),
        ({"words": "square"}, ["second"]),
        ({"words": "平方"}, ["second"]),
        ({"words": "loss guess"}, ["guess"]),
        ({"words": "%"}, []),
        ({"words": "_____"}, []),
        ({"words": "\x00"}, ["guess", "second"]),
        ({"words": "x" * 5000}, []),
        ({"kind": "concept", "difficulty": "2", "words": "classes"}, ["guess"]),
    ],
)
def test_filters_and_search(client: Client, chosen: dict[str, str], slugs: list[str]) -> None:
    page = listed(client, **chosen)
    assert [slug for slug in ("guess", "second") if f'href="/questions/{slug}"' in page] == slugs
    assert ("No questions match." in page) == (not slugs)


def test_it_speaks_chinese(client: Client) -> None:
    client.cookies["language"] = "zh-hans"
    page = listed(client)
    assert "为什么用平方？" in page and "损失函数" in page and "Why a square?" not in page


def test_a_withdrawn_question_a_draft_and_a_closed_bank_are_not_listed(client: Client) -> None:
    Question.objects.filter(slug="second").update(withdrawn=True)
    assert "/questions/second" not in listed(client)
    Question.objects.filter(slug="guess").update(current=None)
    assert "No questions are loaded yet" in listed(client)


def test_long_lists_have_pages_that_keep_the_filters(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.progress.views.question_list.QUESTIONS_PER_PAGE", 1)
    first = listed(client, topic="losses")
    assert 'href="?topic=losses&amp;page=2"' in first and "/questions/second" in first
    second = listed(client, topic="losses", page="2", kind="")
    assert 'href="?topic=losses&amp;page=1"' in second and "/questions/guess" in second


def test_it_takes_few_queries(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        listed(client, words="loss")
    assert len(queries) <= 5


def test_a_script_asks_for_the_table_alone(client: Client) -> None:
    page = client.get("/questions", headers={"HX-Request": "true"}).content.decode()
    assert "<table" in page and "<html" not in page


def test_searching_finds_words_of_both_languages_at_once() -> None:
    assert {question.slug for question in questions(words="类 guess")} == {"guess"}


@pytest.mark.parametrize("words", ["ｇｕｅｓｓ", "guess　类", "类", "猜", "GUESS　猜测"])
def test_searching_reads_full_width_letters_single_characters_and_both_scripts(words: str) -> None:
    assert {question.slug for question in questions(words=words)} == {"guess"}


@pytest.mark.parametrize("words", ["chance level", "LEVEL", "瞎猜", "瞎 chance", "chance 类"])
def test_searching_finds_synonyms_of_both_languages(words: str) -> None:
    assert {question.slug for question in questions(words=words)} == {"guess"}


def test_synonyms_are_not_shown(client: Client) -> None:
    page = listed(client)
    assert "chance level" not in page and "瞎猜" not in page


def test_a_search_of_many_words_has_few_conditions() -> None:
    words = "a b " * 50 + " ".join(map(str, range(60)))
    assert str(questions(words=words).query).count("UPPER") < 150
