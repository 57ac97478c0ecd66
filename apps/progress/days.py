"""The learner's days: they begin at `START` where the learner is, so that a late evening belongs to
the day it began on. Zones are known here alone: a query is given days, or the instants at which
they begin.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from apps.accounts.zones import zone_of

START = time(4)
DAY = timedelta(days=1)


def start(day: date, zone: str) -> datetime:
    """Return the instant at which a day begins, in UTC. A day in which clocks change is 23 or 25
    hours long.
    """
    return datetime.combine(day, START, zone_of(zone)).astimezone(UTC)


def end(day: date, zone: str) -> datetime:
    """Return the instant at which the day after begins."""
    return start(day + DAY, zone)


def day_of(at: datetime, zone: str) -> date:
    """Return the learner's day that contains an instant."""
    day = at.astimezone(zone_of(zone)).date()
    while at < start(day, zone):
        day -= DAY
    while at >= end(day, zone):
        day += DAY
    return day


def is_due(due: datetime, day: date, zone: str) -> bool:
    """Say whether a card is due on `day`: its time lies within it, or before."""
    return due < end(day, zone)


def week_of(day: date) -> date:
    """Return the Monday of the week that a day is in."""
    return day - timedelta(days=day.weekday())
