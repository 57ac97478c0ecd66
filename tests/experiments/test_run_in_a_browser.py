"""A run's page in a browser: what is seen first, how much comes, what its charts say."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
)
from tests.experiments.pages_cast import SURE, loaded, measured, queued, verdict
from tests.progress.browsing import PHONE

pytestmark = needs_browser
# where the page ends: at the bar at the foot of a phone's screen
FOLD = """() => { const { top } = document.querySelector(".nav").getBoundingClientRect();
    return top > innerHeight / 2 ? top : innerHeight; }"""


def bottom_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize(
    ("options", "language", "headline", "action"),
    [
        ({}, "en", "You were wrong, at 80 %: the answer is “No”", "Make a card of it"),
        (PHONE, "en", "You were wrong, at 80 %: the answer is “No”", "Make a card of it"),
        (PHONE, "zh-hans", "你判断错误，把握 80%：答案是“不会”", "做成卡片"),
    ],
    ids=["desktop", "phone", "phone-zh"],
)
def test_whether_one_was_right_and_what_to_do_next_is_seen_without_scrolling(
    mei: User,
    open_page: Open,  # noqa: F811
    options: dict[str, object],
    language: str,
    headline: str,
    action: str,
) -> None:
    run = measured(queued(mei, loaded(), prediction=SURE), verdict("does_not_hold", effect=0.01))
    page = open_page(f"/runs/{run.pk}", mei, {"language": language}, **options)
    expect(page.locator("#state-h")).to_have_text(headline)
    expect(page.locator(".next-acts .btn").first).to_have_text(action)
    fold = page.evaluate(FOLD)
    for selector in ("#state-h", ".effects", ".next-acts .btn"):
        assert 0 < bottom_of(page, selector) <= fold, selector
