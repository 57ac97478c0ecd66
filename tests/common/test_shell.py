"""What is on every page: keys, themes, the line of a slow request, words at the place of action."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.common.browsing import Open, go_by_keys, look_over, needs_browser

pytestmark = needs_browser
PAGE = "/accounts/login/"


def test_g_then_a_letter_goes_there(open_page: Open) -> None:
    page = open_page(PAGE)
    go_by_keys(page, "c", "**/claims")
    expect(page.locator(".nav a[aria-current=page]")).to_have_attribute("href", "/claims")
    go_by_keys(page, "d", "**/threads")
    expect(page.locator(".nav a[aria-current=page]")).to_have_attribute("href", "/threads")
    go_by_keys(page, "l", "**/labs")


def test_on_a_phone_claims_are_within_labs(open_page: Open) -> None:
    page = open_page("/labs", viewport={"width": 390, "height": 844})
    expect(page.locator(".nav a:visible")).to_have_text(["Questions", "Labs", "Discuss"])
    page.locator(".tabs a", has_text="Claims").click()
    page.wait_for_url("**/claims")
    expect(page.locator(".tabs a[aria-current=page]")).to_have_text("Claims")
    expect(page.locator(".nav a.holds-current")).to_have_text("Labs")


def test_help_lists_the_keys_of_the_page(open_page: Open) -> None:
    page = open_page(PAGE)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    expect(page.locator(".keylist dd")).to_have_text(
        ["Questions", "Labs", "Claims", "Discuss", "Search", "Keyboard shortcuts"]
    )
    look_over(page)
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()


def test_what_asks_once_is_answered_by_enter(open_page: Open) -> None:
    page = open_page(PAGE)
    ask = (
        '<details class="ask"><summary data-key="x">Stop</summary><form '
        'action="/labs"><button>Yes</button></form></details>'
    )
    page.evaluate(
        "ask => document.querySelector('main').insertAdjacentHTML('afterbegin', ask)", ask
    )
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Yes")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/labs?")


def test_keys_rest_while_one_types(open_page: Open) -> None:
    page = open_page(PAGE)
    page.locator("[name=login]").press_sequentially("glc?")
    expect(page.locator("[name=login]")).to_have_value("glc?")
    expect(page.locator("#keys")).to_be_hidden()


def test_keys_rest_while_an_input_method_composes(open_page: Open) -> None:
    page = open_page(PAGE)
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: '?', isComposing: true, bubbles: true}))"
    )
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: '?', keyCode: 229, bubbles: true}))"
    )
    expect(page.locator("#keys")).to_be_hidden()
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '?', bubbles: true}))"
    )
    expect(page.locator("#keys")).to_be_visible()


def test_keys_can_be_switched_off_for_good(open_page: Open) -> None:
    page = open_page(PAGE)
    page.locator("#help").click()
    page.locator("#keys-on").uncheck()
    page.reload()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    page.locator("#help").click()
    expect(page.locator("#keys-on")).not_to_be_checked()


def test_the_theme_turns_in_place_and_stays(open_page: Open) -> None:
    page = open_page(PAGE, color_scheme="dark")
    page.locator("[name=login]").fill("half an address")
    dark = ground(page)
    with page.expect_response("**/theme"):
        page.locator("#theme button").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert ground(page) != dark
    expect(page.locator("[name=login]")).to_have_value("half an address")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_page_that_knows_no_reader_takes_the_theme_from_the_cookie(open_page: Open) -> None:
    page = open_page(PAGE, cookies={"theme": "dark"}, color_scheme="light")
    dark = ground(page)
    page.route("**" + PAGE, lambda route: without_theme(route))
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert ground(page) == dark


def test_a_request_that_takes_long_draws_a_line_and_is_busy(open_page: Open) -> None:
    page = open_page(PAGE)
    routes: list[Route] = []
    page.route("**" + PAGE, with_button)
    page.route("**/slow", lambda route: routes.append(route))
    page.reload()
    with page.expect_request("**/slow"):
        page.locator("#go").click()
    expect(page.locator("html[data-busy]")).to_be_attached()
    expect(page.locator("#place")).to_have_attribute("aria-busy", "true")
    routes[0].fulfill(body="here it is")
    expect(page.locator("#place")).to_have_text("here it is")
    expect(page.locator("html[data-busy]")).not_to_be_attached()
    expect(page.locator("#place")).not_to_have_attribute("aria-busy", "true")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda route: route.abort(), "The site is not responding"),
        (lambda route: route.fulfill(status=500, body="broken"), "That did not work"),
        (
            lambda route: route.fulfill(
                status=409, headers={"X-Fragment": "1"}, body="<p class='wrong'>a rule said no</p>"
            ),
            "a rule said no",
        ),
    ],
)
def test_what_went_wrong_is_said_at_the_place_of_action(
    open_page: Open, answer: Callable[[Route], None], words: str
) -> None:
    page = open_page(PAGE)
    page.route("**" + PAGE, with_button)
    page.route("**/slow", answer)
    page.reload()
    page.locator("#go").click()
    expect(page.locator("#spot .wrong")).to_have_text(re.compile(words))
    page.locator("#go").click()
    expect(page.locator("#spot .wrong")).to_have_count(1)


def test_the_skip_link_leads_past_the_bar(open_page: Open) -> None:
    page = open_page(PAGE)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def without_theme(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace(' data-theme="dark"', ""))


def with_button(route: Route) -> None:
    """Put onto the page a button that asks for /slow, as pages with htmx have them."""
    response = route.fetch()
    button = (
        '<div id="spot"><button id="go" data-hx-get="/slow" '
        'data-hx-target="#place">go</button><div '
        'id="place"></div></div>'
    )
    route.fulfill(response=response, body=response.text().replace("</h1>", "</h1>" + button))
