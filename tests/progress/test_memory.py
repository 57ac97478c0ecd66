"""The state of a card is the fold of its reviews: FSRS with learning steps of ten minutes and
without fuzzing, independent of the order of arrival.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import fsrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.progress import memory
from apps.progress.memory import AGAIN, EASY, GOOD, HARD, Memory, RatedReview

BEGAN = datetime(2026, 11, 2, 10, tzinfo=UTC)


def grade(n: int, rating: int, at: datetime) -> RatedReview:
    return RatedReview(UUID(int=n), rating, at, at.date(), 5.0)


GRADES = st.lists(
    st.tuples(st.sampled_from(memory.RATINGS), st.integers(0, 60 * 24 * 40)), max_size=12
).map(
    lambda variant: [
        grade(n, rating, BEGAN + timedelta(minutes=minutes))
        for n, (rating, minutes) in enumerate(variant)
    ]
)


def test_again_comes_back_in_ten_minutes_and_good_there_is_due_tomorrow() -> None:
    new = Memory(due=BEGAN)
    wrong = memory.after(new, AGAIN, BEGAN, BEGAN.date())
    assert (wrong.due - BEGAN, wrong.state) == (timedelta(minutes=10), memory.LEARNING)
    right = memory.after(wrong, GOOD, wrong.due, BEGAN.date())
    assert (right.due - wrong.due, right.state) == (timedelta(days=1), memory.REVIEW)


def test_a_card_that_is_forgotten_is_learnt_again_in_ten_minutes() -> None:
    reviewed = memory.after(Memory(due=BEGAN), EASY, BEGAN, BEGAN.date())
    forgotten = memory.after(reviewed, AGAIN, reviewed.due, reviewed.due.date())
    assert (forgotten.state, forgotten.due - reviewed.due) == (
        memory.RELEARNING,
        timedelta(minutes=10),
    )


def test_whole_days_apart_it_is_the_library_to_the_digit() -> None:
    scheduler = fsrs.Scheduler(
        learning_steps=[memory.LEARNING_STEP],
        relearning_steps=[memory.LEARNING_STEP],
        enable_fuzzing=False,
    )
    card, ours, at = fsrs.Card(1, due=BEGAN), Memory(due=BEGAN), BEGAN
    for n, rating in enumerate([GOOD, GOOD, HARD, AGAIN, GOOD, EASY, GOOD]):
        card, _log = scheduler.review_card(card, fsrs.Rating(rating), at)
        ours = memory.after(ours, rating, at, at.date())
        assert (ours.due, ours.state, ours.stability, ours.difficulty) == (
            card.due,
            card.state,
            card.stability,
            card.difficulty,
        )
        at += timedelta(days=3 + n)


def test_a_night_between_two_grades_is_a_day_though_it_is_not_24_hours() -> None:
    evening, morning = BEGAN.replace(hour=22), BEGAN.replace(hour=8) + timedelta(days=1)
    reviewed = memory.after(Memory(due=BEGAN), GOOD, evening, evening.date())
    same_hour = memory.after(reviewed, GOOD, evening + timedelta(days=1), morning.date())
    assert memory.after(reviewed, GOOD, morning, morning.date()).stability == same_hour.stability


def test_buttons_carry_intervals_that_rise_from_again_to_easy() -> None:
    reviewed = memory.after(Memory(due=BEGAN), GOOD, BEGAN, BEGAN.date())
    later = reviewed.due
    gaps = memory.intervals(reviewed, later, later.date())
    assert list(gaps.values()) == sorted(gaps.values()) and gaps[AGAIN] == timedelta(minutes=10)


def test_recall_is_nine_in_ten_when_stability_is_over() -> None:
    assert memory.recall(7.0, 7.0) == pytest.approx(0.9)
    assert memory.recall(7.0, 0.0) == 1.0


def test_a_higher_aim_brings_cards_sooner() -> None:
    sooner, later = (
        memory.after(Memory(due=BEGAN), EASY, BEGAN, BEGAN.date(), aim).due for aim in (0.95, 0.8)
    )
    assert sooner < later


@given(GRADES, st.randoms(use_true_random=False))
def test_grades_in_any_order_come_to_one_card(
    grades: list[RatedReview], chance: random.Random
) -> None:
    other = chance.sample(grades, len(grades))
    assert memory.fold(BEGAN, grades) == memory.fold(BEGAN, other)


@given(GRADES)
def test_a_graded_card_always_has_a_memory_that_can_be_stored(grades: list[RatedReview]) -> None:
    state, counted = memory.fold(BEGAN, grades)
    assert len(counted) == len(grades)
    if grades:
        assert (
            state.stability is not None
            and state.stability > 0
            and state.difficulty is not None
            and 1 <= state.difficulty <= 10
        )
        assert (state.step is None) == (state.state == memory.REVIEW)
        assert (
            state.last_review == max(grade.at for grade in grades) and state.due > state.last_review
        )


def test_only_a_known_card_after_a_night_says_something_of_memory() -> None:
    at = [
        BEGAN,
        BEGAN + timedelta(minutes=10),
        BEGAN + timedelta(days=1),
        BEGAN + timedelta(days=1, hours=1),
    ]
    _held, counted = memory.fold(BEGAN, [grade(n, GOOD, when) for n, when in enumerate(at)])
    assert [review.was_recall for review in counted] == [False, False, True, False]


def test_a_memory_is_plain_json_in_the_log() -> None:
    reviewed = memory.after(Memory(due=BEGAN), GOOD, BEGAN, date(2026, 11, 2))
    assert (
        memory.as_json(reviewed)["due"] == reviewed.due.isoformat()
        and memory.as_json(Memory(due=BEGAN))["last_review"] is None
    )
