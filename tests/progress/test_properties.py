"""Scheduling and sums over random histories: the same ratings lead to the same card, and SQL agrees
with Python.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.experiments.models import Run
from apps.experiments.selectors import evidence_counts
from apps.progress import (
    calibration,
    days,
    demo,
    memory,
    selectors,
    services,
    simulation,
)
from apps.progress.memory import RatedReview
from apps.progress.models import Answer, Attempt, Card, DailyStats, Plan, Review
from apps.progress.services.answers import Given
from apps.progress.services.attempts import FormState
from apps.questions.models import Question
from tests.experiments.pages_cast import loaded, recorded
from tests.progress.conftest import NOON

pytestmark = pytest.mark.django_db
GENTLE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# a moment, not an age: the clock ticks on while the same history is told twice
BEGAN = NOON - timedelta(days=31)

# minutes, grade, taken back later
POST = st.tuples(st.integers(0, 30 * 24 * 60), st.sampled_from(memory.RATINGS), st.booleans())


@st.composite
def histories(draw: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return posts in order, and the same ones late: in another order, some of them repeated."""
    posts: list[dict[str, Any]] = []
    variant = draw(st.lists(POST, min_size=1, max_size=7, unique_by=lambda post: post[0]))
    for n, (minutes, rating, undone) in enumerate(sorted(variant)):
        posts.append(
            {
                "review_id": UUID(int=n + 1),
                "rating": rating,
                "at": BEGAN + timedelta(minutes=minutes),
            }
        )
        posts += [{"undo": UUID(int=n + 1)}] * undone
    late = draw(st.permutations(posts + draw(st.lists(st.sampled_from(posts), max_size=5))))
    return posts, late


def after(user: User, question: Question, posts: list[dict[str, Any]]) -> Any:
    """Return the state that posts lead to, and roll back."""
    with transaction.atomic():
        card = Card.objects.create(user=user, question=question, created_at=BEGAN, due=BEGAN)
        for post in posts:
            if "undo" in post:
                services.reviews.take_back(user=user, question=question, review_id=post["undo"])
            else:
                services.reviews.record(user=user, question=question, seconds=8.0, **post)
        card.refresh_from_db()
        rows = DailyStats.objects.filter(user=user, reviews__gt=0)
        outcome = (
            selectors.cards.memory_of(card),
            [(row.day, row.reviews, row.recalls, row.recalled, row.seconds) for row in rows],
        )
        transaction.set_rollback(True)
    return outcome


@GENTLE
@given(histories())
def test_late_repeated_and_shuffled_posts_lead_to_one_card_and_one_calendar(
    mei: User, concept: Question, history: tuple[list[dict[str, Any]], list[dict[str, Any]]]
) -> None:
    posts, late = history
    assert after(mei, concept, late) == after(mei, concept, posts)


@GENTLE
@given(
    st.lists(
        st.tuples(st.sampled_from(memory.RATINGS), st.integers(1, 600)),
        min_size=1,
        max_size=5,
        unique_by=lambda g: g[1],
    ),
    st.data(),
)
def test_of_the_grades_of_one_attempt_the_last_given_ratingsstands_whenever_they_come(
    mei: User, concept: Question, given_ratings: list[tuple[int, int]], data: st.DataObject
) -> None:
    posts = [
        (UUID(int=n + 1), rating, NOON - timedelta(minutes=ago))
        for n, (rating, ago) in enumerate(given_ratings)
    ]
    order = data.draw(
        st.permutations(posts + data.draw(st.lists(st.sampled_from(posts), max_size=4)))
    )
    with transaction.atomic():
        attempt = services.answers.reveal(user=mei, question=concept)
        for name, rating, at in order:
            services.answers.rate(
                user=mei,
                question=concept,
                seen=FormState(attempt.pk),
                review_id=name,
                rating=rating,
                given=Given(at),
            )
        last = max(posts, key=lambda post: post[2])
        counting = selectors.cards.rated_reviews(Card.objects.get())
        assert [(grade.review_id, grade.rating) for grade in counting] == [last[:2]]
        assert Attempt.objects.get().counting_review_id == last[0]
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Chatham"],
)
def test_mastery_is_fsrs_own_recall_over_nights_in_which_clocks_change(
    mei: User, many: Any, site_clock: Any, zone: str
) -> None:
    """Against the library's own formula, in both directions of the change."""
    User.objects.filter(pk=mei.pk).update(time_zone=zone)
    mei.refresh_from_db()
    site_clock.set(datetime(2026, 3, 20, 12, tzinfo=UTC))
    question = many(1)[0]
    for n in range(30):
        services.reviews.record(
            user=mei, question=question, review_id=UUID(int=n + 1), rating=3 if n else 4
        )
        site_clock.later(days=9, hours=n % 5)
        card = Card.objects.select_related("user").get()
        assert card.last_day == days.day_of(card.last_review, zone)  # type: ignore[arg-type]
        passed = (days.today(mei.time_zone) - card.last_day).days  # type: ignore[operator]
        factor = 0.9 ** (1 / memory.DECAY) - 1
        wanted = (1 + factor * passed / card.stability) ** memory.DECAY  # type: ignore[operator]
        assert (
            selectors.statistics.mastery(mei, Plan(user=mei))[0].recall
            == pytest.approx(wanted)
            == pytest.approx(selectors.cards.recall_today(mei, card))
        )


