"""Checking and revealing ask few questions of the database, and render nothing; and an answer is
the same answer whether it comes by a form or as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.db import connection
from django.template.base import Template
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.progress import selectors, services
from apps.progress.models import Answer, Review
from apps.progress.services.attempts import FormState
from apps.questions import rendering, tex
from apps.questions.models import Question
from tests.progress.conftest import latest_attempt, right_number

pytestmark = pytest.mark.django_db
CHECK_QUERIES, REVEAL_QUERIES = 12, 20  # at most
PAGE = "/questions/all-of-it"


@pytest.fixture
def nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        pytest.fail("something was rendered")

    monkeypatch.setattr(Template, "render", refuse)
    monkeypatch.setattr(tex, "render_formulas", refuse)
    monkeypatch.setattr(rendering, "render", refuse)


def queries_of(action: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        action()
    asked = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    return len(asked)


@pytest.mark.usefixtures("nothing_is_rendered")
def test_a_number_is_checked_with_few_queries_and_no_page(mei: User, mixed: Question) -> None:
    def check() -> None:
        services.answers.check_answer(
            user=mei, question=mixed, part="1", fields={"text": "-1"}, key=uuid4()
        )

    assert queries_of(check) <= CHECK_QUERIES, "the first, which begins the attempt"
    assert queries_of(check) <= CHECK_QUERIES


@pytest.mark.usefixtures("nothing_is_rendered")
def test_an_answer_is_revealed_with_few_queries_and_no_page(mei: User, mixed: Question) -> None:
    services.answers.check_answer(
        user=mei, question=mixed, part="1", fields={"text": "-1"}, key=uuid4()
    )
    assert queries_of(lambda: services.answers.reveal(user=mei, question=mixed)) <= REVEAL_QUERIES
    assert Review.objects.count() == 1


@pytest.mark.usefixtures("nothing_is_rendered")
def test_a_user_is_locked_once_and_first(mei: User, mixed: Question) -> None:
    with CaptureQueriesContext(connection) as queries:
        services.answers.check_answer(
            user=mei, question=mixed, part="1", fields={"text": "-1"}, key=uuid4()
        )
        services.answers.reveal(user=mei, question=mixed)
    locks = [query["sql"].split('"')[1] for query in queries if "FOR " in query["sql"]]
    tables = [sql for sql in locks if sql]
    assert tables == [
        "accounts_user",
        "progress_attempt",
        "accounts_user",
        "progress_attempt",
        "progress_card",
    ]


NAMESPACE = UUID(int=8)


def script(right: str) -> list[tuple[str, dict[str, Any], str]]:
    """Return the same answers as fields of a form, and as JSON: part, form, JSON."""
    return [
        ("1", {"text": "-1"}, '{"text": "-1"}'),
        ("1", {"text": right}, json.dumps({"type": "number", "text": right})),
        ("2", {"chose": "1", "chosen": ["a"]}, '{"chosen": ["a"]}'),
        ("2", {"chose": "1", "chosen": ["a", "c"]}, '{"type": "choice", "chosen": ["a", "c"]}'),
        ("3.1", {"text": "1/n"}, '{"text": "1/n"}'),
        ("3.2", {"own": "had"}, '{"own": "had", "type": "step"}'),
        ("written", {"text": "Since it doubles."}, '{"text": "Since it doubles."}'),
    ]


def by_forms(user: User, question: Question, right: str) -> None:
    client = Client()
    client.force_login(user)
    for number, (part, form, _json) in enumerate(script(right)):
        client.post(f"{PAGE}/check", {"part": part, "key": uuid5(NAMESPACE, f"f{number}"), **form})
    client.post(f"{PAGE}/reveal")
    attempt = latest_attempt(user, question)
    assert attempt is not None
    client.post(f"{PAGE}/points", {"attempt": attempt.pk, "point": ["0"]})
    client.post(f"{PAGE}/grade", {"attempt": attempt.pk, "review_id": UUID(int=1), "rating": "3"})
    client.post("/review/undo")


def by_json(user: User, question: Question, right: str) -> None:
    for number, (part, _form, text) in enumerate(script(right)):
        services.answers.check_answer(
            user=user,
            question=question,
            part=part,
            fields=json.loads(text),
            key=uuid5(NAMESPACE, f"j{number}"),
        )
    services.answers.reveal(user=user, question=question)
    attempt = latest_attempt(user, question)
    assert attempt is not None
    services.answers.tick_points(
        user=user, question=question, attempt=attempt.pk, fields=json.loads('{"ticked": [0]}')
    )
    services.answers.rate(
        user=user,
        question=question,
        seen=FormState(attempt.pk),
        review_id=UUID(int=2),
        rating=3,
    )
    services.reviews.undo(user=user)


def rows_of(user: User) -> tuple[list[Any], list[Any]]:
    answers = Answer.objects.filter(user=user).order_by("pk")
    reviews = Review.objects.filter(user=user).order_by("pk")
    return (
        list(
            answers.values_list(
                "part", "place", "entered", "was_read", "outcome", "rating", "graded_by", "hints"
            )
        ),
        list(reviews.values_list("rating", "graded_by", "day")),
    )


def test_forms_and_json_give_the_same_rows(
    mei: User, sam: User, mixed: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the same variant for both, so that the same number is right
    monkeypatch.setattr(selectors.attempts, "stable_index", lambda name, count: 5)
    right = str(right_number(5))
    sam.time_zone = mei.time_zone
    sam.save()
    by_forms(mei, mixed, right)
    by_json(sam, mixed, right)
    ours, theirs = rows_of(mei), rows_of(sam)
    assert ours == theirs and len(ours[0]) == 8 and ours[1]
