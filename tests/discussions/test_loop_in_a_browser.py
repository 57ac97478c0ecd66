"""The whole loop of discussions in a browser: Mei asks and shows a run, Ola reads, forks it and
replies, Mei is told and flags the reply, Ada hides it, Ola appeals, Eve reverses that.

It is gone by keyboard alone, in Chinese, on a phone, and without scripts. The slow ways have short
forms: Chinese and the phone as one, without scripts in `test_thread_in_a_browser.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils.translation import gettext, override
from playwright.sync_api import FloatRect, Locator, Page, expect

from apps.accounts.models import User
from apps.discussions.models import Appeal, ModerationAction, Post, State, Thread
from apps.experiments.models import Run
from tests.common.browsing import Open, go_by_keys, look_over, needs_browser, press
from tests.discussions.conftest import make_person
from tests.experiments.conftest import event, finish, report
from tests.experiments.pages_cast import RATES, SURE, loaded, queued, started, verdict

pytestmark = [*needs_browser, pytest.mark.usefixtures("woken_queues", "brakes")]
MAX_TABS = 150
SHOTS = os.environ.get("GRADUS_LOOP_SHOTS", "")  # a folder for pictures of each step
MIDDLES = """() => [...document.querySelectorAll(".tools .icon, .tool.lang, .tool.who span")]
    .map((one) => one.getBoundingClientRect()).filter(({ height }) => height > 1)
    .map(({ top, bottom }) => (top + bottom) / 2)"""  # of what stands in the bar
WIDTH = 32  # of the run that is shown, which is not the lab's default


@dataclass(frozen=True)
class Way:
    """How the loop is gone, and in which language."""

    name: str
    title: str
    body: str
    reply: str
    appeal: str
    language: str = "en"
    by_keyboard: bool = False
    by_touch: bool = False
    has_scripts: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def word(self, english: str) -> str:
        """Return what the pages say in the way's language."""
        with override("zh-hans" if self.language == "zh" else "en"):
            return gettext(english)


ENGLISH = {
    "title": "Why do wider layers keep their units?",
    "body": (
        "The gradient $\\frac{\\partial L}{\\partial w}$ is not zero.\n\n"
        "```python\ndead = (h <= 0).all(0)\n```\n\n"
        ">! It is the **variance** of $h$ that shrinks.\n\n"
    ),
    "reply": "I agree with the first line.",
    "appeal": "It was an argument, not an attack.",
}
CHINESE = {
    "title": "为什么更宽的层不容易出现死亡单元？",
    "body": (
        "梯度 $\\frac{\\partial L}{\\partial w}$ 不为零。\n\n"
        "```python\ndead = (h <= 0).all(0)\n```\n\n"
        ">! 缩小的是 $h$ 的**方差**。\n\n"
    ),
    "reply": "第一行我同意。",
    "appeal": "这是论证，不是攻击。",
    "language": "zh",
}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
IN_CHINESE = {"cookies": {"language": "zh-hans", "theme": "dark"}}
WAYS = [
    Way("keyboard", **ENGLISH, by_keyboard=True),
    Way("zh-phone", **CHINESE, by_touch=True, options=PHONE | IN_CHINESE),
]
SLOW_WAYS = [
    Way("no-scripts", **ENGLISH, has_scripts=False, options={"java_script_enabled": False}),
    Way("zh", **CHINESE, options=IN_CHINESE),
    Way("phone", **ENGLISH, by_touch=True, options=PHONE),
]
PARAMS = [
    *(pytest.param(way, id=way.name) for way in WAYS),
    *(pytest.param(way, id=way.name, marks=pytest.mark.slow) for way in SLOW_WAYS),
]


@dataclass
class Hand:
    """Somebody at their page: presses and writes as their way has it."""

    page: Page
    way: Way
    who: str

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def go(self, path: str) -> None:
        self.page.goto(path)

    def reach(self, target: Locator) -> None:
        """Press Tab until the element has the focus."""
        element = target.element_handle()
        for _ in range(MAX_TABS):
            if self.page.evaluate("element => element === document.activeElement", element):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{MAX_TABS} presses of Tab do not reach {target}")

    def press(self, target: Locator | str, key: str = "Enter") -> None:
        target = self.find(target) if isinstance(target, str) else target
        expect(target).to_be_visible()
        self.page.wait_for_load_state()
        if self.way.by_keyboard:
            self.reach(target)
            self.page.keyboard.press(key)
        elif self.way.by_touch:
            target.tap()
        else:
            target.click()

    def key(self, *keys: str, instead: Locator | str) -> None:
        """Press the documented keys by keyboard, and what does the same otherwise."""
        if self.way.by_keyboard:
            press(self.page, *keys)
        else:
            self.press(instead)

    def write(self, selector: str, text: str) -> None:
        """Write at the end of a field."""
        target = self.find(selector)
        if self.way.by_keyboard:
            self.page.wait_for_load_state()
            self.reach(target)
            self.page.keyboard.press("ControlOrMeta+End")
            self.page.keyboard.insert_text(text)
        else:
            target.fill(target.input_value() + text)

    def send(self) -> None:
        """Send what is written."""
        if self.way.by_keyboard:
            self.reach(self.find("#text"))
            self.page.keyboard.press("ControlOrMeta+Enter")
        else:
            self.press("#post-it")

    def open_notice(self) -> None:
        """Open the one unread notice by the sign in the bar."""
        expect(self.find(".unread-count")).to_have_text("1")
        if self.way.by_keyboard:
            go_by_keys(self.page, "n", "**/notices")
            press(self.page, "j", "Enter")
        else:
            self.press("#notices")
            self.press(".notices-list .unread .go")
        expect(self.find(".unread-count")).to_have_count(0)

    def box(self, selector: str) -> FloatRect:
        box = self.find(selector).first.bounding_box()
        assert box is not None, f"{selector} is not there"
        return box

    def shoot(self, step: str) -> None:
        if SHOTS:
            path = Path(SHOTS) / f"loop-{self.way.name}-{step}-{self.who}.png"
            self.page.screenshot(path=path, full_page=True)

    def look_over(self) -> None:
        if self.way.has_scripts:
            look_over(self.page)