def test_what_fsrs_foretells_is_what_a_learner_of_that_memory_recalls() -> None:
    """Reviews of a learner who forgets exactly as FSRS says: foretold and measured agree, and a
    shifted memory would be seen.
    """
    foretold = measured = of = 0.0
    for seed in range(12):
        log = simulation.reviews(20, date(2026, 11, 1), "Europe/Berlin", seed)
        memories: dict[int, memory.Memory] = {}
        for row in log:
            state = memories.get(row.item, memory.Memory(due=row.review.at))
            passed = memory.elapsed(state, row.review.day)
            if state.state == memory.REVIEW and passed and state.stability:
                foretold += memory.recall(state.stability, passed)
                measured += row.review.rating > memory.AGAIN
                of += 1
            memories[row.item] = memory.after(
                state, row.review.rating, row.review.at, row.review.day
            )
    assert of > 800
    assert measured / of == pytest.approx(foretold / of, abs=3 * (0.1 * 0.9 / of) ** 0.5 + 0.01)


def test_what_the_pages_say_of_the_demonstration_can_be_counted_again(mei: User, many: Any) -> None:
    many(12)
    demo.fill(user=mei)
    counted = []
    for card in Card.objects.filter(user=mei):
        log = [
            RatedReview(row.review_id, row.rating or 0, row.at, row.day, row.seconds)
            for row in Review.objects.filter(card=card)
        ]
        counted += memory.fold(card.created_at, log)[1]
    recalls = [row for row in counted if row.was_recall]
    rows = list(DailyStats.objects.filter(user=mei))
    fraction = sum(row.recalled for row in rows) / sum(row.recalls for row in rows)
    assert sum(row.recalls for row in rows) == len(recalls) > 40
    assert fraction == sum(row.review.rating > 1 for row in recalls) / len(recalls)
    assert 0.75 < fraction < 0.99, "a learner who aims at 90%"
    for row in selectors.statistics.calibration_bins(mei)["questions"]:
        answers = Answer.objects.filter(user=mei, place=1, confidence=row.confidence)
        assert (row.of, row.right) == (answers.count(), answers.filter(outcome="right").count())
    assert calibration.brier_score([]) is None
    assert demo.fill(user=mei).endswith("nothing was added.") and Review.objects.count() == len(
        counted
    )


def test_copied_runs_of_the_demonstration_are_no_evidence(mei: User, many: Any) -> None:
    recorded(loaded())
    many(1)
    demo.fill(user=mei)
    runs = Run.objects.filter(owner=mei, state="succeeded", at_defaults=True)
    claims = set(runs.values_list("verdicts__claim", flat=True))
    assert claims and evidence_counts(claims) == {}


def test_a_demonstration_without_questions_says_what_to_load(mei: User) -> None:
    assert "load_questions" in demo.fill(user=mei) and not Review.objects.exists()
