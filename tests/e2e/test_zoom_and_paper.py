"""Pages at a zoom of 400 %, on paper, and how far down a phone the question of a review begins."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e import attempts
from tests.e2e.browsing import Visitor
from tests.e2e.places import PLACES
from tests.e2e.system import System
from tests.e2e.test_page_faults import SIDEWAYS, SIZES, Windows

BY_NAME = {place.name: place for place in PLACES}
ZOOMED = {"width": 320, "height": 200}  # CSS px: 1280 by 800, at 400 %
# Of the window's height, what bars cover that stay while the page scrolls.
COVERED = """() => {
    scrollTo(0, document.documentElement.scrollHeight / 2);
    const rows = new Set();
    for (const element of document.querySelectorAll("body *")) {
        const { position } = getComputedStyle(element);
        if (position !== "fixed" && position !== "sticky") continue;
        if (!element.checkVisibility()) continue;
        const rect = element.getBoundingClientRect();
        const isHeld = position === "fixed" || !isMoved(element, rect);
        if (!isHeld || !rect.width) continue;
        for (let y = Math.max(0, Math.floor(rect.top)); y < Math.min(innerHeight, rect.bottom); y++)
            rows.add(y);
    }
    return rows.size / innerHeight;
    function isMoved(element, { top }) {
        scrollBy(0, 1);
        const after = element.getBoundingClientRect().top;
        scrollBy(0, -1);
        return after !== top;
    }
}"""
MAX_TITLE_TOP = 215  # px; of a phone's 844


@pytest.fixture
def windows(gallery: System, visit: Callable[..., Visitor]) -> Windows:
    return Windows(visit, gallery, ("en", "light", "desktop"))


def test_at_400_percent_half_the_window_is_left_to_the_page(
    windows: Windows, runs: dict[str, str]
) -> None:
    names = ("question-graded", "review-revealed", "lab-predicted", "run-verdict", "thread-member")
    faulty: dict[str, list[str]] = {}
    for name in names:
        page = windows.go_to(BY_NAME[name], runs).page
        page.set_viewport_size(ZOOMED)  # type: ignore[arg-type]
        messages = []
        if (fraction := page.evaluate(COVERED)) > 0.5:
            messages.append(f"bars cover {fraction:.0%}")
        if (pixels := page.evaluate(SIDEWAYS)) > 0:
            messages.append(f"scrolls sideways by {pixels} px")
        if messages:
            faulty[name] = messages
        page.set_viewport_size(SIZES["desktop"])
    assert not faulty, json.dumps(faulty, indent=1)


def test_a_question_on_paper_has_its_key_points_and_answer_and_nothing_to_press(
    gallery: System, visit: Callable[..., Visitor]
) -> None:
    visitor = visit(gallery, "sam")
    attempts.revealed("relu-pros-cons")(visitor, {})
    page = visitor.page
    page.emulate_media(media="print")
    assert _printed(visitor, ".points li, .points .tick"), "the key points"
    assert _printed(visitor, ".read.answer"), "the reference answer"
    folded = page.locator("#ref details:not([open]) > :not(summary)")
    assert all(folded.nth(index).is_visible() for index in range(folded.count()))
    assert not _printed(visitor, "header.bar, .nav, .grade, .foot, .bar2, button, .tool")


def test_a_run_on_paper_has_its_verdict_and_chart(windows: Windows, runs: dict[str, str]) -> None:
    visitor = windows.go_to(BY_NAME["run-verdict"], runs)
    visitor.page.emulate_media(media="print")
    assert _printed(visitor, "#panel .headline") and _printed(visitor, "#panel .effects")
    assert _printed(visitor, "metric-chart svg, metric-chart canvas, bar-chart svg")
    assert not _printed(visitor, "header.bar, .nav, .foot, button, select, .inspect")


# What is cut off on a sheet of A4 with its margins: wider than the page, or in a box that scrolls.
A4 = {"width": 688, "height": 1009}  # CSS px
CUT = """[...document.querySelectorAll("main svg, main table, main figure, main pre, .titleblock")]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        const scrolls = element.closest(".scroll");
        return left < 0 || right > innerWidth + 1
            || (scrolls && scrolls.scrollWidth > scrolls.clientWidth + 1);
    })
    .map((element) => element.outerHTML.slice(0, 120))"""
CONTROLS = (
    "header.bar, .nav, .foot, .filters, .periods, .composer, .post > footer, .btn, select, "
    ".source:not([open]), .astable:not([open]), .rows-hint, .more-row > a, .grip"
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("questions-learner", "table.questions td, table.questions th"),
        ("question-order", ".options .option, #written"),
        ("question-numeric", ".write input, #written"),
        ("review-revealed", "#ref .read.answer"),
        ("progress", ".findings h2, .findings svg"),
        ("thread-member", ".post-text"),
        ("run-verdict", "#panel .headline, .figures svg"),
        ("claims", "table.ledger th"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_on_paper_a_page_is_whole_and_has_nothing_to_press(
    gallery: System,
    visit: Callable[..., Visitor],
    runs: dict[str, str],
    name: str,
    shown: str,
    language: str,
) -> None:
    page = Windows(visit, gallery, (language, "light", "desktop")).go_to(BY_NAME[name], runs)
    page.page.emulate_media(media="print")
    page.page.set_viewport_size(A4)  # type: ignore[arg-type]
    assert _printed(page, shown)
    assert not _printed(page, CONTROLS)
    assert not page.page.evaluate(CUT)


def _printed(visitor: Visitor, selector: str) -> list[str]:
    """Return what is to be seen of a selector's elements, as HTML."""
    elements: list[str] = visitor.page.evaluate(
        """selector => [...document.querySelectorAll(selector)]
            .filter((element) => element.checkVisibility() && element.getClientRects().length)
            .map((element) => element.outerHTML.slice(0, 200))""",
        selector,
    )
    return elements


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_on_a_phone_the_question_of_a_review_begins_near_the_top(
    gallery: System, visit: Callable[..., Visitor], runs: dict[str, str], language: str
) -> None:
    windows = Windows(visit, gallery, (language, "light", "phone"))
    page = windows.go_to(BY_NAME["review-card"], runs).page
    box = page.locator("main h1:visible").bounding_box()
    assert box is not None and box["y"] <= MAX_TITLE_TOP, box
