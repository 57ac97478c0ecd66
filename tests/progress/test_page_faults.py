"""No page of study, in any state, violates axe's rules or the content policy, or overflows a narrow
window.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.progress import demo, services
from apps.questions.models import Question
from tests.common.browsing import Open, look_over, needs_browser, press
from tests.progress.browsing import PHONE, Many, begin
from tests.progress.conftest import SiteClock

pytestmark = needs_browser
STATES: dict[str, Callable[[Page], Any]] = {
    "/": lambda page: None,
    "/plan": lambda page: None,
    "/progress": lambda page: None,
    "/topics/metrics": lambda page: None,
    "/questions/all-of-it": lambda page: page.locator(".begin summary").click(),
    "/questions/all-of-it?back=/": lambda page: (
        page.locator("#reveal .reveal-row button").click(),
        expect(page.locator("#ref")).to_be_visible(),
    ),
    "/questions/question-0": lambda page: (
        press(page, "Space"),
        expect(page.locator(".grade")).to_be_visible(),
    ),
    "/review": begin,
}


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", {}), ("zh-hans", "dark", PHONE)]
)
def test_nothing_is_found_on_any_page(
    open_page: Open,
    mei: User,
    mixed: Question,
    many: Many,
    language: str,
    theme: str,
    size: dict[str, Any],
) -> None:
    many(4)
    demo.fill(user=mei)
    mei.language, mei.theme = language, theme
    mei.save()
    page = open_page("/", mei, **size)
    for path, act in STATES.items():
        page.goto(path)
        look_over(page)
        act(page)
        look_over(page)


def test_an_empty_account_and_a_wrong_answer_and_a_backlog(
    open_page: Open, mei: User, numeric: Question, site_clock: SiteClock
) -> None:
    for path in ("/", "/progress", "/review"):
        look_over(open_page(path, mei))
    page = open_page("/questions/how-long", mei)
    page.locator("#part-1-in").fill("?")
    press(page, "Enter")
    expect(page.locator(".said")).to_have_attribute("data-kind", "unread")
    look_over(page)
    services.reviews.record(user=mei, question=numeric, review_id=uuid.uuid4(), rating=3)
    services.reviews.record(user=mei, question=numeric, review_id=uuid.uuid4(), rating=3)
    site_clock.later(days=20)
    page = open_page("/", mei)
    expect(page.locator(".behind")).to_be_visible()
    look_over(page)
