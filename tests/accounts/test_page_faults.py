"""Pages about accounts in a browser: both languages and themes, desktop and phone, with errors
shown, and the admin's.
"""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.audit.kinds import Kind
from apps.audit.services import record
from tests.accounts.conftest import OTHER, PASSWORD
from tests.common.browsing import Open, look_over, needs_browser, violations

pytestmark = needs_browser
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SHORT = [("en", "light", "desktop"), ("zh-hans", "dark", "phone")]
ALL = [
    (language, theme, size)
    for language in ("en", "zh-hans")
    for theme in ("light", "dark")
    for size in SIZES
]
VISITORS = [
    "/accounts/login/?next=/settings",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/x/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-x/",
    "/accounts/password/reset/key/done/",
    "/operator/x",
    "/nothing/here",
]
MEMBERS = [
    "/settings",
    "/settings/activity",
    "/settings/sessions",
    "/settings/webhooks",
    "/settings/webhooks/new",
    "/accounts/password/change/",
    "/accounts/logout/",
]


def looks(language: str, theme: str, size: str) -> dict[str, object]:
    return {"cookies": {"language": language, "theme": theme}, "viewport": SIZES[size]}


@pytest.mark.parametrize(
    "look",
    [*SHORT, *(pytest.param(look, marks=pytest.mark.slow) for look in ALL if look not in SHORT)],
)
def test_every_page_is_sound(open_page: Open, mei: User, look: tuple[str, str, str]) -> None:
    visitor = open_page(VISITORS[0], **looks(*look))
    for path in VISITORS:
        visitor.goto(path)
        look_over(visitor)
    changed = {"before": {"groups": []}, "after": {"groups": ["author", "moderator"]}}
    record(Kind.RIGHTS_CHANGED, person=mei, details=changed)
    agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    Client(HTTP_USER_AGENT=agent).post("/accounts/login/", {"login": mei.email, "password": "x"})
    Client().force_login(mei, backend="django.contrib.auth.backends.ModelBackend")  # elsewhere, too
    member = open_page(MEMBERS[0], who=mei, **looks(*look))
    for path in MEMBERS:
        member.goto(path)
        look_over(member)
    member.locator("#who > summary").click()
    look_over(member)


@pytest.mark.parametrize("look", SHORT)
def test_a_page_that_says_what_was_wrong_is_sound(
    open_page: Open, mei: User, look: tuple[str, str, str]
) -> None:
    page = open_page("/accounts/signup/", **looks(*look))
    fill(page, email="mei@example.org", username="Mei", password1="password1234")
    expect(page.locator(".field .wrong")).to_have_count(4)  # two of the password
    expect(page.locator("[name=username]")).to_have_attribute("aria-invalid", "true")
    look_over(page)


def test_someone_signs_up_changes_settings_and_signs_out(open_page: Open) -> None:
    page = open_page("/accounts/signup/?next=/settings", timezone_id="Asia/Shanghai")
    fill(page, email="sam@example.org", username="Sam", password1=PASSWORD)
    expect(page.locator("h1")).to_have_text("Account")
    expect(page.locator("[name=time_zone]")).to_have_value("Asia/Shanghai")
    page.locator("label", has_text="简体中文").click()
    page.locator("main form .btn.pencil").click()
    expect(page.locator("h1")).to_have_text("账号")
    page.locator("#who > summary").click()
    page.get_by_role("button", name="退出登录").first.click()
    expect(page.locator(".signin")).to_be_visible()


def test_all_of_it_works_without_scripts(open_page: Open) -> None:
    page = open_page("/accounts/signup/?next=/settings", java_script_enabled=False)
    page.locator(".tools .lang").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.locator("#theme button").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#help")).to_be_hidden()
    assert page.url.endswith("/accounts/signup/?next=/settings"), "the switches keep the page"
    fill(page, email="sam@example.org", username="Sam", password1=PASSWORD)
    expect(page.locator("h1")).to_have_text("账号")
    page.locator("#who > summary").click()
    page.locator(".menu-list button").click()
    expect(page.locator(".signin")).to_be_visible()


def test_the_operator_comes_in_by_the_link(open_page: Open) -> None:
    from apps.accounts import services

    token = services.make_operator(email="ola@example.org")
    page = open_page(f"/operator/{token}")
    look_over(page)
    page.locator("main button").click()
    expect(page.locator("input[name=password1]")).to_be_visible()
    look_over(page)
    fill(page, password1=OTHER)
    expect(page.locator("h1")).to_have_text("Account")
    page.locator("#who > summary").click()
    expect(page.get_by_role("link", name="Admin")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_admin_keeps_the_policy(open_page: Open, operator: User, language: str) -> None:
    page = open_page("/admin/", who=operator, cookies={"language": language})
    people = "/admin/accounts/user/"
    for path in (
        "/admin/",
        people,
        people + "?q=boss&is_active__exact=1",
        people + "add/",
        f"{people}{operator.pk}/change/",
        f"{people}{operator.pk}/password/",
        f"{people}{operator.pk}/history/",
    ):
        page.goto(path)
        assert page.locator("#content, #content-main").count() and violations(page) == [], path


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"main [name={name}]").fill(value)
    page.locator("main form .btn.pencil").click()
