"""Hostile posts, titles, reasons and names in real pages: nothing runs, no policy is broken, no
request leaves the site, and everything stays in its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
from django.contrib.auth.models import Group
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import MAX_HANDLE_LENGTH, OutgoingMail, User
from apps.common.clock import Clock
from apps.common.text import length
from apps.discussions.errors import BadPost, DuplicatePost
from apps.discussions.limits import MAX_TEXT_LINES, POSTS_PER_PAGE
from apps.discussions.models import Post, State, Thread
from apps.discussions.services import appeals, flags, moderation
from apps.discussions.services import posts as posts_services
from apps.discussions.subjects import Subject
from apps.notices.housekeeping import make_notice_mails
from apps.notices.models import Notice
from apps.questions.models import Question
from tests.common.browsing import Open, needs_browser
from tests.discussions.conftest import make_person, reply, start
from tests.discussions.generated_posts import mixed, posts
from tests.discussions.hostile_browsing import Witness, faults_of, has_run_script
from tests.discussions.hostile_posts import (
    ENTITIES,
    HOSTILE_POSTS,
    LINKS,
    PICTURES,
    RLO,
    TOO_LARGE,
)
from tests.discussions.pages import url
from tests.notices.conftest import confirm

pytestmark = [*needs_browser, pytest.mark.attack]
# long ones that pull at the layout; the others of the gate are short
LARGE = [
    *("tex-kern", "tex-line-breaks", "tex-spaces", "tex-high-rows", "tex-exponents", "tex-long"),
    *("table-columns", "table-narrow-words", "newlines", "one-long-word", "quotes-deep"),
    *("lists-deep", "zalgo-enclosing", "brackets-alone", "stops-full-width"),
]
SHORT = [name for name, text in HOSTILE_POSTS.items() if length(text) < 400]
IN_THE_GATE = [*SHORT[::2], *LARGE]  # two pages; all of them: `--all`
TITLES = [text for text in HOSTILE_POSTS.values() if 8 <= len(text) <= 150 and "\n" not in text]
SHOWN = "<b>owned</b> <img src=x onerror=window.hacked=1>"  # a template might not escape it
REASON = f"{SHOWN} {RLO}desrever {'Z' + chr(0x301) * 300} {'W' * 900}"
OFF_SITE = re.compile(r"^(?!http://127\.0\.0\.1:)https?://")


@pytest.fixture
def mallory(db: None) -> User:
    """Somebody hostile, with the widest handle; no new account, so that nothing waits."""
    mallory = make_person("W" * MAX_HANDLE_LENGTH)
    start(mallory, title="I was here before", text="Hello.")
    Post.objects.update(published_at="2020-01-01T00:00:00Z")
    return mallory


@pytest.fixture
def eve(ada: User) -> User:
    """Another moderator."""
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    return eve


@pytest.fixture
def mail_server(settings: Any) -> None:
    """Have a mail server, which nobody reaches: mails stay in the outbox."""
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"


@pytest.fixture
def watch(site: str, open_page: Open) -> Callable[..., tuple[Page, Witness]]:
    """Open a window in which everything is noted from its first page on."""

    def watch(who: User | None = None, **options: Any) -> tuple[Page, Witness]:
        page = open_page("about:blank", who, **options)
        return page, Witness(page.context, site)

    return watch


Watch = Callable[..., tuple[Page, Witness]]


def cut(text: str) -> str:
    """Return as many lines of a text as a post may have."""
    return "\n".join(text.splitlines()[:MAX_TEXT_LINES])


def post_all(thread: Thread, author: User, texts: Iterable[str]) -> int:
    """Post texts; returns how many were refused: there is nothing to see in them."""
    refused = 0
    for text in texts:
        try:
            reply(author, thread, cut(text))
        except (BadPost, DuplicatePost):
            refused += 1
    return refused


def pages_of(thread: Thread) -> list[str]:
    """Return the addresses of the pages of a thread."""
    count = math.ceil(thread.posts.count() / POSTS_PER_PAGE)
    return [f"{url(thread)}?page={number}" for number in range(1, count + 1)]


def faults_of_thread(page: Page, witness: Witness, thread: Thread) -> list[str]:
    """Look at every page of a thread."""
    faults: list[str] = []
    for address in pages_of(thread):
        page.goto(address)
        faults += faults_of(page, witness)
    return faults


# ---------------------------------------------------------------- posts


def test_hostile_posts_stay_in_their_place_and_run_nothing(
    thread: Thread, mallory: User, ola: User, watch: Watch
) -> None:
    refused = post_all(thread, mallory, [HOSTILE_POSTS[name] for name in IN_THE_GATE])
    assert thread.posts.count() >= 100 and refused < 10
    assert faults_of_thread(*watch(ola), thread) == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_so_do_all_of_them_in_both_languages(
    thread: Thread, mallory: User, watch: Watch, language: str
) -> None:
    refused = post_all(thread, mallory, HOSTILE_POSTS.values())
    assert thread.posts.count() >= 400 and refused < 40
    assert (
        faults_of_thread(*watch(mallory, cookies={"language": language, "theme": "dark"}), thread)
        == []
    )


@pytest.mark.slow
def test_so_do_generated_ones(mallory: User, ola: User, watch: Watch) -> None:
    page, witness = watch(ola)

    @hypothesis.settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.lists(st.one_of(posts, mixed), min_size=POSTS_PER_PAGE, max_size=49, unique=True))
    def look_at_posts(texts: list[str]) -> None:
        thread = start(mallory, title="Generated posts", text=f"So many: {len(texts)}.")
        post_all(thread, mallory, texts)
        assert faults_of_thread(page, witness, thread) == []

    look_at_posts()


@pytest.mark.slow
def test_pressing_any_of_their_links_runs_nothing(
    thread: Thread, mallory: User, ola: User, watch: Watch
) -> None:
    post_all(thread, mallory, [*LINKS.values(), *PICTURES.values(), *ENTITIES.values()])
    page, witness = watch(ola)
    visited: list[str] = []

    def leave(route: Route) -> None:
        visited.append(route.request.url)
        route.fulfill(body="elsewhere", content_type="text/plain")

    links: dict[str, str] = {}  # addresses of pages, by what links there lead to
    for address in pages_of(thread):
        page.goto(address)
        hrefs = page.eval_on_selector_all(
            ".read a", "links => links.map((link) => link.getAttribute('href'))"
        )
        links = dict.fromkeys(hrefs, address) | links
    assert len(links) > 20
    page.context.route(OFF_SITE, leave)
    for href, address in [*links.items()][:100]:
        if href.startswith("mailto:"):
            continue  # would open a program
        page.goto(address)
        page.evaluate(
            "href => [...document.querySelectorAll('.read a')].find("
            "(link) => link.getAttribute('href') === href).click()",
            href,
        )
        assert not has_run_script(page), href
        assert page.url.startswith(("http://", "https://", "chrome-error://")), href
    left = [line for line in witness.complaints if not line.startswith("a request to http")]
    assert not left and visited


def test_previews_of_hostile_texts_run_nothing(thread: Thread, ola: User, watch: Watch) -> None:
    look_at_previews(thread, ola, watch, [HOSTILE_POSTS[name] for name in IN_THE_GATE[::20]])


@pytest.mark.slow
def test_no_preview_of_any_of_them_runs_anything(thread: Thread, ola: User, watch: Watch) -> None:
    look_at_previews(thread, ola, watch, map(cut, HOSTILE_POSTS.values()))


def look_at_previews(thread: Thread, who: User, watch: Watch, texts: Iterable[str]) -> None:
    page, witness = watch(who)
    page.goto(url(thread))
    page.wait_for_load_state()
    faults: list[str] = []
    for text in texts:
        # a lone surrogate cannot be sent to the browser
        page.locator("#text").fill(text.encode(errors="replace").decode())
        with page.expect_response("**/threads/preview"):
            page.locator("#preview-it").click()
        expect(page.locator("#preview > *").first).to_be_attached()
        faults += faults_of(page, witness, widths=[1280])
    assert faults == []


@pytest.mark.parametrize(
    "name", ["a-megabyte-of-brackets", pytest.param("a-megabyte", marks=pytest.mark.slow)]
)
def test_a_megabyte_through_the_form_is_refused_in_words(
    thread: Thread, ola: User, watch: Watch, name: str
) -> None:
    page, witness = watch(ola)
    page.goto(url(thread))
    page.wait_for_load_state()
    page.locator("#text").evaluate("(field, text) => { field.value = text; }", TOO_LARGE[name])
    with page.expect_navigation() as arrived:
        page.locator("#post-it").click()
    assert arrived.value and arrived.value.status in (413, 422)
    expect(page.locator("main")).to_contain_text(re.compile("at most|too large|too long", re.I))
    assert thread.posts.count() == 1 and not witness.complaints


# ---------------------------------------------------------------- wherever else it is shown


def test_what_moderators_and_the_list_show_of_them_runs_nothing(
    mallory: User,
    sam: User,
    ola: User,
    ada: User,
    eve: User,
    question: Question,
    mail_server: None,
    watch: Watch,
) -> None:
    confirm(mallory, ola)
    newcomer = make_person("newcomer")
    about = Subject(Thread.About.QUESTION, question=question)
    threads = [
        start(mallory, about if number % 2 else None, title=title, text=f"Text {number}. @ola")
        for number, title in enumerate([SHOWN, REASON[:150], *TITLES[::8]])
    ]
    first, second, *rest = threads
    for number, name in enumerate(SHORT[::25]):
        hostile = cut(HOSTILE_POSTS[name])
        post = reply(mallory, first, f"{number}. {hostile}")
        posts_services.edit_post(author=mallory, post=post, text=f"{hostile} {REASON}", edits=0)
        flags.flag(flagger=sam, post=post, reason="other", text=f"{REASON} {hostile}")
    waiting = reply(newcomer, second, f"https://evil.example {REASON} {HOSTILE_POSTS['tex-kern']}")
    assert waiting.state == State.PENDING
    hidden = [thread.posts.get(number=1) for thread in rest[:4]]
    actions = [moderation.hide(moderator=ada, post=post, reason=REASON) for post in hidden]
    filed = [appeals.appeal(person=mallory, action=action, text=REASON) for action in actions]
    appeals.decide(moderator=eve, appeal=filed[0], is_reversed=False, answer=REASON)
    moderation.lock(moderator=ada, thread=rest[-1], reason=REASON)
    Post.objects.filter(pk=first.posts.get(number=3).pk).update(score=3)

    moderator = ["/moderation", "/moderation/log", "/moderation/mutes"]
    moderator += [f"/moderation/threads/{first.pk}/posts/3", f"/threads/{first.pk}/posts/3/history"]
    moderator += ["/moderation?show=appealed", "/moderation?show=pending"]
    author = [f"/threads/{thread.pk}" for thread in rest[:2]]
    author += [f"/appeals/{actions[0].pk}", f"/appeals/{actions[1].pk}", "/notices"]
    author += [f"/threads/{first.pk}/posts/3/edit", f"/threads/{first.pk}?quote=3"]
    reader = ["/threads", f"/threads?words={quote(SHOWN)}", "/notices"]
    reader += [f"/threads?about=question:{question.slug}", f"/threads/{first.pk}/posts/3/flag"]
    reader += [f"/threads/new?about=question:{question.slug}&cite={quote(SHOWN)}"]
    reader += [f"/questions/{question.slug}"]
    faults: list[str] = []
    for person, paths in ((ada, moderator), (mallory, author), (ola, reader)):
        page, witness = watch(person)
        for path in paths:
            answer = page.goto(path)
            assert answer and answer.status == 200, path
            if path.startswith("/questions"):
                expect(page.locator(".threads-about li").first).to_be_visible()
            faults += faults_of(page, witness)
    assert faults == []


def test_a_mail_about_hostile_titles_runs_nothing(
    mallory: User, ola: User, mail_server: None, watch: Watch
) -> None:
    confirm(ola)
    for title in [SHOWN, REASON[:150], *TITLES[::10]]:
        start(mallory, title=title, text="@ola")
    Notice.objects.update(mail_due_at=Clock() - timedelta(seconds=1))
    assert make_notice_mails() >= 1
    page, witness = watch()
    for mail in OutgoingMail.objects.all():
        message = message_from_bytes(bytes(mail.message), policy=policy.default)
        body = message.get_body(("html",))
        assert body is not None and "owned" in body.get_content()
        page.set_content(body.get_content())  # with no policy at all
        assert page.evaluate("document.querySelectorAll('script, img, b, svg, iframe').length") == 0
        assert page.evaluate("'hacked' in window") is False and not witness.complaints
