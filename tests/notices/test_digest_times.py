"""When mail is due, across time zones and on days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notices.digest_times import COLLECTING, mail_due_at, next_digest
from apps.notices.models import Delivery

ZONES = ["UTC", "Asia/Shanghai", "America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu"]
ODD_ZONES = ["Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("UTC", "2026-11-29T07:59:59+00:00", "2026-11-29T08:00+00:00"),
        ("UTC", "2026-11-29T08:00+00:00", "2026-11-30T08:00+00:00"),
        ("Asia/Shanghai", "2026-11-29T10:00+00:00", "2026-11-30T08:00+08:00"),
        ("Asia/Shanghai", "2026-11-29T23:00+00:00", "2026-11-30T08:00+08:00"),
        ("America/Los_Angeles", "2026-11-29T10:00+00:00", "2026-11-29T08:00-08:00"),
        ("Asia/Kathmandu", "2026-11-29T10:00+00:00", "2026-11-30T08:00+05:45"),
        # clocks go forward, and back, in the night before
        ("Europe/Berlin", "2026-03-28T12:00+01:00", "2026-03-29T08:00+02:00"),
        ("Europe/Berlin", "2026-10-24T12:00+02:00", "2026-10-25T08:00+01:00"),
        ("America/Los_Angeles", "2026-03-07T09:00-08:00", "2026-03-08T08:00-07:00"),
        # a zone that is gone counts as UTC
        ("Gone/Away", "2026-11-29T10:00+00:00", "2026-11-30T08:00+00:00"),
    ],
)
def test_a_digest_is_due_at_eight_by_the_learners_clock(zone: str, now: str, due: str) -> None:
    assert next_digest(at(now), zone) == at(due)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES + ODD_ZONES),
)
def test_it_is_the_next_eight_in_every_zone(now: datetime, zone: str) -> None:
    due = next_digest(now, zone)
    assert now < due <= now + timedelta(hours=49)  # Apia once left a day out
    assert due.astimezone(ZoneInfo(zone)).hour == 8
    assert next_digest(due - timedelta(seconds=1), zone) == due
    assert next_digest(due, zone) > due


def test_each_way_of_delivery_has_its_time() -> None:
    now = at("2026-11-29T10:00+00:00")
    assert mail_due_at(Delivery.AT_ONCE, now, "UTC") == now + COLLECTING
    assert mail_due_at(Delivery.DIGEST, now, "UTC") == at("2026-11-30T08:00+00:00")
    assert mail_due_at(Delivery.SITE, now, "UTC") is None
    assert mail_due_at(Delivery.NEVER, now, "UTC") is None
