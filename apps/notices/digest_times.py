"""When mail about notices is due: the daily digest, and what is mailed at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from apps.accounts.zones import zone_of
from apps.notices.models import Delivery

DIGEST_TIME = time(8)  # by the learner's clocks
# from the first notice until a mail "at once", which tells of all that came meanwhile
COLLECTING = timedelta(minutes=3)
DAY = timedelta(days=1)


def mail_due_at(delivery: Delivery, at: datetime, zone: str) -> datetime | None:
    """Return when a notice that comes at `at` is to be mailed; None: never.

    Args:
        zone: time zone of an account.
    """
    match delivery:
        case Delivery.AT_ONCE:
            return at + COLLECTING
        case Delivery.DIGEST:
            return next_digest(at, zone)
    return None


def next_digest(at: datetime, zone: str) -> datetime:
    """Return the first 08:00 after an instant, by the clocks of a time zone, in UTC."""
    day = at.astimezone(zone_of(zone)).date()
    while (due := _digest_of(day, zone)) <= at:
        day += DAY
    return due


def _digest_of(day: date, zone: str) -> datetime:
    return datetime.combine(day, DIGEST_TIME, zone_of(zone)).astimezone(UTC)
