"""From a question to its lab and back, and to the review of the next day, by people at browsers, on the whole system."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.browsing import Visitor
from tests.e2e.people import SMALL
from tests.e2e.system import System

Visit = Callable[..., Visitor]
QUESTION = "/questions/dead-relu"
DAY = 24 * 3600
WORDS = {"mistake": "The step goes against the gradient.", "again": "The first answer counts: Again.", "day": "1 day"}


class Days:
    """A system whose days can pass; it begins at noon, so that none ends while somebody is at it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        at = datetime.now(UTC)
        self.offset = (at.replace(hour=12, minute=0, second=0, microsecond=0) - at).total_seconds()
        self.system = System(folder, database_url, os.environ["REDIS_URL"], GRADUS_CLOCK_OFFSET=str(self.offset))
        self.system.make_ready()
        self.system.start().wait_for_web().wait_for_worker()

    def go_by(self, seconds: float) -> None:
        """Start the site again, with its clock moved."""
        self.offset += seconds
        self.system.stop("web")
        self.system.environment["GRADUS_CLOCK_OFFSET"] = str(self.offset)
        self.system.start("web").wait_for_web()


@pytest.fixture(scope="module")
def days(assets: None, database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    made = Days(tmp_path_factory.mktemp("days"), database("days"))
    try:
        yield made
    finally:
        made.system.stop()


def answers(visitor: Visitor) -> tuple[str, str]:
    """Return a wrong answer that people give, and the right one, to the variant that is shown."""
    told = visitor.page.locator("#numeric annotation").all_text_contents()
    bias = next(float(text.partition("=")[2]) for text in told if text.startswith("b ="))
    slope = next(float(text.partition("=")[2]) for text in told if text.startswith(r"\partial"))
    rate = next(float(text) for text in told if re.fullmatch(r"[\d.]+", text))
    return f"{bias + rate * slope:.6g}", f"{bias - rate * slope:.6g}"


def answer(visitor: Visitor, text: str, kind: str) -> str:
    """Send an answer; return what is said of it."""
    visitor.page.locator("#numeric-in").fill(text)
    visitor.page.locator("#numeric form button.pencil").click()
    return visitor.page.locator(f"#numeric .said[data-kind={kind}]").inner_text()


def reveal(visitor: Visitor) -> None:
    visitor.page.locator("#reveal button").click()
    visitor.page.locator("#ref").wait_for()


def begin_review(visitor: Visitor) -> None:
    visitor.go("/review")
    visitor.page.locator("main form[action='/review/start'] button").first.click()
    visitor.page.locator(f"article[data-question='{QUESTION.rpartition('/')[2]}']").wait_for()


def grade(visitor: Visitor, rating: int = 3) -> str:
    """Grade the open card; return when it comes again."""
    button = visitor.page.locator(f"form.grade button.g[value='{rating}']")
    gap = button.locator("span").inner_text()
    button.click()
    return gap


def predict_small(visitor: Visitor) -> None:
    """Open the question's lab by its link, with settings that take a few seconds, and commit."""
    visitor.page.locator("aside a.btn[href^='/labs/dead-relu?back=']").click()
    visitor.page.wait_for_url("**/labs/dead-relu?back=*")
    visitor.page.goto(visitor.page.url + "".join(f"&knob-{name}={value}" for name, value in SMALL.items()))
    visitor.predict("holds", 80)
    visitor.page.locator("#lab .btn.pencil").click()
    visitor.page.wait_for_url("**/runs/*")


def state_of_card(days: Days, handle: str) -> tuple[int, int]:
    """Return the grades in the log that count for somebody, and the days until the card is due."""
    grades = days.system.query(
        "SELECT count(*) FILTER (WHERE rating IS NOT NULL) - count(undoes) FROM progress_review r"
        " JOIN accounts_user u ON u.id = r.user_id WHERE u.handle = %s",
        handle,
    )
    due = days.system.query(
        "SELECT c.due::date - (now() + %s * interval '1 second')::date FROM progress_card c"
        " JOIN accounts_user u ON u.id = c.user_id WHERE u.handle = %s",
        days.offset,
        handle,
    )
    return int(grades[0][0]), int(due[0][0])


def test_all_of_it_without_javascript(days: Days, visit: Visit) -> None:
    visitor = visit(days.system, java_script_enabled=False, timezone_id="UTC").go("/accounts/signup/")
    page = visitor.page
    visitor.sign_up("nora")
    page.locator("#who").wait_for()
    visitor.go(QUESTION)
    mistake, right = answers(visitor)
    assert WORDS["mistake"] in answer(visitor, mistake, "wrong")
    assert WORDS["again"] in answer(visitor, right, "right")
    reveal(visitor)
    begin_review(visitor)
    reveal(visitor)
    assert WORDS["day"] in grade(visitor)
    page.locator("#after").wait_for()

    visitor.go(QUESTION)
    predict_small(visitor)
    assert visitor.see_end() == "succeeded"
    visitor.go("/")
    page.locator("a[href^='/verdicts/']").first.click()  # it waits for its owner
    page.wait_for_url("**/runs/*")
    page.locator("#panel a[href^='/runs/'][href$='/questions']").click()
    page.locator(f".offers a[href='{QUESTION}']").click()
    page.wait_for_url(f"**{QUESTION}")

    days.go_by(DAY)
    begin_review(visitor)
    reveal(visitor)
    grade(visitor)
    page.locator("#after form[action='/review/undo'] button").click()
    page.locator(".messages").wait_for()
    assert state_of_card(days, "nora") == (2, 0)