Enter = Callable[[str, User], Hand]


@pytest.fixture(params=PARAMS)
def way(request: pytest.FixtureRequest) -> Way:
    way: Way = request.param
    return way


@pytest.fixture
def enter(open_page: Open, way: Way) -> Enter:
    return lambda path, who: Hand(open_page(path, who, **way.options), way, who.handle)


@pytest.fixture
def run(mei: User) -> Run:
    """Mei's run, which nobody else can see yet."""
    lease = started(queued(mei, loaded(), config={"width": WIDTH}, prediction=SURE))
    curves = [
        event(0.1 * (n + 1) * epoch, arm=f"relu {rate}", step=[10.0 * epoch])
        for n, rate in enumerate(RATES)
        for epoch in (1, 2)
    ]
    report(lease, *curves, after=len(RATES))
    return finish(lease, verdicts=[verdict()], seconds=11.4)


@pytest.fixture
def eve(ada: User) -> User:
    """Another moderator."""
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    return eve


def ask(mei: Hand, run: Run) -> Thread:
    """Write a thread that shows a run, look at it first, and share the run with it."""
    mei.key("n", instead='.page-top a[href^="/threads/new"]')
    mei.page.wait_for_url("**/threads/new")
    mei.write("[name=title]", mei.way.title)
    mei.write("#text", mei.way.body)
    if mei.way.has_scripts:
        mei.press("#pick-run")
        mei.press("#own-runs li button")
    else:
        mei.write("#text", f"[run:{run.pk}]\n")
    expect(mei.find("#text")).to_have_value(re.compile(re.escape(f"\n[run:{run.pk}]\n")))
    mei.press("#preview-it")
    reads_all(mei, "#preview .read")
    bar, text = mei.box(".bar2"), mei.box("#text")
    if not mei.find("#own-runs").is_visible():
        assert abs(bar["y"] + bar["height"] - text["y"]) <= 2, "the tools stand on the text"
    mei.shoot("1-preview")
    mei.send()
    expect(mei.find("[name=share]")).not_to_be_checked()
    mei.find("[name=share]").check()
    mei.shoot("2-share")
    mei.send()
    mei.page.wait_for_url(re.compile(r"/threads/\d+$"))
    return Thread.objects.get()


def reads_all(hand: Hand, within: str) -> None:
    """See the formula, the code in its colours, and the curves of the run."""
    expect(hand.find(f"{within} .katex").first).to_be_visible()
    assert hand.find(f"{within} .katex-error").count() == 0
    assert hand.find(f"{within} .code pre span[class]").count() >= 3
    expect(hand.find(f"{within} figure svg .line").first).to_be_visible()


def read_and_fork(ola: Hand, thread: Thread) -> None:
    """Find the thread, see what it shows, and take its settings to the lab."""
    ola.key("j", "Enter", instead=f'.threads a[href="/threads/{thread.pk}"]')
    ola.page.wait_for_url(f"**/threads/{thread.pk}")
    assert ola.find("#post-1 svg.figure").count() == 0, "what it did not predict stays folded"
    ola.press("#post-1 .folded-verdict form button")
    reads_all(ola, "#post-1 .read")
    spoiler = ola.find("#post-1 .spoiler")
    expect(spoiler.locator("strong")).to_be_hidden()
    ola.press(spoiler.locator("summary"))
    expect(spoiler.locator("strong")).to_be_visible()
    ola.key("j", "v", instead="#up-1")
    expect(ola.find("#up-1")).to_have_attribute("aria-pressed", "true")
    expect(ola.find("#up-1")).to_have_text("1")
    ola.shoot("3-read")
    ola.press(ola.find("#post-1 figure a.fork").last)
    ola.page.wait_for_url(re.compile(r"/labs/dead-relu\?"))
    expect(ola.find("[name=config-width]")).to_have_value(str(WIDTH))
    expect(ola.find("[name=config-depth]")).to_have_value("3")
    ola.shoot("4-fork")


