"""A learner with 20,000 cards and 300,000 reviews: an index scan finds the due cards, and
pages make few queries. How long they take is measured by `benchmarks/large_history.py`."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.common import clock
from apps.progress import selectors
from tests.progress.conftest import make_question
from tests.progress.large_history import CARDS, FILL, REVIEWS

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PAGES = (
    "/review",
    "/",
    "/progress",
    "/questions/made-1",
    "/questions",
    "/topics/losses",
    "/topics/losses?page=7",
    "/plan",
)


@pytest.fixture
def learner(mei: User) -> User:
    make_question("first")
    with connection.cursor() as cursor:
        cursor.execute(
            FILL,
            {
                "cards": CARDS,
                "each": REVIEWS // CARDS,
                "user": mei.pk,
                "now": clock.now(),
                "like": "first",
            },
        )
    return mei


def test_due_cards_come_from_an_index_and_pages_make_few_queries(
    member: Client, learner: User, django_assert_max_num_queries: Any
) -> None:
    explained = selectors.cards.due_cards(learner)[:20].explain(analyze=True)
    assert "cards_due" in explained and "Seq Scan on progress_card" not in explained, explained
    for path in PAGES:
        with django_assert_max_num_queries(12):
            assert member.get(path).status_code == 200, path
    member.post("/review/start")
    with django_assert_max_num_queries(12):
        member.get("/review")
