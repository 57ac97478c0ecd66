from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory

from apps.accounts.middleware import PreferencesMiddleware
from apps.accounts.models import User

NEW = {"language": "zh-hans", "theme": "dark", "time_zone": "Asia/Shanghai"}


def test_they_are_stored(signed_in: Client, mei: User) -> None:
    response = signed_in.post("/settings", NEW, follow=True)
    mei.refresh_from_db()
    assert {name: getattr(mei, name) for name in NEW} == NEW
    page = response.content.decode()
    assert "设置已保存" in page and 'data-theme="dark"' in page


def test_same_as_browser_and_system_deletes_the_cookies(signed_in: Client) -> None:
    signed_in.post("/language", {"language": "zh-hans"})
    signed_in.post("/theme", {"theme": "dark"})
    page = signed_in.post(
        "/settings",
        NEW | {"language": "", "theme": ""},
        headers={"accept-language": "en"},
        follow=True,
    ).content.decode()
    assert '<html lang="en">' in page and "Settings saved." in page


def test_they_show_the_address_to_its_owner(signed_in: Client, mei: User) -> None:
    page = signed_in.get("/settings").content.decode()
    assert mei.email in page and "How you sign in" in page and "Sign out" in page
    assert "Change password" in signed_in.get("/settings/sign-in").content.decode()


def test_every_page_of_the_account_is_in_one_list(signed_in: Client) -> None:
    page = signed_in.get("/settings/sign-in").content.decode()
    pages = re.findall(r'<li><a href="(/[^"]+)"', page.partition("account-pages")[2])
    assert {"/settings", "/settings/sign-in", "/settings/email", "/settings/delete"} <= set(pages)
    assert all(signed_in.get(path).status_code == 200 for path in pages)
    assert '<a href="/settings/sign-in" aria-current="page">' in page


@pytest.mark.django_db
def test_they_need_a_sign_in(client: Client) -> None:
    assert client.get("/settings")["Location"] == "/accounts/login/?next=/settings"
    assert client.post("/settings", NEW)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Mars/Olympus"),
        ("time_zone", ""),
        ("time_zone", "UTC\x00"),
        ("time_zone", "x" * 100_000),
        ("time_zone", "../../etc/passwd"),
        ("language", "de"),
        ("theme", "sepia"),
        ("theme", "\x00"),
    ],
)
def test_invalid_values_are_errors_and_change_nothing(
    signed_in: Client, mei: User, field: str, value: str
) -> None:
    response = signed_in.post("/settings", NEW | {field: value})
    assert response.status_code == 200 and response.context["form"].errors[field]
    mei.refresh_from_db()
    assert (mei.language, mei.theme, mei.time_zone) == ("", "", "UTC")


def test_times_are_shown_in_the_members_zone(mei: User, rf: RequestFactory) -> None:
    def show(request: Any) -> Any:
        return Template("{{ when|date:'H:i' }}").render(
            Context({"when": datetime(2026, 11, 21, 20, 0, tzinfo=UTC)})
        )

    request = rf.get("/")
    request.user = mei
    assert PreferencesMiddleware(show)(request) == "20:00"
    mei.time_zone = "Asia/Shanghai"
    assert PreferencesMiddleware(show)(request) == "04:00"
    mei.time_zone = "Gone/Away"  # unknown to this machine
    assert PreferencesMiddleware(show)(request) == "20:00"


def test_a_zone_outside_the_list_stays_while_it_is_kept(signed_in: Client, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(time_zone="Etc/GMT+3")
    assert 'value="Etc/GMT+3" selected' in signed_in.get("/settings").content.decode()
    assert signed_in.post("/settings", NEW | {"time_zone": "Etc/GMT+3"}).status_code == 302
