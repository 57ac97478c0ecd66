"""What a learner remembers of a question, by FSRS: a pure function of the rated reviews.

Learning and relearning have one step of 10 minutes, fuzzing is off and the weights are those of the
library. The time between two reviews is counted in the learner's days (`days`): a card reviewed in
the evening and again the next morning was remembered for one day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import fsrs
from fsrs.scheduler import DEFAULT_PARAMETERS

LEARNING_STEP = timedelta(minutes=10)
LEARNING, REVIEW, RELEARNING = (
    state.value for state in (fsrs.State.Learning, fsrs.State.Review, fsrs.State.Relearning)
)
AGAIN, HARD, GOOD, EASY = (
    rating.value
    for rating in (fsrs.Rating.Again, fsrs.Rating.Hard, fsrs.Rating.Good, fsrs.Rating.Easy)
)
RATINGS = (AGAIN, HARD, GOOD, EASY)
DECAY = -DEFAULT_PARAMETERS[20]
FACTOR = 0.9 ** (1 / DECAY) - 1
DEFAULT_RETENTION = 0.9  # chance of recall at which a card falls due, where no plan sets another


@dataclass(frozen=True)
class Memory:
    """The state of a card."""

    due: datetime
    state: int = LEARNING
    step: int | None = 0
    stability: float | None = None  # days
    difficulty: float | None = None  # 1 to 10
    last_review: datetime | None = None
    last_day: date | None = None  # the learner's day of the last review


@dataclass(frozen=True)
class RatedReview:
    """A review and the rating that was given to it."""

    review_id: UUID
    rating: int
    at: datetime
    day: date  # the learner's
    seconds: float = 0.0


@dataclass(frozen=True)
class CountedReview:
    """A review, and whether it tested recall: the card was past learning, and reviewed on an
    earlier day.
    """

    review: RatedReview
    was_recall: bool


def fold(
    created_at: datetime, reviews: Iterable[RatedReview], retention: float = DEFAULT_RETENTION
) -> tuple[Memory, list[CountedReview]]:
    """Return the state of a card after its reviews, in whatever order they are handed in.

    Args:
        created_at: when the card was created: a new card is due at once.
        retention: chance of recall at which the next review falls due, 0.8 to 0.95.
    """
    memory, counted = Memory(due=created_at), list[CountedReview]()
    for review in sorted(reviews, key=lambda review: (review.at, review.review_id.int)):
        was_recall = memory.state == REVIEW and elapsed(memory, review.day) > 0
        counted.append(CountedReview(review, was_recall))
        memory = after(memory, review.rating, review.at, review.day, retention)
    return memory, counted


def after(
    memory: Memory, rating: int, at: datetime, day: date, retention: float = DEFAULT_RETENTION
) -> Memory:
    """Return the state of a card after one more review, at an instant of the learner's `day`."""
    at = at.astimezone(UTC)
    # FSRS counts whole days between two instants; these instants are whole learner's days apart
    last = at - timedelta(days=elapsed(memory, day)) if memory.last_review else None
    card = fsrs.Card(
        0,
        fsrs.State(memory.state),
        memory.step,
        memory.stability,
        memory.difficulty,
        memory.due,
        last,
    )
    card, _log = _scheduler(retention).review_card(card, fsrs.Rating(rating), at)
    return Memory(
        card.due,
        card.state.value,
        card.step,
        card.stability,
        card.difficulty,
        at,
        max(day, memory.last_day or day),
    )


def intervals(
    memory: Memory, at: datetime, day: date, retention: float = DEFAULT_RETENTION
) -> dict[int, timedelta]:
    """Return for each rating how long after `at` the card would be due again."""
    return {rating: after(memory, rating, at, day, retention).due - at for rating in RATINGS}


def elapsed(memory: Memory, day: date) -> int:
    """Return the learner's days since the last review; 0 for a card that had none."""
    return max(0, (day - memory.last_day).days) if memory.last_day else 0


def recall(stability: float, days: float) -> float:
    """Return the chance (0 to 1) that something is recalled `days` after its last review.

    Source: FSRS-6, the power forgetting curve.
    """
    return float((1 + FACTOR * days / stability) ** DECAY)


def as_json(memory: Memory) -> dict[str, Any]:
    """Return a memory as JSON for the log, without the learner's day."""
    return {
        "state": memory.state,
        "step": memory.step,
        "stability": memory.stability,
        "difficulty": memory.difficulty,
        "due": memory.due.isoformat(),
        "last_review": memory.last_review.isoformat() if memory.last_review else None,
    }


@lru_cache(maxsize=32)
def _scheduler(retention: float) -> fsrs.Scheduler:
    return fsrs.Scheduler(
        desired_retention=retention,
        learning_steps=[LEARNING_STEP],
        relearning_steps=[LEARNING_STEP],
        enable_fuzzing=False,
    )
