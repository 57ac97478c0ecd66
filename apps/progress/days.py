"""The learner's days. A day begins at `START`, local time, so that studying late in the evening
counts for the day on which it began. Only this module knows time zones: queries are given dates, or
the instants at which days begin.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from apps.accounts.zones import zone_of
from apps.common.clock import now

START = time(4)
DAY = timedelta(days=1)


def start(day: date, zone: str) -> datetime:
    """Return the instant at which a day begins, in UTC. A day on which clocks change has 23 or 25
    hours.
    """
    return datetime.combine(day, START, zone_of(zone)).astimezone(UTC)


def end(day: date, zone: str) -> datetime:
    """Return the instant at which the next day begins."""
    return start(day + DAY, zone)


def day_of(at: datetime, zone: str) -> date:
    """Return the learner's day that contains an instant."""
    day = at.astimezone(zone_of(zone)).date()
    while at < start(day, zone):
        day -= DAY
    while at >= end(day, zone):
        day += DAY
    return day


def today(zone: str) -> date:
    """Return the present day of a learner in this zone, by the site's clock."""
    return day_of(now(), zone)


def is_due(due: datetime, day: date, zone: str) -> bool:
    """Return whether a card is due on `day`: its time lies within that day, or before it."""
    return due < end(day, zone)


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())
