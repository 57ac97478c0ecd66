"""The page that shows the operations of the API, and tries them.

It is not among `tests/e2e/places.py`: axe finds in Swagger UI what we cannot change (contrast of
its buttons, landmarks within ours, fields without labels), and it is larger than a page of ours may
be. What it shows is in the OpenAPI document, which the page links to.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.api.services import make_token
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


def test_a_visitor_authorizes_with_a_token_and_tries_an_operation(
    open_page: Open, mei: User
) -> None:
    _row, token = make_token(user=mei, name="tests", scopes=[Scope.READ], days=1)
    page = open_page("/api/v1/docs")
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    dialog = page.locator(".modal-ux")
    scheme = dialog.locator(".auth-container", has_text="http, Bearer")
    scheme.locator("input").fill(token)
    scheme.get_by_role("button", name="Apply credentials").click()
    expect(scheme.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.get_by_role("button", name="Close").first.click()
    reading = tried(page, "Whose token this is")
    reading.get_by_role("button", name="Execute").click()
    answers = reading.locator(".live-responses-table")
    expect(answers.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(answers).to_contain_text("mei@example.org")
    assert token not in str(page.context.storage_state()), "it is forgotten with the page"
