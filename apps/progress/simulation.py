"""A learner who forgets, made by chance: eight weeks of reviews for the demonstration account. The
same seed, the same weeks.

Each question has a memory of its own, stronger or weaker than FSRS takes it to be; on each day that
the learner studies, what is due is recalled with the chance that this memory gives, and now and
then something new is begun.
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
STUDIES = 0.8  # chance that a day is one of study
BEGINS = 0.45  # chance on such a day to begin something new
EVENING = 15.5  # hours after the day's beginning: half past seven
# cumulative: how a new question goes
AT_FIRST = ((0.35, AGAIN), (0.55, HARD), (0.95, GOOD), (1.0, EASY))
RECALLED = ((0.15, HARD), (0.9, GOOD), (1.0, EASY))


@dataclass(frozen=True)
class SimulatedReview:
    """A review that the model made: of the item with this number."""

    item: int
    review: RatedReview


def reviews(
    items: int, last: date, zone: str, seed: int, weeks: int = WEEKS
) -> list[SimulatedReview]:
    """Return the reviews of `items` questions over the weeks that end with the learner's day
    `last`, in order of time.
    """
    chance = Random(seed)  # noqa: S311 - a demonstration, not a secret
    # times FSRS's stability
    truth = [math.exp(0.5 * (chance.random() + chance.random() - 1)) for _item in range(items)]
    held: dict[int, Memory] = {}
    made = list[SimulatedReview]()
    for n in range(7 * weeks):
        day = last - timedelta(days=7 * weeks - 1 - n)
        if chance.random() > STUDIES:
            continue
        at = days.start(day, zone) + timedelta(hours=EVENING, minutes=90 * chance.random())
        begun = [len(held)] if len(held) < items and (chance.random() < BEGINS or not held) else []
        due = [item for item in sorted(held) if days.is_due(held[item].due, day, zone)]
        for item in due + begun:
            at = _study(item, day, at, truth[item], held, made, chance)
    return made


def _study(
    item: int,
    day: date,
    at: datetime,
    truth: float,
    held: dict[int, Memory],
    made: list[SimulatedReview],
    chance: Random,
) -> datetime:
    """Review an item until it is out of its learning steps; return when that was done."""
    while True:
        known = held.get(item)
        seconds = 20 + 70 * chance.random() ** 2
        at += timedelta(seconds=seconds + 4)
        rating = _rating(known, day, truth, chance)
        made.append(
            SimulatedReview(
                item,
                RatedReview(UUID(int=chance.getrandbits(128)), rating, at, day, round(seconds, 1)),
            )
        )
        held[item] = memory.after(known or Memory(due=at), rating, at, day)
        if held[item].state == memory.REVIEW:
            return at
        at = max(at, held[item].due)


def _rating(known: Memory | None, day: date, truth: float, chance: Random) -> int:
    if known is None or known.stability is None:
        return _drawn(AT_FIRST, chance)
    if known.state != memory.REVIEW:
        return GOOD if chance.random() < 0.9 else AGAIN
    if chance.random() > memory.recall(known.stability * truth, memory.elapsed(known, day)):
        return AGAIN
    return _drawn(RECALLED, chance)


def _drawn(table: tuple[tuple[float, int], ...], chance: Random) -> int:
    at = chance.random()
    return next(rating for edge, rating in table if at <= edge)
