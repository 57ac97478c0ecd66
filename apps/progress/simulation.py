"""A simulated learner: eight weeks of reviews for the demonstration account. The same seed gives
the same weeks.

Each question has a true stability, a random factor times the one that FSRS estimates. On each day
of study every due question is recalled with the chance that its true stability gives, and sometimes
a new question is begun.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from apps.progress import days, memory
from apps.progress.memory import AGAIN, EASY, GOOD, HARD, Memory, RatedReview

WEEKS = 8
STUDY_CHANCE = 0.8  # that a day is a day of study
NEW_CHANCE = 0.45  # that a new question is begun on it
EVENING = 15.5  # hours after the beginning of the day: 19:30
# cumulative distributions of ratings: of a new question, and of one that is recalled
NEW_RATINGS = ((0.35, AGAIN), (0.55, HARD), (0.95, GOOD), (1.0, EASY))
RECALLED_RATINGS = ((0.15, HARD), (0.9, GOOD), (1.0, EASY))
LEARNING_RECALL = 0.9  # chance that a learning step is recalled


@dataclass(frozen=True)
class SimulatedReview:
    """A review of the question with this number."""

    item: int
    review: RatedReview


def reviews(
    items: int, last: date, zone: str, seed: int, weeks: int = WEEKS
) -> list[SimulatedReview]:
    """Return the reviews of `items` questions over the weeks that end with the learner's day
    `last`, in order of time.
    """
    rng = Random(seed)  # noqa: S311 - a demonstration, not a secret
    # true stability as a multiple of what FSRS estimates
    factors = [math.exp(0.5 * (rng.random() + rng.random() - 1)) for _item in range(items)]
    memories: dict[int, Memory] = {}
    log = list[SimulatedReview]()
    for n in range(7 * weeks):
        day = last - timedelta(days=7 * weeks - 1 - n)
        if rng.random() > STUDY_CHANCE:
            continue
        at = days.start(day, zone) + timedelta(hours=EVENING, minutes=90 * rng.random())
        begins = len(memories) < items and (rng.random() < NEW_CHANCE or not memories)
        new = [len(memories)] if begins else []
        due = [item for item in sorted(memories) if days.is_due(memories[item].due, day, zone)]
        for item in due + new:
            at = _study(item, day, at, factors[item], memories, log, rng)
    return log


def _study(
    item: int,
    day: date,
    at: datetime,
    factor: float,
    memories: dict[int, Memory],
    log: list[SimulatedReview],
    rng: Random,
) -> datetime:
    """Review an item until it has left its learning steps; return when that was."""
    while True:
        before = memories.get(item)
        seconds = 20 + 70 * rng.random() ** 2
        at += timedelta(seconds=seconds + 4)
        rating = _rating(before, day, factor, rng)
        review_id = UUID(int=rng.getrandbits(128))
        log.append(
            SimulatedReview(item, RatedReview(review_id, rating, at, day, round(seconds, 1)))
        )
        memories[item] = memory.after(before or Memory(due=at), rating, at, day)
        if memories[item].state == memory.REVIEW:
            return at
        at = max(at, memories[item].due)


def _rating(before: Memory | None, day: date, factor: float, rng: Random) -> int:
    if before is None or before.stability is None:
        return _sampled(NEW_RATINGS, rng)
    if before.state != memory.REVIEW:
        return GOOD if rng.random() < LEARNING_RECALL else AGAIN
    if rng.random() > memory.recall(before.stability * factor, memory.elapsed(before, day)):
        return AGAIN
    return _sampled(RECALLED_RATINGS, rng)


def _sampled(cumulative: tuple[tuple[float, int], ...], rng: Random) -> int:
    at = rng.random()
    return next(rating for edge, rating in cumulative if at <= edge)
