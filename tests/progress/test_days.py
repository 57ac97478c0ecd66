"""The learner's day begins at 04:00 local time; a change of clocks neither loses nor doubles an
instant.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.progress import days

ZONES = sorted(available_timezones())
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_a_late_evening_belongs_to_the_day_it_began_on() -> None:
    assert days.day_of(local("2026-11-18T03:59", "Asia/Shanghai"), "Asia/Shanghai") == date(
        2026, 11, 17
    )
    assert days.day_of(local("2026-11-18T04:00", "Asia/Shanghai"), "Asia/Shanghai") == date(
        2026, 11, 18
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 28), 23),
        (date(2026, 3, 29), 24),
        (date(2026, 10, 24), 25),
        (date(2026, 10, 25), 24),
    ],
)
def test_the_day_whose_night_changes_the_clocks_is_shorter_or_longer(day: date, hours: int) -> None:
    assert days.end(day, "Europe/Berlin") - days.start(day, "Europe/Berlin") == timedelta(
        hours=hours
    )


def test_where_clocks_turn_back_at_four_the_hour_that_comes_twice_is_of_one_day() -> None:
    # In Helsinki 04:00 becomes 03:00 in October: both passes of 03:30 come before the one 04:00.
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert [days.day_of(first + timedelta(hours=n), "Europe/Helsinki").day for n in range(3)] == [
        24,
        24,
        25,
    ]


@given(MOMENTS, st.sampled_from(ZONES))
def test_every_moment_is_in_exactly_the_day_that_contains_it(at: datetime, zone: str) -> None:
    day = days.day_of(at, zone)
    assert days.start(day, zone) <= at < days.end(day, zone)


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_card_is_due_on_the_day_that_contains_its_time_and_not_before(
    due: datetime, zone: str
) -> None:
    day = days.day_of(due, zone)
    assert days.is_due(due, day, zone) and not days.is_due(due, day - days.DAY, zone)


def test_a_card_of_the_evening_is_due_in_the_morning_of_its_day() -> None:
    due = local("2026-11-19T22:00", "Europe/Berlin")
    assert days.is_due(
        due,
        days.day_of(local("2026-11-19T04:00", "Europe/Berlin"), "Europe/Berlin"),
        "Europe/Berlin",
    )
    assert not days.is_due(
        due,
        days.day_of(local("2026-11-19T03:59", "Europe/Berlin"), "Europe/Berlin"),
        "Europe/Berlin",
    )


def test_weeks_begin_on_monday() -> None:
    assert (
        days.week_of(date(2026, 11, 22)) == date(2026, 11, 16) == days.week_of(date(2026, 11, 16))
    )


def test_a_zone_that_is_gone_has_days_all_the_same() -> None:
    at = datetime(2026, 11, 18, 3, 59, tzinfo=UTC)
    assert days.day_of(at, "Gone/Away") == date(2026, 11, 17)
    assert days.day_of(at, "Asia/Calcutta") == days.day_of(at, "Asia/Kolkata") == date(2026, 11, 18)


def test_no_query_knows_zones_or_when_a_day_begins() -> None:
    sources = [
        path
        for path in (Path(__file__).parents[2] / "apps").rglob("*.py")
        if "bank" not in path.parts
    ]
    assert len(sources) > 100
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "AT TIME ZONE" not in text.upper() and "interval '4" not in text, path


@pytest.mark.django_db
def test_the_plan_says_when_a_day_begins(member: Client) -> None:
    assert f"starts at {days.START:%H:%M} in your time zone" in member.get("/plan").content.decode()
