"""The log of reviews: idempotent, independent of the order of arrival, undone by a second row, and
summed by day.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import User
from apps.common.clock import now
from apps.progress import days, memory, selectors, services
from apps.progress.models import Card, DailyStats, Review
from apps.progress.services.reviews import NothingToUndo
from apps.questions.models import Question
from tests.progress.conftest import SiteClock

pytestmark = pytest.mark.django_db


def card_of(user: User, question: Question) -> Card:
    return Card.objects.select_related("user").get(user=user, question=question)


def sums(user: User) -> dict[date, tuple[int, int, int]]:
    return {
        row.day: (row.reviews, row.recalls, row.recalled)
        for row in DailyStats.objects.filter(user=user)
        if row.reviews
    }


def test_a_grade_is_stored_once_however_often_it_comes(mei: User, concept: Question) -> None:
    name = uuid4()
    first = services.reviews.record(user=mei, question=concept, review_id=name, rating=3)
    before = card_of(mei, concept).due
    assert (
        services.reviews.record(user=mei, question=concept, review_id=name, rating=1).pk == first.pk
    )
    assert Review.objects.count() == 1 and card_of(mei, concept).due == before


def test_the_log_is_never_changed(mei: User, concept: Question) -> None:
    review = services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(rating=1)


def test_the_log_goes_with_the_account(mei: User, concept: Question) -> None:
    services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    mei.delete()
    assert not Review.objects.exists() and not Card.objects.exists()


def test_the_state_before_is_kept_with_each_grade(
    mei: User, concept: Question, site_clock: SiteClock
) -> None:
    first = services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    assert first.before["stability"] is None
    stability = card_of(mei, concept).stability
    site_clock.later(days=3)
    assert (
        services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3).before[
            "stability"
        ]
        == stability
    )


def test_undo_leaves_the_card_as_if_the_grade_had_never_been(
    mei: User, concept: Question, site_clock: SiteClock
) -> None:
    services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    before, days = selectors.cards.memory_of(card_of(mei, concept)), sums(mei)
    site_clock.later(days=4)
    services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=1)
    services.reviews.undo(user=mei)
    assert selectors.cards.memory_of(card_of(mei, concept)) == before and sums(mei) == days
    assert Review.objects.count() == 3, "the log grows; nothing is taken out"


def test_ten_grades_can_be_undone_and_no_eleventh(
    mei: User, many: Callable[[int], list[Question]]
) -> None:
    for question in many(11):
        services.reviews.record(user=mei, question=question, review_id=uuid4(), rating=3)
    for _n in range(10):
        services.reviews.undo(user=mei)
    with pytest.raises(NothingToUndo):
        services.reviews.undo(user=mei)
    assert sums(mei) == {days.today(mei.time_zone): (1, 0, 0)}


def test_nobody_undoes_the_grades_of_another(mei: User, sam: User, concept: Question) -> None:
    services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    with pytest.raises(NothingToUndo):
        services.reviews.undo(user=sam)


def test_an_undo_that_comes_before_its_grade_still_undoes_it(mei: User, concept: Question) -> None:
    name = uuid4()
    services.reviews.take_back(user=mei, question=concept, review_id=name)
    services.reviews.record(user=mei, question=concept, review_id=name, rating=4)
    assert card_of(mei, concept).is_new and not sums(mei)


def test_a_time_in_the_future_is_now(mei: User, concept: Question) -> None:
    review = services.reviews.record(
        user=mei, question=concept, review_id=uuid4(), rating=3, at=now() + timedelta(days=9)
    )
    assert review.at <= now()


def test_a_review_takes_ten_minutes_at_most(mei: User, concept: Question) -> None:
    assert (
        services.reviews.record(
            user=mei, question=concept, review_id=uuid4(), rating=3, seconds=9999.0
        ).seconds
        == 600
    )
    assert (
        services.reviews.record(
            user=mei, question=concept, review_id=uuid4(), rating=3, seconds=-5.0
        ).seconds
        == 0
    )


def posts(seed: int) -> list[dict[str, Any]]:
    """Return grades and undoings as a device would send them, made by chance."""
    chance = random.Random(seed)
    at, sent = now() - timedelta(days=30), list[dict[str, Any]]()
    for _n in range(chance.randint(2, 7)):
        at += timedelta(minutes=chance.choice([1, 11, 60 * 7, 60 * 24, 60 * 24 * 5]))
        name = UUID(int=chance.getrandbits(128))
        sent.append({"review_id": name, "rating": chance.randint(1, 4), "at": at, "seconds": 8.0})
        if chance.random() < 0.3:
            sent.append({"undo": name})
    return sent


def send(user: User, question: Question, post: dict[str, Any]) -> None:
    if "undo" in post:
        services.reviews.take_back(user=user, question=question, review_id=post["undo"])
    else:
        services.reviews.record(user=user, question=question, **post)


@pytest.mark.parametrize("seed", range(12))
def test_posts_that_come_late_twice_or_in_another_order_come_to_one_card(
    mei: User, concept: Question, seed: int
) -> None:
    """What a device sends after hours offline leads to the card that it would have led to at
    once.
    """
    sent, chance = posts(seed), random.Random(seed)
    began = now() - timedelta(days=31)
    results = []
    for turn in range(3):
        Card.objects.create(user=mei, question=concept, created_at=began, due=began)
        order = (
            sent
            if turn == 0
            else chance.sample(
                sent + chance.sample(sent, len(sent) // 2), len(sent) + len(sent) // 2
            )
        )
        for post in order:
            send(mei, concept, post)
        results.append((selectors.cards.memory_of(card_of(mei, concept)), sums(mei)))
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM progress_review; DELETE FROM progress_card; DELETE FROM "
                "progress_dailystats"
            )
    assert all(result == results[0] for result in itertools.islice(results, 1, None))


def test_sums_of_days_are_those_of_the_log(
    mei: User, many: Callable[[int], list[Question]], site_clock: SiteClock
) -> None:
    chance, questions = random.Random(4), many(3)
    for _n in range(25):
        services.reviews.record(
            user=mei,
            question=chance.choice(questions),
            review_id=uuid4(),
            rating=chance.randint(1, 4),
            seconds=10,
        )
        site_clock.later(hours=chance.choice([1, 9, 30]))
        if chance.random() < 0.2:
            services.reviews.undo(user=mei)
    counted = [
        review
        for card in Card.objects.filter(user=mei)
        for review in memory.fold(card.created_at, selectors.cards.rated_reviews(card))[1]
    ]
    assert sum(row.reviews for row in DailyStats.objects.all()) == len(counted)
    assert (
        sum(row.recalls for row in DailyStats.objects.all())
        == sum(review.was_recall for review in counted)
        > 0
    )
    assert sum(row.recalled for row in DailyStats.objects.all()) == sum(
        review.was_recall and review.review.rating > 1 for review in counted
    )
    assert sum(row.seconds for row in DailyStats.objects.all()) == pytest.approx(
        10.0 * len(counted)
    )


def test_who_moves_keeps_the_days_of_what_was_done(mei: User, concept: Question) -> None:
    services.reviews.record(user=mei, question=concept, review_id=uuid4(), rating=3)
    mei.time_zone = "Pacific/Kiritimati"
    mei.save()
    services.reviews.undo(user=mei)
    assert sums(mei) == {}, "the day that it was counted on is the day that it is taken from"
