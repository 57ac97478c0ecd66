"""The steps of a day's plan, their order and how long they take. Pure: counts in, steps out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_STEPS = 5
MAX_FORECAST_DAYS = 366  # a backlog that takes longer counts as never cleared
VERDICT_MINUTES, QUESTION_MINUTES, LAB_MINUTES, PLAN_MINUTES = 3, 8, 6, 1
MINUTES_OFFERED = (20, 30, 45)  # a day, to a learner with a backlog


@dataclass(frozen=True)
class Step:
    """One step of the day's plan. `presenters.today.present_step` words it."""

    kind: str  # plan, review, verdict, question, lab
    minutes: int
    url: str
    is_done: bool = False
    count: int = 0
    right: int = 0  # cards recalled, of a review that is done
    about: str = ""  # title of the lab or the question
    about_html: str = ""  # of the question, sanitized
    mark_url: str = ""  # of a verdict: a POST there marks it as read and redirects to `url`


@dataclass(frozen=True)
class ScheduledStep:
    """A step with its place in the day."""

    step: Step
    at: int  # minutes before it
    is_now: bool

    @property
    def state(self) -> str:
        return "done" if self.step.is_done else "now" if self.is_now else "next"


def schedule(steps: Sequence[Step]) -> list[ScheduledStep]:
    """Return the steps of the day in order, those that are done first, each with the minutes before
    it. The first that is not done is the present one.
    """
    scheduled, at, has_present = list[ScheduledStep](), 0, False
    for step in sorted(steps[:MAX_STEPS], key=lambda step: not step.is_done):
        is_now = not step.is_done and not has_present
        has_present = has_present or is_now
        scheduled.append(ScheduledStep(step, at, is_now))
        at += step.minutes
    return scheduled


def cards_that_fit(cards: int, minutes: int, seconds_a_card: float) -> int:
    """Return how many of the cards fit into the day's minutes: at least one, where there are
    any.
    """
    if not cards:
        return 0
    return max(1, min(cards, int(minutes * 60 / seconds_a_card)))


def days_to_clear(backlog: int, a_day: int, coming: Sequence[int]) -> int | None:
    """Return in how many days no due card is left, reviewing `a_day` cards; none where that takes
    longer than `MAX_FORECAST_DAYS`.

    Args:
        backlog: cards that are due now.
        coming: cards that fall due on each of the next days; on later days, their mean. Reviewed
            cards fall due again, which is not counted: the result is a lower bound.
    """
    left, usual = backlog, math.ceil(sum(coming) / len(coming)) if coming else 0
    for day in range(MAX_FORECAST_DAYS):
        left = max(0, left - a_day)
        if not left:
            return day
        left += coming[day] if day < len(coming) else usual
    return None
