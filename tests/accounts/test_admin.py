from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import OTHER
from tests.common.editing import edit

PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def boss(operator: User) -> Client:
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=mei",
        "?q=example.org",
        "?is_active__exact=1",
        "?language__exact=zh-hans",
        "?is_superuser__exact=1",
        "?language__exact=%00",
    ],
)
def test_people_are_listed_searched_and_filtered(boss: Client, mei: User, query: str) -> None:
    assert boss.get(PEOPLE + query, follow=True).status_code == 200


def test_someone_is_found_by_handle_or_address(boss: Client, mei: User) -> None:
    page = boss.get(PEOPLE + "?q=mei@example").content.decode()
    assert (
        "mei@example.org" in page and "operator@example.org" not in page.split("result_list", 1)[1]
    )


def test_a_person_is_made_and_changed(boss: Client) -> None:
    new = {
        "handle": "Sam",
        "email": "sam@example.org",
        "usable_password": "true",
        "password1": OTHER,
        "password2": OTHER,
    }
    assert boss.post(PEOPLE + "add/", new).status_code == 302
    sam = User.objects.get(handle="Sam")
    assert sam.check_password(OTHER)
    changed = {"handle": "Samuel", "language": "zh-hans", "time_zone": "Asia/Shanghai"}
    assert edit(boss, f"{PEOPLE}{sam.pk}/change/", **changed).status_code == 302
    sam.refresh_from_db()
    assert (sam.handle, sam.language, sam.time_zone, sam.is_active) == (
        "Samuel",
        "zh-hans",
        "Asia/Shanghai",
        True,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("handle", "mei"),
        ("email", "MEI@example.org"),
        ("handle", "a b"),
        ("handle", "S\x00m"),
        ("email", "x"),
    ],
)
def test_what_cannot_be_is_said(boss: Client, mei: User, field: str, value: str) -> None:
    new = {"handle": "Sam", "email": "sam@example.org", "usable_password": "false", field: value}
    response = boss.post(PEOPLE + "add/", new)
    assert response.status_code == 200 and response.context["errors"]


def test_it_shows_the_sign_of_the_site(boss: Client) -> None:
    html = boss.get("/admin/").content.decode()
    assert 'rel="icon"' in html and "Gradus" in html


def test_it_has_no_sign_in_of_its_own(client: Client, operator: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")


def test_a_member_may_not_enter(signed_in: Client) -> None:
    assert signed_in.get("/admin/", follow=True).status_code == 403
    assert signed_in.get(PEOPLE, follow=True).status_code == 403


def test_the_projects_account_cannot_be_deleted(boss: Client, mei: User) -> None:
    gradus = User.objects.project()
    assert boss.post(f"{PEOPLE}{gradus.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"{PEOPLE}{mei.pk}/delete/", {"post": "yes"}).status_code == 302
    assert (
        User.objects.filter(handle="gradus").exists()
        and not User.objects.filter(pk=mei.pk).exists()
    )
