"""The page that shows the operations of the API, and tries them.

It is not among `tests/e2e/places.py`: axe finds in Swagger UI what we cannot change (contrast of
its buttons, landmarks within ours, fields without labels), and it is larger than a page of ours may
be. What it shows is in the OpenAPI document, which the page links to.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from tests.common.browsing import Open, needs_browser, violations

pytestmark = needs_browser


def tried(page: Page, summary: str) -> Locator:
    """Open an operation, ready to be filled in."""
    block = page.locator(".opblock", has_text=summary)
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def test_operations_are_tried_by_session_under_the_policy_of_every_page(
    open_page: Open, mei: User
) -> None:
    page = open_page("/settings/tokens", mei, viewport={"width": 390, "height": 844})
    page.get_by_role("link", name="Try the API").click()
    reading = tried(page, "Whose token this is")
    reading.get_by_role("button", name="Execute").click()
    expect(reading.locator(".live-responses-table")).to_contain_text("mei@example.org")
    writing = tried(page, "Change your settings")
    writing.locator("textarea").fill('{"theme": "dark"}')
    writing.get_by_placeholder("If-Match").fill("*")
    writing.get_by_role("button", name="Execute").click()
    expect(writing.locator(".live-responses-table")).to_contain_text('"theme": "dark"')
    mei.refresh_from_db()
    assert mei.theme == "dark"
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(width) <= 0 and violations(page) == []
