"""Forecasts: mean and band against their own simulation, the memory against FSRS."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.progress import forecasting, memory
from apps.progress.forecasting import Known, Pace, Trace
from tests.searching import examples

LEARNERS = 60  # simulated ones
TOPICS = 3

cards = st.lists(
    st.builds(
        Known,
        topic=st.integers(0, TOPICS - 1),
        stability=st.floats(0.1, 120),
        difficulty=st.floats(1, 10),
        elapsed=st.integers(0, 60),
        is_forgotten=st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
paces = st.builds(
    Pace,
    days=st.integers(0, 45),
    minutes=st.integers(5, 60),
    minutes_today=st.integers(0, 60),
    seconds_a_card=st.floats(10, 120),
    minutes_a_question=st.just(8.0),
    retention=st.sampled_from([0.8, 0.9, 0.95]),
)
unmet_questions = st.lists(st.integers(0, 6), min_size=TOPICS, max_size=TOPICS)


@settings(max_examples=examples(8), deadline=None)
@given(cards, unmet_questions, paces, st.integers(0, 2**32))
def test_mean_and_band_are_those_of_simulated_learners(
    learned: list[Known], unmet: list[int], pace: Pace, seed: int
) -> None:
    order, rng = range(TOPICS), Random(seed)
    topics = forecasting.forecast(learned, unmet, order, pace)
    expected = sum(topics[1:], topics[0])
    assert expected.questions == len(learned) + sum(unmet)
    learners = [
        sum(forecasting.simulate(learned, unmet, order, pace, rng)) for _learner in range(LEARNERS)
    ]
    error = (expected.variance / LEARNERS) ** 0.5
    assert mean(learners) == pytest.approx(
        expected.mean, abs=4 * error + 0.03 * expected.questions + 0.1
    )
    low, high = (expected.questions * end for end in expected.band)
    inside = sum(low - 1 <= recalled <= high + 1 for recalled in learners)
    assert inside >= 0.8 * LEARNERS


@settings(max_examples=examples(20), deadline=None)
@given(st.floats(0.1, 300), st.floats(1, 10), st.integers(1, 400))
def test_memories_are_those_of_fsrs(stability: float, difficulty: float, passed: int) -> None:
    first = date(2026, 1, 1)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    card = memory.Memory(noon, memory.REVIEW, None, stability, difficulty, noon, first)
    at, day = noon + timedelta(days=passed), first + timedelta(days=passed)
    trace = Trace(stability, difficulty, 0)
    good = memory.after(card, memory.GOOD, at, day)
    again = memory.after(card, memory.AGAIN, at, day)
    relearned = memory.after(again, memory.GOOD, at + timedelta(minutes=10), day)
    for state, expected in ((trace.recalled(passed), good), (trace.relearned(passed), relearned)):
        assert (state.stability, state.difficulty, state.day) == (
            pytest.approx(expected.stability),
            pytest.approx(expected.difficulty),
            passed,
        )
        due = (expected.due - (expected.last_review or at)).days
        assert state.due(memory.DEFAULT_RETENTION) == passed + due


def test_more_minutes_never_mean_fewer_questions_begun_nor_a_later_day_more_recalled() -> None:
    learned = [Known(0, 3.0, 5.0, n % 9) for n in range(30)]
    idle = Pace(20, 0, 0, 40, 8, 0.9)
    some = Pace(20, 20, 20, 40, 8, 0.9)
    more = Pace(20, 30, 30, 40, 8, 0.9)
    idle_mean, some_mean, more_mean = (
        forecasting.forecast(learned, [40], [0], pace)[0].mean for pace in (idle, some, more)
    )
    assert idle_mean < some_mean < more_mean
    assert idle_mean == pytest.approx(
        sum(memory.recall(card.stability, card.elapsed + 20) for card in learned)
    )


def test_many_cards_are_counted_together_and_come_to_about_the_same() -> None:
    rng = Random(1)
    learned = [
        Known(0, rng.uniform(1, 60), rng.uniform(1, 10), rng.randrange(40)) for _n in range(3000)
    ]
    pace = Pace(30, 0, 0, 40, 8, 0.9)
    exact = sum(memory.recall(card.stability, card.elapsed + 30) for card in learned)
    assert forecasting.forecast(learned, [0], [0], pace)[0].mean == pytest.approx(exact, rel=0.03)
