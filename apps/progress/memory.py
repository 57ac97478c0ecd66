"""What a learner remembers of a question, by FSRS: a pure function of the grades that were given.

Learning and relearning have one step of 10 minutes, nothing is drawn at random, the weights are the
library's. Time between two grades counts in the learner's days: a card graded in the evening and
again in the morning was remembered over a night.
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

STEP = timedelta(minutes=10)
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
AIM = 0.9  # recall to aim at, where a plan says nothing


@dataclass(frozen=True)
class Memory:
    """A card's state."""

    due: datetime
    state: int = LEARNING
    step: int | None = 0
    stability: float | None = None  # days
    difficulty: float | None = None  # 1 to 10
    last_review: datetime | None = None
    last_day: date | None = None  # the learner's, of the last review


@dataclass(frozen=True)
class RatedReview:
    """A review and its rating, as it was given."""

    review_id: UUID
    rating: int
    at: datetime
    day: date  # the learner's
    seconds: float = 0.0


@dataclass(frozen=True)
class CountedReview:
    """A grade, and whether it says something about memory: the card was known, and a night or more
    had passed.
    """

    review: RatedReview
    was_recall: bool


def fold(
    created_at: datetime, reviews: Iterable[RatedReview], aim: float = AIM
) -> tuple[Memory, list[CountedReview]]:
    """Return what a card comes to by its grades, whatever order they are handed in.

    Args:
        created_at: when the card was made: new cards are due at once.
        aim: the recall at which the next review is set, 0.8 to 0.95.
    """
    memory, counted = Memory(due=created_at), list[CountedReview]()
    for review in sorted(reviews, key=lambda review: (review.at, review.review_id.int)):
        was_recall = memory.state == REVIEW and elapsed(memory, review.day) > 0
        counted.append(CountedReview(review, was_recall))
        memory = after(memory, review.rating, review.at, review.day, aim)
    return memory, counted


def after(memory: Memory, rating: int, at: datetime, day: date, aim: float = AIM) -> Memory:
    """Return the memory that a grade at an instant of the learner's `day` leaves."""
    at = at.astimezone(UTC)
    known_for = timedelta(days=elapsed(memory, day))
    # FSRS counts whole days between two instants: ours are the learner's
    last = at - known_for if memory.last_review else None
    card = fsrs.Card(
        0,
        fsrs.State(memory.state),
        memory.step,
        memory.stability,
        memory.difficulty,
        memory.due,
        last,
    )
    card, _log = _scheduler(aim).review_card(card, fsrs.Rating(rating), at)
    return Memory(
        card.due,
        card.state.value,
        card.step,
        card.stability,
        card.difficulty,
        at,
        max(day, memory.last_day or day),
    )


def intervals(memory: Memory, at: datetime, day: date, aim: float = AIM) -> dict[int, timedelta]:
    """Return how long each grade would put the card off."""
    return {rating: after(memory, rating, at, day, aim).due - at for rating in RATINGS}


def elapsed(memory: Memory, day: date) -> int:
    """Return the learner's days since the last review; 0 for a card that had none."""
    return max(0, (day - memory.last_day).days) if memory.last_day else 0


def recall(stability: float, days: float) -> float:
    """Return the chance (0 to 1) that something is recalled `days` after its last review.

    Source: FSRS-6, the power forgetting curve.
    """
    return float((1 + FACTOR * days / stability) ** DECAY)


def plain(memory: Memory) -> dict[str, Any]:
    """Return a memory as JSON: for the log."""
    dates = {name: value.isoformat() if value else None for name, value in _dates(memory).items()}
    return {
        "state": memory.state,
        "step": memory.step,
        "stability": memory.stability,
        "difficulty": memory.difficulty,
        **dates,
    }


def _dates(memory: Memory) -> dict[str, datetime | None]:
    return {"due": memory.due, "last_review": memory.last_review}


@lru_cache(maxsize=32)
def _scheduler(aim: float) -> fsrs.Scheduler:
    return fsrs.Scheduler(
        desired_retention=aim, learning_steps=[STEP], relearning_steps=[STEP], enable_fuzzing=False
    )
