"""The plan of a day: its steps, and when a backlog would be cleared; the simulated learner."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.progress import days, memory, planning, simulation
from apps.progress.planning import Step


def test_done_steps_come_first_and_the_first_of_the_rest_is_now() -> None:
    steps = [Step("review", 14, "/"), Step("plan", 1, "/", is_done=True), Step("question", 8, "/")]
    assert [
        (scheduled.step.kind, scheduled.at, scheduled.state)
        for scheduled in planning.schedule(steps)
    ] == [
        ("plan", 0, "done"),
        ("review", 1, "now"),
        ("question", 15, "next"),
    ]


def test_a_day_has_five_steps_at_most() -> None:
    assert len(planning.schedule([Step("verdict", 3, "/")] * 9)) == 5


def test_as_many_cards_as_fit_and_one_at_least() -> None:
    assert planning.cards_that_fit(100, 30, 40.0) == 45
    assert planning.cards_that_fit(3, 30, 40.0) == 3
    assert planning.cards_that_fit(3, 5, 4000.0) == 1
    assert planning.cards_that_fit(0, 30, 40.0) == 0


def test_level_when_nothing_is_left_over() -> None:
    assert planning.days_to_clear(126, 30, [6] * 20) == 4, "today is day 0"
    assert planning.days_to_clear(20, 30, []) == 0
    assert planning.days_to_clear(10, 5, [5, 5]) is None


@given(st.integers(0, 5000), st.integers(1, 400), st.lists(st.integers(0, 100), max_size=30))
def test_more_minutes_never_make_it_later(behind: int, a_day: int, coming: list[int]) -> None:
    slow, fast = (
        planning.days_to_clear(behind, a_day, coming),
        planning.days_to_clear(behind, a_day + 10, coming),
    )
    assert slow is None or (fast is not None and fast <= slow)


LAST = date(2026, 11, 17)


def test_the_same_seed_makes_the_same_weeks() -> None:
    assert simulation.reviews(12, LAST, "Europe/Berlin", 7) == simulation.reviews(
        12, LAST, "Europe/Berlin", 7
    )
    assert simulation.reviews(12, LAST, "Europe/Berlin", 7) != simulation.reviews(
        12, LAST, "Europe/Berlin", 8
    )


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"]
)
def test_eight_weeks_lie_in_their_days_in_order(zone: str) -> None:
    log = simulation.reviews(12, LAST, zone, 3)
    times = [row.review.at for row in log]
    assert times == sorted(times) and len(log) >= 50
    assert all(days.day_of(row.review.at, zone) == row.review.day for row in log)
    assert log[-1].review.day <= LAST and log[0].review.day > LAST - timedelta(weeks=8)
    assert len({row.item for row in log}) == 12


def test_what_is_made_is_remembered_about_as_often_as_fsrs_aims_at() -> None:
    recalled = recalls = 0
    for seed in range(6):
        log = simulation.reviews(40, LAST, "UTC", seed)
        for item in {row.item for row in log}:
            item_reviews = [row.review for row in log if row.item == item]
            for counted in memory.fold(item_reviews[0].at, item_reviews)[1]:
                recalls += counted.was_recall
                recalled += counted.was_recall and counted.review.rating > memory.AGAIN
    assert recalls > 300 and 0.8 < recalled / recalls < 0.97
