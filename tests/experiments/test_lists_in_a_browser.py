"""Long lists in a browser: by keyboard, on a phone in the dark, and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    look_over,
    needs_browser,
    open_page,
    press,
    site,
)
from tests.experiments import large_lists
from tests.progress.browsing import PHONE
from tests.progress.conftest import make_question

pytestmark = needs_browser


@pytest.fixture
def filled(mei: User, site: str) -> User:  # noqa: F811
    make_question("a-model")
    large_lists.fill(mei, "a-model")
    return mei


def present_page(page: Page) -> str:
    return page.locator(".pages [aria-current=page]").inner_text()


def test_lists_are_searched_paged_and_opened_by_keyboard(
    filled: User,
    open_page: Open,  # noqa: F811
) -> None:
    page = open_page("/claims", filled)
    press(page, "/")
    page.keyboard.type("dead")
    press(page, "Enter")
    page.wait_for_url("**words=dead*")
    expect(page.locator("[name=words]")).to_have_value("dead")
    page.get_by_role("link", name="Page 2", exact=True).focus()
    press(page, "Enter")
    page.wait_for_url("**page=2")
    assert present_page(page) == "2" and "words=dead" in page.url
    press(page, "j", "j", "k")
    expect(page.locator("[data-row]").first).to_be_focused()
    press(page, "Enter")
    page.wait_for_url("**/labs/made-*")
    page.goto("/claims#made-71.lr-kills")  # on another page of the ledger
    page.wait_for_url("**?lab=made-71#made-71.lr-kills")
    expect(page.locator("tr.aimed")).to_have_id("made-71.lr-kills")
    page.goto("/labs?topic=losses")
    page.locator("[name=kind]").select_option("analytic")
    page.wait_for_url("**kind=analytic**")
    expect(page.locator("[name=topic]")).to_have_value("losses")


def test_lists_fit_a_phone_in_the_dark_and_need_no_scripts(
    filled: User,
    open_page: Open,  # noqa: F811
) -> None:
    page = open_page("/claims?page=5", filled, color_scheme="dark", locale="zh-CN", **PHONE)
    for path in ("/claims?page=5", "/claims?page=99", "/labs?page=2", "/questions?page=3"):
        page.goto(path)
        look_over(page)
    plain = open_page("/claims?verdict=hidden", java_script_enabled=False)
    before = plain.locator(".pages [aria-current=page]")
    expect(before).to_have_text("1")
    plain.get_by_role("link", name="Next").click()
    expect(plain).to_have_url(re.compile(r"\?verdict=hidden&page=2$"))
    plain.locator("[name=topic]").select_option("losses")
    plain.get_by_role("button", name="Filter").click()
    expect(plain.locator(".ledger-lab").first).to_be_visible()
    expect(plain).to_have_url(re.compile("topic=losses&verdict=hidden"))
