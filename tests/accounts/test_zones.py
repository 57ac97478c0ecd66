"""Time zones that Python or PostgreSQL does not have, or no longer: they break no page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from apps.accounts import zones
from apps.accounts.forms.settings import zone_choices
from apps.accounts.models import User
from apps.accounts.zone_names import CANONICAL_NAMES
from tests.accounts.conftest import PASSWORD

SAM = {"email": "sam@example.org", "username": "Sam", "password1": PASSWORD}


def clear_caches() -> None:
    for table in (zones.available_zones, zones.zone_of, zones._unknown_to_database, zone_choices):
        table.cache_clear()


@pytest.fixture
def no_berlin(db: None) -> Iterator[None]:
    """A PostgreSQL that does not know Europe/Berlin."""
    clear_caches()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY VIEW pg_timezone_names AS SELECT * FROM pg_catalog.pg_timezone_names "
            "WHERE name <> 'Europe/Berlin'"
        )
        cursor.execute("SET LOCAL search_path = pg_temp, pg_catalog, public")
    yield
    clear_caches()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("US/Pacific", "America/Los_Angeles"),
        ("Etc/UTC", "UTC"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
        ("localtime", "UTC"),
    ],
)
def test_a_former_name_is_stored_as_the_canonical_one(
    client: Client, sent: str, stored: str
) -> None:
    client.post("/accounts/signup/", SAM | {"time_zone": sent})
    assert User.objects.get(handle="Sam").time_zone == stored


@pytest.mark.django_db
def test_the_admin_stores_the_canonical_name_too(mei: User) -> None:
    mei.time_zone = "Asia/Calcutta"
    mei.full_clean()
    assert mei.time_zone == "Asia/Kolkata"


@pytest.mark.django_db
def test_a_zone_that_postgresql_does_not_know_is_not_stored(
    client: Client, mei: User, no_berlin: None
) -> None:
    client.post("/accounts/signup/", SAM | {"time_zone": "Europe/Berlin"})
    assert User.objects.get(handle="Sam").time_zone == "UTC"
    mei.time_zone = "Europe/Berlin"
    with pytest.raises(ValidationError):
        mei.full_clean()
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    new = {"language": "en", "theme": "", "time_zone": "Europe/Berlin"}
    assert client.post("/settings", new).context["form"].errors["time_zone"]


PAGES = ("/", "/review", "/progress", "/plan", "/questions", "/settings", "/labs", "/claims")
LISTS = ("experiments/run/", "questions/revision/", "progress/dailystats/", "progress/card/")


def open_every_page(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for path in (*PAGES, *(f"/admin/{path}" for path in LISTS)):
        assert client.get(path, follow=True).status_code == 200, path


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Calcutta", "Gone/Away", "localtime", "Africa", "", "../x"])
def test_every_page_works_for_an_account_whose_zone_is_unknown(mei: User, zone: str) -> None:
    User.objects.filter(pk=mei.pk).update(time_zone=zone)
    open_every_page(mei)


def test_every_page_works_for_an_account_whose_zone_postgresql_does_not_have(
    mei: User, no_berlin: None, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.filter(pk=mei.pk).update(time_zone="Europe/Berlin")
    open_every_page(mei)
    assert caplog.text.count("PostgreSQL does not know the time zone 'Europe/Berlin'") == 1


def test_a_zone_that_is_gone_counts_as_utc_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clear_caches()
    assert [zones.zone_of("Gone/Away") for _time in range(3)] == [UTC] * 3
    assert caplog.text.count("'Gone/Away'") == 1


@pytest.mark.django_db
def test_the_settings_offer_no_former_names_and_what_one_has(signed_in: Client, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(time_zone="Asia/Calcutta")
    page = signed_in.get("/settings").content.decode()
    assert 'value="Asia/Kolkata" selected' in page and "Asia/Calcutta" not in page
    User.objects.filter(pk=mei.pk).update(time_zone="Gone/Away")
    page = signed_in.get("/settings").content.decode()
    assert 'value="UTC" selected' in page and "Gone/Away" not in page


def test_a_present_name_is_no_former_one_and_tells_the_same_time() -> None:
    available = available_timezones()
    assert not CANONICAL_NAMES.keys() & set(CANONICAL_NAMES.values())
    both = [pair for pair in CANONICAL_NAMES.items() if available.issuperset(pair)]
    assert len(both) > 100 or "Asia/Calcutta" not in available, (
        "else there are no former names here"
    )
    for month in range(1, 13):
        at = datetime(2026, month, 1, 3, tzinfo=UTC)
        for former, present in both:
            assert at.astimezone(ZoneInfo(former)).utcoffset() == (
                at.astimezone(ZoneInfo(present)).utcoffset()
            ), (former, present)


@pytest.mark.django_db
def test_postgresql_and_python_know_the_same_present_names() -> None:
    clear_caches()
    present = available_timezones() - CANONICAL_NAMES.keys() - {"localtime"}
    assert present <= zones.available_zones()