def answer(ola: Hand, thread: Thread) -> None:
    """Quote the first post, and reply to it."""
    ola.go(f"/threads/{thread.pk}")
    ola.key("j", "q", instead="#post-1 [data-quote]")
    expect(ola.find("#text")).to_have_value(re.compile(r"^> \[mei\]\(.*/posts/1\):"))
    ola.write("#text", ola.way.reply)
    ola.send()
    ola.page.wait_for_url(f"**/threads/{thread.pk}#post-2")
    expect(ola.find("#post-2 .read")).to_contain_text(ola.way.reply)
    expect(ola.find("#post-2 blockquote")).to_contain_text("mei")


def hear_of_it(mei: Hand, thread: Thread) -> None:
    """Be told of the reply on the open page, and by a notice, which is unread until the reply is
    shown; flag it.
    """
    if mei.way.has_scripts:
        announced = mei.way.word("1 new reply")
        expect(mei.find("#new-posts")).to_have_text(announced)
        expect(mei.find("#live")).to_have_text(announced)
        expect(mei.find("#live")).to_have_attribute("aria-live", "polite")
        expect(mei.find("#post-2")).to_have_count(0)
    mei.go("/threads")
    mei.open_notice()
    mei.page.wait_for_url(f"**/threads/{thread.pk}#post-2")
    expect(mei.find("#post-2 .read")).to_contain_text(mei.way.reply)
    mei.shoot("5-told")
    mei.press(mei.find("#post-2 footer a[href$='/flag']"))
    if mei.way.by_keyboard:
        mei.reach(mei.find("[name=reason]").first)
        mei.page.keyboard.press("ArrowDown")
    else:
        mei.find("[name=reason][value=rude]").check()
    mei.press("main form button.ink")
    mei.page.wait_for_url(f"**/threads/{thread.pk}#post-2")


def hide(ada: Hand) -> None:
    """Decide the flag: the post goes, with the reason that was chosen beside the button."""
    ada.shoot("6-queue")
    ada.key("j", "x", instead=".case [data-act=x]")
    expect(ada.find(".case")).to_have_count(0)
    expect(ada.find(".messages")).to_be_visible()


def sees_it_hidden(mei: Hand) -> None:
    """See that the reply is hidden: its place remains, and none of its text."""
    if mei.way.has_scripts:
        expect(mei.find("#live")).to_have_text(re.compile("2"))
        mei.shoot("7-changed")
        mei.look_over()
        mei.press("#post-2 .changed")
    else:
        mei.page.reload()
    expect(mei.find("#post-2 .waits")).to_have_text(
        mei.way.word("A moderator has hidden this post.")
    )
    assert mei.way.reply not in mei.page.content()
    mei.shoot("8-hidden")


def appeal(ola: Hand, action: ModerationAction) -> None:
    """Read the reason, led by a notice, and reply to it."""
    ola.go("/threads")
    ola.open_notice()
    ola.page.wait_for_url(f"**/appeals/{action.pk}")
    expect(ola.find("main")).to_contain_text(action.reason)
    expect(ola.find("main")).to_contain_text(ola.way.reply)
    ola.write("[name=text]", ola.way.appeal)
    ola.press("main form .btn.pencil")
    expect(ola.find(".given.reply")).to_contain_text(ola.way.appeal)
    ola.shoot("9-appeal")


def reverse(eve: Hand) -> None:
    """Decide the appeal of what another moderator did."""
    expect(eve.find(".case")).to_contain_text(eve.way.appeal)
    assert eve.box(".given.reply")["x"] == eve.box(".given")["x"]
    eve.shoot("10-appealed")
    eve.key("j", "a", instead=".case [data-act=a]")
    expect(eve.find(".case")).to_have_count(0)
    expect(eve.find(".messages")).to_be_visible()


def sees_it_again(mei: Hand) -> None:
    if mei.way.has_scripts:
        mei.press("#post-2 .changed")
    else:
        mei.page.reload()
    expect(mei.find("#post-2 .read")).to_contain_text(mei.way.reply)


def test_a_thread_is_asked_answered_moderated_and_appealed(
    enter: Enter, mei: User, ola: User, ada: User, eve: User, run: Run
) -> None:
    author = enter("/threads", mei)
    if author.way.has_scripts:
        middles = author.page.evaluate(MIDDLES)
        assert max(middles) - min(middles) <= 1, "all signs of the bar are on one line"
    thread = ask(author, run)
    reader = enter("/threads", ola)
    read_and_fork(reader, thread)
    answer(reader, thread)
    post = Post.objects.get(number=2)
    hear_of_it(author, thread)
    hide(enter("/moderation", ada))
    post.refresh_from_db()
    assert post.state == State.HIDDEN
    sees_it_hidden(author)
    appeal(reader, ModerationAction.objects.get())
    reverse(enter("/moderation", eve))
    assert Appeal.objects.get().outcome == "reversed"
    sees_it_again(author)
    reader.go("/threads")
    reader.open_notice()
    reader.press(reader.find(f'a[href="/threads/{thread.pk}/posts/2"]'))
    expect(reader.find("#post-2 .read")).to_contain_text(reader.way.reply)
    reader.shoot("11-back")
