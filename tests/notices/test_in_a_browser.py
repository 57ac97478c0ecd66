"""Notices in a browser: by keys, without scripts, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.notices.models import Notice
from tests.common.browsing import Open, go_by_keys, look_over, needs_browser, press
from tests.notices.conftest import tell

pytestmark = needs_browser
PHONE = {"viewport": {"width": 320, "height": 700}}


def some(person: User, actor: User) -> None:
    tell(person, actor=actor, path="/labs", title="A title " + "that is long " * 8)
    tell(person, actor=actor, subject="thread:2", path="/claims")


def test_a_notice_is_found_opened_and_marked_by_keys(open_page: Open, mei: User, ola: User) -> None:
    some(mei, ola)
    page = open_page("/settings", mei)
    expect(page.locator("#notices")).to_have_accessible_name("Notices: 2 unread")
    go_by_keys(page, "n", "**/notices")
    look_over(page)
    press(page, "j")
    expect(page.locator("[data-row]").first).to_be_focused()
    press(page, "Enter")
    page.wait_for_url("**/claims")
    expect(page.locator("#notices")).to_have_accessible_name("Notices: 1 unread")
    page.goto("/notices")
    expect(page.locator("li.unread")).to_have_count(1)
    press(page, "a")
    expect(page.locator("li.unread")).to_have_count(0)
    expect(page.locator("#notices")).to_have_accessible_name("Notices")
    look_over(page)


def test_without_scripts_on_a_small_phone_everything_works(
    open_page: Open, mei: User, ola: User
) -> None:
    some(mei, ola)
    page = open_page("/notices", mei, java_script_enabled=False, **PHONE)
    page.get_by_role("button", name="Unread: Why does the loss stall?").click()
    page.wait_for_url("**/claims")
    page.goto("/notices")
    page.get_by_role("button", name="Mark all read").click()
    expect(page.locator("li.unread")).to_have_count(0)
    page.get_by_role("link", name="Notice settings").click()
    page.get_by_role("group", name="Somebody mentions you").get_by_text("Not at all").click()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()


@pytest.mark.parametrize("path", ["/notices", "/notices/settings"])
def test_pages_fit_a_small_phone(path: str, open_page: Open, mei: User, ola: User) -> None:
    some(mei, ola)
    assert Notice.objects.count() == 2
    look_over(open_page(path, mei, **PHONE))
