"""A card's memory and history as an Anki collection has them. Pure.

Anki counts days from the day on which its collection was created, and each begins at 04:00, as the
learner's do. Of a card in review it stores the day on which it is due; of one in learning, the
second. Its history is the log of reviews, by the millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from apps.progress import memory
from apps.progress.memory import Memory, RatedReview

NEW, LEARN, REVIEW, RELEARN = 0, 1, 2, 3  # cards.type, and revlog.type less one
QUEUE_SUSPENDED = -1
START_FACTOR = 2500  # of the older scheduler, per mille; FSRS uses `data`
LAST_STEP = 1001  # cards.left: one step is left, one of them today
LEARNED, REVIEWED, RELEARNED = 0, 1, 2  # revlog.type
TYPES = {
    memory.LEARNING: (LEARN, LEARNED),
    memory.REVIEW: (REVIEW, REVIEWED),
    memory.RELEARNING: (RELEARN, RELEARNED),
}
MAX_SECONDS = 600


@dataclass(frozen=True)
class Schedule:
    """The columns of a row of `cards` that say when it comes again."""

    type: int
    queue: int
    due: int
    ivl: int  # days
    factor: int
    reps: int
    lapses: int
    left: int
    data: str


@dataclass(frozen=True)
class LoggedReview:
    """A row of `revlog`, but for the card."""

    id: int  # milliseconds since 1970
    ease: int
    ivl: int  # days; seconds if negative
    last_ivl: int
    factor: int
    time: int  # milliseconds
    type: int


def history(
    created_at: datetime, reviews: Iterable[RatedReview], retention: float
) -> list[tuple[Memory, RatedReview, Memory]]:
    """Return the reviews of a card in order, each with the memory before and after it."""
    steps, before = [], Memory(due=created_at)
    for review in sorted(reviews, key=lambda review: (review.at, review.review_id.int)):
        after = memory.after(before, review.rating, review.at, review.day, retention)
        steps.append((before, review, after))
        before = after
    return steps


def schedule(
    state: Memory,
    due_day: date,
    steps: list[tuple[Memory, RatedReview, Memory]],
    *,
    first_day: date,
    retention: float,
    suspended: bool,
    position: int,
) -> Schedule:
    """Return what Anki stores of a card.

    Args:
        state: the memory that the card has.
        due_day: the learner's day on which it is due.
        steps: its `history`.
        first_day: the collection's.
        position: among new cards, from 1.
    """
    if state.last_review is None:
        queue = QUEUE_SUSPENDED if suspended else NEW
        return Schedule(NEW, queue, position, 0, 0, 0, 0, 0, "")
    kind, _logged = TYPES[state.state]
    is_review = kind == REVIEW
    lapses = sum(
        before.state == memory.REVIEW and review.rating == memory.AGAIN
        for before, review, _after in steps
    )
    return Schedule(
        type=kind,
        queue=QUEUE_SUSPENDED if suspended else (REVIEW if is_review else LEARN),
        due=(due_day - first_day).days if is_review else int(state.due.timestamp()),
        ivl=0 if kind == LEARN else interval(state),
        factor=START_FACTOR if kind != LEARN else 0,
        reps=len(steps),
        lapses=lapses,
        left=0 if is_review else LAST_STEP,
        data=fsrs_data(state, retention),
    )


def interval(state: Memory) -> int:
    """Return the days from the last review to the next; of a card that is learned again, those that
    it had earned.
    """
    if state.state != memory.REVIEW or state.last_review is None:
        return max(1, round(state.stability or 1))
    return max(1, round((state.due - state.last_review).total_seconds() / 86400))


def fsrs_data(state: Memory, retention: float) -> str:
    """Return the memory as FSRS in Anki keeps it in `cards.data`."""
    assert state.last_review is not None
    return json.dumps(
        {
            "s": round(state.stability or 0, 4),
            "d": round(state.difficulty or 0, 3),
            "dr": round(retention, 2),
            "decay": round(-memory.DECAY, 4),
            "lrt": int(state.last_review.timestamp()),
        },
        separators=(",", ":"),
    )


def logged(steps: list[tuple[Memory, RatedReview, Memory]], taken: set[int]) -> list[LoggedReview]:
    """Return the rows of `revlog` of a card.

    Args:
        taken: identifiers that other rows have: an identifier is the time, moved by milliseconds
            where two cards were reviewed in one. Those of these rows are added.
    """
    rows = []
    for before, review, after in steps:
        identifier = int(review.at.timestamp() * 1000)
        while identifier in taken:
            identifier += 1
        taken.add(identifier)
        rows.append(
            LoggedReview(
                id=identifier,
                ease=review.rating,
                ivl=_logged_interval(after),
                last_ivl=_logged_interval(before) if before.last_review else 0,
                factor=_logged_difficulty(after),
                time=round(1000 * min(review.seconds, MAX_SECONDS)),
                type=TYPES[before.state][1],
            )
        )
    return rows


def _logged_interval(state: Memory) -> int:
    """Return days, or seconds as a negative number."""
    if state.state == memory.REVIEW:
        return interval(state)
    return -round(memory.LEARNING_STEP.total_seconds())


def _logged_difficulty(state: Memory) -> int:
    """Return the difficulty as Anki logs that of FSRS: 100 to 1100."""
    return round(((state.difficulty or 1) - 1) / 9 * 1000) + 100
