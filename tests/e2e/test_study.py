"""From a question to its lab and back, and to the review of the next day, by people at browsers, on
the whole system.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.common.browsing import go_by_keys
from tests.e2e.browsing import Visitor
from tests.e2e.people import SMALL, Member
from tests.e2e.system import PASSWORD, System
from tests.e2e.test_without_scripts import tab_to

Visit = Callable[..., Visitor]
QUESTION = "/questions/dead-relu"
DAY = 24 * 3600
WORDS = {
    "en": {
        "mistake": "The step goes against the gradient.",
        "again": "Your first answer counts, so the grade is Again.",
        "day": "1 day",
    },
    "zh-Hans": {"mistake": "更新方向与梯度相反。", "again": "重来", "day": "1 天"},
}


class Days:
    """A system whose days can pass; it begins at noon, so that none ends while somebody is at
    it.
    """

    def __init__(self, folder: Path, database_url: str) -> None:
        at = datetime.now(UTC)
        self.offset = (at.replace(hour=12, minute=0, second=0, microsecond=0) - at).total_seconds()
        self.system = System(
            folder, database_url, os.environ["REDIS_URL"], GRADUS_CLOCK_OFFSET=str(self.offset)
        )
        self.system.make_ready()
        self.system.start().wait_for_web().wait_for_worker()

    def go_by(self, seconds: float) -> None:
        """Start the site again, with its clock moved."""
        self.offset += seconds
        self.system.stop("web")
        self.system.environment["GRADUS_CLOCK_OFFSET"] = str(self.offset)
        self.system.start("web").wait_for_web()


@pytest.fixture(scope="module")
def days(
    assets: None, database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Days]:
    running = Days(tmp_path_factory.mktemp("days"), database("days"))
    try:
        yield running
    finally:
        running.system.stop()


def answers(visitor: Visitor) -> tuple[str, str]:
    """Return a wrong answer that people give, and the right one, to the variant that is shown."""
    visitor.page.wait_for_load_state()  # it may just have come
    formulas = visitor.page.locator("#part-1 annotation").all_text_contents()
    bias = next(float(text.partition("=")[2]) for text in formulas if text.startswith("b ="))
    slope = next(float(text.partition("=")[2]) for text in formulas if text.startswith(r"\partial"))
    rate = next(float(text) for text in formulas if re.fullmatch(r"[\d.]+", text))
    return f"{bias + rate * slope:.6g}", f"{bias - rate * slope:.6g}"


def answer(visitor: Visitor, text: str, kind: str) -> str:
    """Send an answer; return what is said of it."""
    visitor.page.locator("#part-1-in").fill(text)
    visitor.page.locator("#part-1 form button.pencil").click()
    return visitor.page.locator(f"#part-1 .said[data-kind={kind}]").inner_text()


def reveal(visitor: Visitor) -> None:
    visitor.page.locator("#reveal .reveal-row button").click()
    visitor.page.locator("#ref").wait_for()


def miss(visitor: Visitor, words: dict[str, str]) -> None:
    """Answer wrong, then right, and reveal: the first answer counts."""
    mistake, right = answers(visitor)
    assert words["mistake"] in answer(visitor, mistake, "wrong")
    assert words["again"] in answer(visitor, right, "right")
    reveal(visitor)
    assert (
        visitor.page.locator("form.grade button[value='1']").get_attribute("aria-pressed") == "true"
    ), "it graded itself"


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
    visitor.page.goto(
        visitor.page.url + "".join(f"&config-{name}={value}" for name, value in SMALL.items())
    )
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
        "SELECT (c.due AT TIME ZONE 'UTC')::date - ((now() + %s * interval '1 second') AT "
        "TIME ZONE 'UTC')::date"
        " FROM progress_card c"
        " JOIN accounts_user u ON u.id = c.user_id WHERE u.handle = %s",
        days.offset,
        handle,
    )
    return int(grades[0][0]), int(due[0][0])


def unfold(page: Page, selector: str) -> None:
    """Open what a long answer folds, where it holds what the selector names."""
    fold = page.locator(f"#ref details:not([open]):has({selector}) > summary")
    if fold.count():
        fold.first.click()


@pytest.mark.parametrize(
    ("language", "handle"),
    [pytest.param("en", "emma", marks=pytest.mark.slow), ("zh-Hans", "mingyue")],
)
def test_a_question_is_learned_seen_to_hold_and_reviewed_the_next_day(
    days: Days, visit: Visit, language: str, handle: str
) -> None:
    words = WORDS[language]
    visitor = visit(days.system, timezone_id="UTC").go("/accounts/signup/")
    page = visitor.page
    visitor.speak(language)
    visitor.sign_up(handle)
    page.locator("#who").wait_for()

    visitor.go(QUESTION)
    assert page.locator(".statement").inner_text()
    miss(visitor, words)
    unfold(page, ".quotes")
    # the ledger is quoted
    page.locator("#ref .quotes [data-claim='dead-relu.lr-kills']").first.wait_for()

    begin_review(visitor)  # the card is due within this day
    miss(visitor, words)
    page.locator("a[data-next]").click()
    page.locator("article.q[data-revealed='0']").wait_for()  # the card returns in this session
    _mistake, right = answers(visitor)
    assert words["again"] not in answer(visitor, right, "right")
    reveal(visitor)
    assert words["day"] in grade(visitor)
    page.locator("#after").wait_for()
    assert state_of_card(days, handle) == (3, 1), "due tomorrow"

    visitor.go(QUESTION)
    predict_small(visitor)
    assert visitor.see_end() == "succeeded"
    page.locator(f".offers a[href='{QUESTION}']").wait_for()
    page.locator(f"#panel a.btn[href='{QUESTION}']").click()
    page.wait_for_url(f"**{QUESTION}")
    assert not page.locator("aside a[href^='/runs/']").count(), "it would give the answer away"

    days.go_by(DAY)
    begin_review(visitor)
    reveal(visitor)
    unfold(page, "a[href^='/runs/']")
    page.locator("#ref a[href^='/runs/']").first.wait_for()  # what the run showed is in its place
    grade(visitor)
    page.locator("#after").wait_for()
    page.wait_for_load_state()
    assert state_of_card(days, handle)[0] == 4
    page.keyboard.press("u")
    page.locator(".messages").wait_for()
    assert state_of_card(days, handle) == (3, 0), "it is due today again"
    assert visitor.violations() == []


class Keys:
    """Hands that never leave the keyboard. A key is pressed when its page has loaded: its scripts
    listen then.
    """

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def see(self, selector: str) -> None:
        """Wait for what only the next page shows, and for its scripts."""
        self.page.locator(selector).first.wait_for()
        self.page.wait_for_load_state("load")

    def come_to(self, path: str) -> None:
        self.page.wait_for_url(f"**{path}")

    def fill(self, selector: str, text: str) -> None:
        tab_to(self.visitor, selector)
        self.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def open_question(self) -> None:
        go_by_keys(self.page, "q", "**/questions")
        for _ in range(self.page.locator("[data-row]").count()):
            self.press("j")
            if self.page.evaluate("document.activeElement.getAttribute('href')") == QUESTION:
                break
        self.press("Enter")
        self.come_to(QUESTION)

    def begin_review(self) -> None:
        go_by_keys(self.page, "t", f"{self.visitor.url}/")
        self.press("r")
        self.come_to("/review")
        self.press("Enter")
        self.see(f"#session article[data-question='{QUESTION.rpartition('/')[2]}']")

    def recall(self) -> None:
        """Reveal the open card, and call it Good."""
        self.press("Space")
        self.see("#ref")
        self.press("Space")
        self.see("#after")


def test_all_of_it_by_keyboard(days: Days, visit: Visit) -> None:
    visitor = visit(days.system, timezone_id="UTC").go("/accounts/signup/")
    page, hands = visitor.page, Keys(visitor)
    for name, value in (("email", "kim@example.org"), ("username", "kim"), ("password1", PASSWORD)):
        hands.fill(f"[name={name}]", value)
    hands.press("Enter")
    hands.see("#who")

    hands.open_question()
    mistake, right = answers(visitor)
    for text, kind in ((mistake, "wrong"), (right, "right")):
        hands.press("a")  # where one writes, above the number
        tab_to(visitor, "#part-1 [name=text]")
        hands.press("ControlOrMeta+a")
        page.keyboard.type(text)
        hands.press("Enter")
        hands.see(f"#part-1 .said[data-kind={kind}]")
    hands.press("Space")
    hands.see("form.grade button[value='1'][aria-pressed=true]")
    hands.begin_review()
    hands.recall()
    assert state_of_card(days, "kim") == (2, 1), "due tomorrow"

    hands.open_question()
    hands.press("l")
    hands.come_to("/labs/dead-relu?back=*")
    for setting, value in SMALL.items():
        hands.fill(f"[name=config-{setting}]", value)
    for name in ("outcome", "confidence"):
        tab_to(visitor, f"[name={name}]")
        hands.press("Space")
    hands.press("c")
    hands.come_to("/runs/*")
    assert visitor.see_end() == "succeeded"
    hands.see("#panel [data-key=q]")
    hands.press("q")
    hands.come_to(QUESTION)
    assert not page.locator("aside a[href^='/runs/']").count(), "it would give the answer away"

    days.go_by(DAY)
    hands.begin_review()
    hands.recall()
    assert state_of_card(days, "kim")[0] == 3
    hands.press("u")
    hands.see(".messages")
    assert state_of_card(days, "kim") == (2, 0), "it is due today again"


def test_the_halves_meet_on_every_page_that_knows_both(
    days: Days, visit: Visit, member: Callable[[System, str], Member]
) -> None:
    away = member(days.system, "ola")
    run = away.commit()
    away.wait_for(run, "succeeded")
    visitor = visit(days.system, "ola", timezone_id="UTC").go("/")
    page = visitor.page
    page.locator(f".descent a[href='/runs/{run}']").first.click()  # it waits for its owner
    page.wait_for_url(f"**/runs/{run}")
    assert page.locator(".nav a[href='/labs'][aria-current=true]").count() == 1
    page.locator(f".offers li:has(a[href='{QUESTION}']) button").click()
    page.wait_for_url(f"**/runs/{run}")
    # it is among the cards
    page.locator(f".offers li:has(a[href='{QUESTION}']):not(:has(button))").wait_for()
    assert state_of_card(days, "ola")[0] == 0, "and nothing was graded"
    page.locator("form[action^='/verdicts/']").wait_for(state="detached")
    visitor.go("/")
    assert page.locator(f".descent a[href='/runs/{run}']").count() == 0, "it was opened"

    visitor.go("/claims")
    page.locator("tr[id='dead-relu.lr-kills'] .about-claim > summary").click()
    page.locator(f"tr[id='dead-relu.lr-kills'] a[href='{QUESTION}']").click()
    page.wait_for_url(f"**{QUESTION}")
    page.locator("article.sheet a[href^='/topics/']").first.click()
    page.wait_for_url("**/topics/activation-functions")
    page.locator(f"main a[href='{QUESTION}']").first.wait_for()
    page.locator("main a[href^='/labs/dead-relu']").first.click()
    page.wait_for_url("**/labs/dead-relu*")
    assert visitor.violations() == []


def test_all_of_it_without_javascript(days: Days, visit: Visit) -> None:
    visitor = visit(days.system, java_script_enabled=False, timezone_id="UTC").go(
        "/accounts/signup/"
    )
    page = visitor.page
    visitor.sign_up("nora")
    page.locator("#who").wait_for()
    visitor.go(QUESTION)
    mistake, right = answers(visitor)
    assert WORDS["en"]["mistake"] in answer(visitor, mistake, "wrong")
    assert WORDS["en"]["again"] in answer(visitor, right, "right")
    reveal(visitor)
    begin_review(visitor)
    reveal(visitor)
    assert WORDS["en"]["day"] in grade(visitor)
    page.locator("#after").wait_for()

    visitor.go(QUESTION)
    predict_small(visitor)
    assert visitor.see_end() == "succeeded"
    visitor.go("/")
    page.locator(
        ".descent form[action^='/verdicts/'] button"
    ).first.click()  # it waits for its owner
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
