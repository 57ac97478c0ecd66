"""Language and theme: the account's setting, else the cookie, else the browser's preference."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User


def language_of(client: Client, url: str = "/accounts/password/reset/", **headers: str) -> str:
    page = client.get(url, headers=headers).content.decode()
    return page.split('<html lang="', 1)[1].split('"', 1)[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-TW,en;q=0.5", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("de", "en"),
        ("", "en"),
        ("\x00", "en"),
        ("x" * 3000, "en"),
    ],
)
def test_a_visitor_gets_the_browsers_language(client: Client, accepted: str, expected: str) -> None:
    assert language_of(client, accept_language=accepted) == expected


@pytest.mark.django_db
def test_the_switch_is_remembered_and_keeps_the_page(client: Client) -> None:
    response = client.post("/language", {"language": "zh-hans", "next": "/labs?topic=losses"})
    assert response["Location"] == "/labs?topic=losses"
    assert language_of(client, accept_language="en") == "zh-Hans"
    client.post("/language", {"language": "en"})
    assert language_of(client, accept_language="zh-CN") == "en"


def test_a_members_choice_follows_them(signed_in: Client, mei: User) -> None:
    signed_in.post("/language", {"language": "zh-hans", "next": "/settings"})
    mei.refresh_from_db()
    assert mei.language == "zh-hans"
    signed_in.cookies["language"] = "en"
    assert language_of(signed_in, "/settings", accept_language="en") == "zh-Hans"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["", "de", "zh", "EN", "en\x00", "x" * 10_000, "../x"])
def test_an_unknown_language_is_refused(client: Client, language: str) -> None:
    response = client.post("/language", {"language": language})
    assert (
        response.status_code == 400
        and "English (en) and Simplified Chinese (zh-hans)" in response.content.decode()
    )
    assert "language" not in response.cookies


@pytest.mark.django_db
@pytest.mark.parametrize(
    "switch", [("/language", {"language": "en"}), ("/theme", {"theme": "dark"})]
)
@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/" + "x" * 5000],
)
def test_a_switch_never_leads_to_another_site(
    client: Client, switch: tuple[str, dict[str, str]], elsewhere: str
) -> None:
    assert client.post(switch[0], switch[1] | {"next": elsewhere})["Location"] == "/"


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/language", "/theme"])
def test_a_switch_takes_a_form_with_its_token(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(url).status_code == 405
    assert client.post(url, {"language": "en", "theme": "dark"}).status_code == 403


@pytest.mark.django_db
def test_a_visitors_theme_is_in_the_page_before_it_is_painted(client: Client) -> None:
    assert "data-theme" not in client.get("/accounts/login/").content.decode().split(">", 3)[1]
    client.post("/theme", {"theme": "dark"})
    page = client.get("/accounts/login/").content.decode()
    assert '<html lang="en" data-theme="dark">' in page
    assert 'name="theme" value="light"' in page, "the next press leads back"


def test_a_members_theme_follows_them(signed_in: Client, mei: User) -> None:
    signed_in.post("/theme", {"theme": "dark"})
    mei.refresh_from_db()
    assert mei.theme == "dark"
    signed_in.cookies["theme"] = "light"
    assert 'data-theme="dark"' in signed_in.get("/settings").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("theme", ["", "sepia", '"><script>', "x" * 10_000])
def test_an_unknown_theme_is_refused(client: Client, theme: str) -> None:
    assert client.post("/theme", {"theme": theme}).status_code == 400
    client.cookies["theme"] = "sepia"
    assert "sepia" not in client.get("/accounts/login/").content.decode()


def test_the_cookies_are_secure_where_the_site_is(client: Client, db: None, settings: Any) -> None:
    settings.SECURE = True
    assert client.post("/theme", {"theme": "dark"}).cookies["theme"]["secure"]
