"""What is to be done today, in which order, and for how long. Pure: counts in, steps out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_STEPS = 5
HORIZON = 366  # days after which we do not say when someone will be level
VERDICT_MINUTES, QUESTION_MINUTES, LAB_MINUTES, PLAN_MINUTES = 3, 8, 6, 1
CHOICES = (20, 30, 45)  # minutes a day that are offered to who is behind


@dataclass(frozen=True)
class Step:
    """One step of the day. Its words are the page's; `about` names what it is about."""

    kind: str  # plan, review, verdict, question, lab
    minutes: int
    url: str
    is_done: bool = False
    count: int = 0
    right: int = 0  # of a review that is done: recalled
    about: str = ""
    mark_url: str = ""  # of a verdict: a POST there marks it as read, and leads to `url`


@dataclass(frozen=True)
class Tread:
    """A step in its place on the way down."""

    step: Step
    at: int  # minutes before it
    is_now: bool

    @property
    def state(self) -> str:
        return "done" if self.step.is_done else "now" if self.is_now else "next"


def descent(steps: Sequence[Step]) -> list[Tread]:
    """Return the steps of the day in order, each with the minutes before it; the first that is not
    done is the present one.
    """
    treads, at, found = list[Tread](), 0, False
    for step in sorted(steps[:MAX_STEPS], key=lambda step: not step.is_done):
        is_now = not step.is_done and not found
        found = found or is_now
        treads.append(Tread(step, at, is_now))
        at += step.minutes
    return treads


def fits(cards: int, minutes: int, seconds_a_card: float) -> int:
    """Return how many of the cards fit into the day: at least one, where there are any."""
    if not cards:
        return 0
    return max(1, min(cards, int(minutes * 60 / seconds_a_card)))


def level_in(behind: int, a_day: int, coming: Sequence[int]) -> int | None:
    """Return in how many days nothing is left over, studying `a_day` cards; none where that is
    never.

    Args:
        behind: cards that are due now.
        coming: cards that fall due on each of the next days; after them, as many as on average.
            Each that is studied comes again later, which is not counted: the answer is the soonest
            that is possible.
    """
    left, usual = behind, math.ceil(sum(coming) / len(coming)) if coming else 0
    for day in range(HORIZON):
        left = max(0, left - a_day)
        if not left:
            return day
        left += coming[day] if day < len(coming) else usual
    return None
