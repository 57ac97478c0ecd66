"""The queue of unsent grades, in a browser: a connection that breaks at a bad moment, full storage,
keys that are held down.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.progress import services
from apps.progress.models import Card, Review, ReviewSession
from apps.questions.models import Question
from tests.common.browsing import Open, needs_browser, press
from tests.progress.browsing import (
    PHONE,
    Many,
    begin,
    fetches_ahead,
    learn,
    listens,
    question_slug,
    ratings,
)
from tests.progress.conftest import make_question

pytestmark = needs_browser
AHEAD, GRADE = "**/review?without=*", "**/grade"
FULL = """const set = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  if (key.startsWith("gradus-grades")) throw new DOMException("full", "QuotaExceededError");
  set.call(this, key, value);
};
null"""
HELD = (
    "(key) => document.body.dispatchEvent(new KeyboardEvent('keydown', "
    "{key, repeat: true, bubbles: true}))"
)


@pytest.fixture
def opened(open_page: Open, mei: User, many: Many) -> tuple[Page, Question]:
    """A review of two cards, the answer of the first open, the next one fetched; and the first
    question.
    """
    learn(mei, questions := many(2))
    page = open_page("/review", mei)
    with fetches_ahead(page):
        begin(page)
    with fetches_ahead(page):
        reveal(page)
    return page, next(question for question in questions if question.slug == question_slug(page))


def reveal(page: Page) -> None:
    press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    page.wait_for_load_state()


def shows(page: Page, question: Question) -> None:
    expect(page.locator("article.q")).to_have_attribute("data-question", question.slug)


def has_left(page: Page, question: Question) -> None:
    expect(page.locator("article.q")).not_to_have_attribute("data-question", question.slug)


def come_back(page: Page) -> None:
    page.unroute(GRADE)
    page.evaluate("dispatchEvent(new Event('online'))")


def grade_in_memory(page: Page) -> None:
    """Grade where neither the site nor the storage takes it."""
    page.evaluate(FULL)
    page.route(GRADE, lambda route: route.abort())
    press(page, "3")
    expect(page.locator("#unsent")).to_have_text("1 grade has not been sent yet")


def test_a_key_that_is_held_is_one_press(opened: tuple[Page, Question]) -> None:
    page, _first = opened
    for key in (" ", "4", "s", "u"):
        page.evaluate(HELD, key)
    expect(page.locator("form[data-sent]")).to_have_count(0)
    press(page, "z")
    expect(page.locator("#paused")).to_be_visible()
    assert not Card.objects.filter(suspended=True).exists()


def test_rows_go_on_while_their_key_is_held(open_page: Open, many: Many) -> None:
    many(3)
    page = open_page("/questions")
    press(page, "j")
    page.evaluate(HELD, "j")
    expect(page.locator("[data-row]").nth(1)).to_be_focused()


def test_escape_closes_the_menu_and_not_the_review(opened: tuple[Page, Question]) -> None:
    page, _first = opened
    page.locator("#who > summary").click()
    press(page, "Escape")
    expect(page.locator("#who .menu-list")).to_be_hidden()
    press(page, "z")
    expect(page.locator("#paused")).to_be_visible()
    assert ReviewSession.objects.get().ended_at is None


def test_a_grade_waits_where_storage_is_full(opened: tuple[Page, Question]) -> None:
    page, first = opened
    grade_in_memory(page)
    come_back(page)
    expect(page.locator("#unsent")).to_be_hidden()
    assert ratings(first) == [3]


def test_a_page_that_alone_holds_a_grade_is_not_left_unasked(opened: tuple[Page, Question]) -> None:
    page, first = opened
    grade_in_memory(page)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
    assert ratings(first) == [], "who leaves all the same leaves it"


@pytest.mark.parametrize("status", [400, 409])
def test_a_grade_that_is_not_taken_is_said_where_one_looks(
    opened: tuple[Page, Question], status: int
) -> None:
    page, _first = opened
    page.route(GRADE, lambda route: route.fulfill(status=status, body=""))
    press(page, "3")
    expect(page.locator("#unsent")).to_have_text(
        "A grade was not accepted; answer that question again."
    )
    expect(page.locator("#unsent")).to_be_visible()


def test_a_review_goes_on_once_the_site_is_well_again(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    for path in (AHEAD, GRADE):
        page.route(path, lambda route: route.fulfill(status=503, body=""))
    begin(page)
    first = question_slug(page)
    reveal(page)
    press(page, "3")
    expect(page.locator("#stays")).to_be_visible()
    for path in (AHEAD, GRADE):
        page.unroute(path)
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    assert Review.objects.count() == 1


def test_a_card_that_nothing_follows_is_graded_anew_after_undo(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    for path in (AHEAD, GRADE):
        page.route(path, lambda route: route.abort())
    begin(page)
    first = question_slug(page)
    reveal(page)
    press(page, "3")
    expect(page.locator("#stays")).to_be_visible()
    press(page, "u")
    expect(page.locator("#stays")).to_have_count(0)
    expect(page.locator("#unsent")).to_be_hidden()
    page.unroute(GRADE)
    press(page, "Space")
    press(page, "4")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    page.wait_for_load_state()
    assert [review.rating for review in Review.objects.all()] == [4]


def test_undo_of_a_grade_that_is_on_its_way(opened: tuple[Page, Question]) -> None:
    page, first = opened
    held_routes: list[Route] = []
    page.route(GRADE, lambda route: held_routes.append(route))
    with page.expect_request(GRADE):
        press(page, "4")
    has_left(page, first)
    press(page, "u")
    held_routes[0].continue_()
    expect(page.locator(".messages")).to_contain_text("Undone: Easy.")
    shows(page, first)
    assert ratings(first) == []


def test_a_grade_given_after_undo_counts_though_the_first_had_arrived(
    opened: tuple[Page, Question],
) -> None:
    page, first = opened

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(GRADE, lose_the_answer)
    press(page, "4")
    has_left(page, first)
    press(page, "u")
    shows(page, first)
    page.unroute(GRADE)
    press(page, "Space")
    with page.expect_response(GRADE):
        press(page, "1")
    assert ratings(first) == [1]


def test_a_reload_right_after_a_grade_goes_on(open_page: Open, mei: User, many: Many) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    begin(page)
    first = question_slug(page)
    held_routes: list[Route] = []
    page.route(AHEAD, lambda route: held_routes.append(route))
    reveal(page)
    with page.expect_response(GRADE):
        press(page, "4")
    page.reload()
    assert question_slug(page) != first


def test_another_language_keeps_the_card(opened: tuple[Page, Question]) -> None:
    page, first = opened
    with page.expect_response(GRADE):
        press(page, "4")
    has_left(page, first)
    page.locator(".tool.lang").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    has_left(page, first)


def test_whoever_was_signed_out_comes_to_the_home_page(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    begin(page)
    page.route(
        AHEAD,
        lambda route: route.fulfill(
            content_type="text/html", body="<main id=main><h1>Sign in</h1></main>"
        ),
    )
    reveal(page)
    page.context.clear_cookies()
    press(page, "3")
    page.wait_for_url("**/login/**")
    assert "gradus-grades" in page.evaluate("Object.keys(localStorage).join()")


def test_grades_are_sent_before_the_next_review_begins(
    opened: tuple[Page, Question], mei: User
) -> None:
    page, first = opened
    page.route(GRADE, lambda route: route.abort())
    press(page, "4")
    expect(page.locator("#unsent")).to_be_visible()
    services.reviews.end_session(user=mei)
    page.unroute(GRADE)
    page.goto("/review")
    expect(page.locator("h1")).to_have_text("1 card is due")
    assert ratings(first) == [4]


def test_what_is_written_is_kept_until_it_has_arrived(
    open_page: Open, mei: User, concept: Question
) -> None:
    page = open_page("/questions/why-relu", mei)
    page.evaluate("localStorage.setItem('gradus-draft-old', '1700000000000 of last year')")
    page.locator("#written").fill("2 reasons")
    page.route(
        "**/reveal",
        lambda route: route.fulfill(
            status=502, content_type="text/html", body="<h1>Bad gateway</h1>"
        ),
    )
    page.locator("#reveal .reveal-row button").click()
    expect(page.locator("h1")).to_have_text("Bad gateway")
    page.unroute("**/reveal")
    page.goto("/questions/why-relu")
    expect(page.locator("#written")).to_have_value("2 reasons")
    page.locator("#reveal .reveal-row button").click()
    expect(page.locator(".wrote")).to_have_text("2 reasons")
    page.wait_for_function(
        "!Object.keys(localStorage).some((key) => key.startsWith('gradus-draft'))"
    )


def test_a_page_that_comes_back_checks_nothing_any_more(
    open_page: Open, mei: User, numeric: Question
) -> None:
    page = open_page("/questions/how-long", mei)
    # as one that is left half-way
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.locator("#part-1-in").fill("-1")
    button = page.locator("#part-1 button")
    button.click()
    expect(button).to_have_text("Checking")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})) && null")
    expect(button).to_have_text("Check the answer")


def test_what_came_of_an_answer_has_the_focus(
    open_page: Open, mei: User, numeric: Question
) -> None:
    page = open_page("/questions/how-long", mei)
    for typed, spoken in (("?", "This was not counted."), ("-1", "That's not right.")):
        page.locator("#part-1-in").fill(typed)
        press(page, "Enter")
        expect(page.locator(".said:focus")).to_contain_text(spoken)


@pytest.mark.parametrize("kind", ["concept", "code"])
def test_a_tap_on_the_sheet_opens_the_answer(open_page: Open, mei: User, kind: str) -> None:
    learn(
        mei,
        [make_question("to-tap", kinds=[kind], starter="def f(x):\n" if kind == "code" else "")],
    )
    page = open_page("/review", mei, **PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Start").tap()
    listens(page, "#session")
    page.locator("#written").tap()
    page.locator(".statement").tap()  # the keyboard goes
    expect(page.locator("#written")).not_to_be_focused()
    page.locator(".statement").tap()
    expect(page.locator(".grade")).to_be_visible()


SMALL = """() => [...document.querySelectorAll(
    "main :is(button, summary, select, input, textarea, label:has(input), .btn)")]
  .filter((el) => el.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((el) => !el.matches(".sr, [type=hidden]"))
  .filter((el) => !(el.matches("input, select")
    && (el.closest("label") || (el.type === "checkbox" && el.labels.length))))
  .filter((el) => el.getBoundingClientRect().height < 43.5)
  .map((el) => [el.tagName, el.className, el.textContent.trim().slice(0, 30),
    el.getBoundingClientRect().height].join(" "))"""


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/plan",
        "/progress",
        "/questions",
        "/questions/all-of-it",
        "/questions/question-0",
        "/review",
    ],
)
def test_a_thumb_finds_everything(
    open_page: Open, mei: User, mixed: Question, many: Many, path: str
) -> None:
    learn(mei, [mixed, *many(3)])
    page = open_page(path, mei, **PHONE)
    assert page.evaluate(SMALL) == []
    if path.startswith("/questions/"):
        page.locator("#reveal .reveal-row button").click()
        listens(page, ".grade")
        assert page.evaluate(SMALL) == []


def test_paper_shows_the_sheet_alone(open_page: Open, mei: User, concept: Question) -> None:
    mei.theme = "dark"
    mei.save()
    page = open_page("/questions/why-relu", mei)
    page.emulate_media(media="print")
    for hidden in (".bar", ".side", "#reveal .reveal-row button"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    ground: Any = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(map(int, re.findall(r"\d+", ground)[:3])) > 200
