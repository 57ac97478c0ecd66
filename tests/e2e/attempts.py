"""What people do at questions and reviews: ways to the places of studying. Idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.e2e.browsing import Visitor
from tests.e2e.test_study import answers

Runs = Mapping[str, str]
Way = Callable[[Visitor, Runs], object]
STEP = "exp(-x) / (1 + exp(-x))^2"  # the derivative of the sigmoid


def answered(text: str) -> Way:
    """Answer the numeric part of a question, wrongly for all variants or with no number."""

    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go("/questions/dead-relu")
        _send(visitor, "#part-1", text)

    return way


def _send(visitor: Visitor, part: str, text: str) -> None:
    page = visitor.page
    page.locator(f"{part}-in").fill(text)
    page.locator(f"{part} form button.pencil").click()
    page.locator(f"{part} .said").wait_for()
    page.wait_for_load_state()


def _is_answered(visitor: Visitor, part: str = "#part-1") -> bool:
    return visitor.page.locator(f"{part} .said").count() > 0


def wrong_by_mistake(visitor: Visitor, runs: Runs) -> None:
    """Give the answer of a common mistake, and tick all options."""
    visitor.go("/questions/dead-relu")
    if not _is_answered(visitor):
        _send(visitor, "#part-1", answers(visitor)[0])
    if not _is_answered(visitor, "#part-2"):
        _choose(visitor, "#part-2", "a", "b", "c", "d", "e")


def right(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/questions/dead-relu")
    if not _is_answered(visitor):
        visitor.page.locator("label:has([name=confidence][value='75'])").click()
        _send(visitor, "#part-1", answers(visitor)[1])
        _choose(visitor, "#part-2", "c", "d")


def _choose(visitor: Visitor, part: str, *keys: str) -> None:
    for key in keys:
        visitor.page.locator(f"{part} input[value='{key}']").check()
    visitor.page.locator(f"{part} form button.pencil").click()
    visitor.page.locator(f"{part} .said").wait_for()
    visitor.page.wait_for_load_state()


def chosen(slug: str, *keys: str) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(f"/questions/{slug}")
        _choose(visitor, "#part-1", *keys)

    return way


def checked_and_revealed(visitor: Visitor, runs: Runs) -> None:
    """A right answer, the reference beside it, graded by what was checked."""
    visitor.go("/questions/dead-relu")
    if visitor.page.locator("#ref").count() == 0:
        right(visitor, runs)
        _reveal(visitor)


def _reveal(visitor: Visitor) -> None:
    if visitor.page.locator("#ref").count() == 0:
        visitor.page.locator("#reveal .reveal-row button").click()
        visitor.page.locator("#ref").wait_for()
        visitor.page.wait_for_load_state()


def revealed(slug: str) -> Way:
    def way(visitor: Visitor, runs: Runs) -> None:
        visitor.go(f"/questions/{slug}")
        _reveal(visitor)

    return way


def steps(visitor: Visitor, runs: Runs) -> None:
    """A derivation: the first step right, the second wrong."""
    visitor.go("/questions/sigmoid-derivative")
    if not _is_answered(visitor, "#part-2-1"):
        visitor.page.locator("details.begin summary").click()
        _send(visitor, "#part-2-1", STEP)
    if not _is_answered(visitor, "#part-2-2"):
        _send(visitor, "#part-2-2", "s")


def hint(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/questions/maxout-unit")
    if visitor.page.locator("#hints li").count() == 0:
        visitor.page.locator("#hints form button").click()
        visitor.page.locator("#hints li").first.wait_for()


def suspended(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/questions/relu-kink-softplus")
    _reveal(visitor)
    _grade_here(visitor)
    press = visitor.page.locator("form[action$='/suspend'] button[value='1']")
    if press.count():
        press.click()
        visitor.page.locator("form[action$='/suspend'] button[value='0']").wait_for()


def _grade_here(visitor: Visitor) -> None:
    if visitor.page.locator(".g.picked").count() == 0:
        visitor.page.locator(".g[value='3']").click()
        visitor.page.locator(".g.picked").wait_for()
        visitor.page.wait_for_load_state()


# ---------------------------------------------------------------- reviews


def before_review(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/review")
    end = visitor.page.locator("form[action='/review/end'] button")
    if end.count():
        end.click()
        visitor.page.wait_for_url("**/")
        visitor.go("/review")


def in_review(visitor: Visitor, runs: Runs) -> None:
    visitor.go("/review")
    if visitor.page.locator("#session").count() == 0:
        visitor.page.locator("form[action='/review/start'] button").first.click()
    visitor.page.locator("#session").wait_for()
    visitor.page.wait_for_load_state()


def revealed_in_review(visitor: Visitor, runs: Runs) -> None:
    in_review(visitor, runs)
    _reveal(visitor)


def offline_in_review(visitor: Visitor, runs: Runs) -> None:
    """A grade that waits until there is a connection again. Nothing is done in this window after
    it.
    """
    revealed_in_review(visitor, runs)
    visitor.page.wait_for_load_state("networkidle")
    visitor.context.set_offline(True)
    visitor.page.locator(".g[value='3']").click()
    visitor.page.locator("#unsent:not([hidden])").wait_for()


def after_review(visitor: Visitor, runs: Runs) -> None:
    """Learn five new questions, the first of them by halves."""
    page = visitor.page
    visitor.go("/review")
    if page.locator("#session, #after").count() == 0:
        page.locator("form[action='/review/start'] button").first.click()
        page.locator("#session").wait_for()
        page.wait_for_load_state()
    rating = 2
    while page.locator("#after").count() == 0:
        _reveal(visitor)
        slug = page.locator("article.q").get_attribute("data-question")
        page.locator(f".g[value='{rating}']").click()
        page.locator(
            f"article.q:not([data-question='{slug}']), "
            "article.q[data-revealed='0'], #after, .acts.next a"
        ).first.wait_for()
        page.wait_for_load_state()
        if page.locator(".acts.next a").count():
            page.locator(".acts.next a").click()
            page.locator("article.q[data-revealed='0'], #after").first.wait_for()
            page.wait_for_load_state()
        rating = 3
