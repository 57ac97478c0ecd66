"""Threads in a browser: by keyboard, with drafts and previews, on a phone, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.discussions.limits import POSTS_PER_PAGE
from apps.discussions.models import Post, Thread
from tests.common.browsing import Open, look_over, needs_browser, press
from tests.discussions.conftest import reply
from tests.discussions.pages import url
from tests.progress.browsing import PHONE

pytestmark = needs_browser
CHINESE = {"cookies": {"language": "zh-hans", "theme": "dark"}}


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def select(page: Page, selector: str) -> None:
    """Select all of an element's text, and wait until the page has heard of it."""
    page.locator(selector).evaluate(
        """element => new Promise((done) => {
            document.addEventListener("selectionchange", () => done(), { once: true });
            getSelection().selectAllChildren(element);
        })"""
    )


def sees_draft(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("Draft saved on this device")


def test_a_thread_is_read_quoted_voted_on_and_answered_by_keyboard(
    thread: Thread, mei: User, ola: User, open_page: Open
) -> None:
    reply(mei, thread, "It is the **direction** of $\\frac{1}{2}$ a step.\n\nAnother paragraph.")
    page = open_page(url(thread), ola)
    press(page, "j", "j")
    assert focused(page) == "post-2"
    press(page, "k", "j")
    assert focused(page) == "post-2"
    press(page, "v")
    expect(page.locator("#up-2")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#up-2")).to_have_attribute("aria-label", "Helpful, 1")
    expect(page.locator("#live")).to_have_text("Helpful, 1")
    press(page, "f")
    expect(page.locator("#followers")).to_have_text("you and 1 other")
    select(page, "#post-2 .read p:first-child")
    press(page, "q")
    words = "It is the direction of $\\frac{1}{2}$ a step."
    quoted = f"> [mei]({url(thread, '/posts/2')}):\n>\n> {words}\n\n"
    expect(page.locator("#text")).to_have_value(quoted)
    page.keyboard.type("I agree.")
    press(page, "ControlOrMeta+Enter")
    page.wait_for_url(f"**{url(thread, '#post-3')}")
    assert Post.objects.get(number=3).text == f"{quoted}I agree."
    expect(page.locator("#text")).to_have_value("")  # the draft went with the post
    look_over(page)


def test_a_very_high_post_scrolls_until_it_is_shown_whole(
    thread: Thread, mei: User, open_page: Open
) -> None:
    reply(mei, thread, "\n\n".join(f"Step {n}." for n in range(200)))
    reply(mei, thread, "Thanks.")
    page = open_page(url(thread), viewport=PHONE["viewport"])
    box = page.locator("#post-2 .post-text")
    whole = page.get_by_role("button", name="Show the whole post")
    expect(whole).to_have_count(1)
    expect(box).to_have_attribute("tabindex", "0")
    look_over(page)
    height = int(box.evaluate("box => box.offsetHeight"))
    assert height == 3_200 and box.evaluate("box => box.scrollHeight") > height
    whole.click()
    expect(whole).to_have_count(0)
    expect(box).to_be_focused()
    assert box.evaluate("box => box.offsetHeight >= box.scrollHeight && box.offsetHeight > 3_200")


def test_a_quote_of_a_whole_post_is_its_source(
    thread: Thread, mei: User, ola: User, open_page: Open
) -> None:
    reply(mei, thread, "It is **this**.")
    page = open_page(url(thread), ola)
    page.locator("#text").fill("First.")
    page.locator("#post-2 [data-quote]").click()
    expect(page.locator("#text")).to_have_value(
        f"First.\n\n> [mei]({url(thread, '/posts/2')}):\n>\n> It is **this**.\n\n"
    )


def test_a_draft_survives_a_reload_and_is_posted_once(
    thread: Thread, ola: User, open_page: Open
) -> None:
    page = open_page(url(thread), ola)
    press(page, "r")
    page.keyboard.type("Half a thought")
    sees_draft(page)
    page.reload()
    expect(page.locator("#text")).to_have_value("Half a thought")
    page.route("**/reply", lambda route: (route.fetch(max_redirects=0), route.abort())[1])
    page.locator("#post-it").click()  # it is stored, but the answer is lost
    page.wait_for_url("chrome-error://**")
    page.unroute("**/reply")
    page.goto(url(thread, "/edit-elsewhere"))
    page.goto(url(thread))
    expect(page.locator("#post-2 .read")).to_have_text("Half a thought")
    expect(page.locator("#text")).to_have_value("")
    assert thread.posts.count() == 2


def test_a_new_thread_keeps_its_draft_and_inserts_what_the_toolbar_names(
    ola: User, open_page: Open
) -> None:
    page = open_page("/threads/new", ola)
    page.locator("[name=title]").fill("Why does it stall?")
    text = page.locator("#text")
    text.fill("one\ntwo")
    text.evaluate("field => field.setSelectionRange(0, 7)")
    page.get_by_role("button", name="Spoiler").click()
    expect(text).to_have_value(">! one\n>! two")
    text.press("End")
    text.press("Enter")
    page.get_by_role("button", name="Math").click()
    page.keyboard.type("\\frac{1}{")
    expect(text).to_have_value(">! one\n>! two\n$\\frac{1}{$")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#own-runs")).to_contain_text("You have no runs yet.")
    page.reload()
    expect(page.locator("[name=title]")).to_have_value("Why does it stall?")
    expect(text).to_have_value(">! one\n>! two\n$\\frac{1}{$")
    page.locator("#preview-it").click()
    page.get_by_role("button", name="Line 3").click()
    assert page.evaluate("document.querySelector('#text').selectionStart") >= 14
    look_over(page)
    text.fill("Better.")
    page.locator("#post-it").click()
    page.wait_for_url(re.compile(r"/threads/\d+$"))
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('draft'))") == []


@pytest.mark.parametrize("options", [{}, CHINESE | PHONE], ids=["en", "zh-phone"])
def test_the_pages_keep_what_every_page_must(
    thread: Thread,
    mei: User,
    ola: User,
    many_posts: Callable[..., list[Post]],
    open_page: Open,
    options: dict[str, dict[str, str]],
) -> None:
    reply(ola, thread, "去掉预热以后，损失停滞了。\n\n```python\nx = 1\n```\n\n> quoted\n\n$$x^2$$")
    Thread.objects.update(accepted=Post.objects.get(number=2), accepted_by=mei)
    page = open_page(url(thread), mei, **options)
    look_over(page)
    many_posts(thread, ola, 60)
    for path in (url(thread, "?page=2"), "/threads", "/threads?words=nothing", "/threads/new"):
        page.goto(path)
        look_over(page)
    page.goto(url(thread, "/posts/1/edit"))
    page.locator("#text").fill("Edited: **bold**")
    page.locator("#preview-it").click()
    expect(page.locator("#preview strong")).to_have_text("bold")
    look_over(page)
    page.locator("#post-it").click()
    page.wait_for_url(f"**{url(thread, '#post-1')}")
    page.locator("#post-1 .edited").click()
    expect(page.locator(".versions ins").first).to_be_visible()
    look_over(page)


def test_without_scripts_one_asks_quotes_votes_edits_and_deletes(
    thread: Thread, ola: User, open_page: Open
) -> None:
    page = open_page(url(thread), ola, java_script_enabled=False)
    page.locator("#post-1 [data-quote]").click()
    expect(page.locator("#text")).to_have_value(re.compile("> I set warm-up to zero"))
    page.locator("#text").fill("So **it** is.")
    page.locator("#preview-it").click()
    expect(page.locator("#preview strong")).to_have_text("it")
    page.locator("#post-it").click()
    expect(page.locator("#post-2 .read")).to_have_text("So it is.")
    page.locator("#post-1 .vote.up").click()
    expect(page.locator("#post-1 .vote.up")).to_have_text("1")
    page.locator("#post-1 .vote.up").click()
    expect(page.locator("#post-1 .vote.up")).to_have_text("0")
    page.get_by_role("link", name="Edit").click()
    page.locator("#text").fill("Edited.")
    page.locator("#post-it").click()
    expect(page.locator("#post-2 .read")).to_have_text("Edited.")
    page.get_by_role("button", name="Stop following").click()
    expect(page.locator("#follow")).to_contain_text("You do not follow")
    page.locator("#post-2 .ask summary").click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.locator("#post-2")).to_contain_text("Deleted by its author.")


def test_two_presses_post_once(thread: Thread, ola: User, open_page: Open) -> None:
    page = open_page(url(thread), ola)
    page.locator("#text").fill("Once.")
    page.wait_for_load_state()
    page.locator("#post-it").dblclick()
    page.wait_for_url(f"**{url(thread, '#post-2')}")
    assert thread.posts.count() == 2


def test_the_list_is_opened_by_keyboard(thread: Thread, open_page: Open) -> None:
    page = open_page("/threads")
    press(page, "j", "Enter")
    page.wait_for_url(f"**{url(thread)}")


def test_what_is_chosen_in_a_fold_is_quoted_in_a_fold(
    thread: Thread, mei: User, ola: User, open_page: Open
) -> None:
    reply(mei, thread, ">! It is the step.\n>!\n>! Halve it.")
    page = open_page(url(thread), ola)
    page.locator("#post-2 summary").click()
    select(page, "#post-2 .spoiler p:last-child")
    press(page, "q")
    expect(page.locator("#text")).to_have_value(
        f"> [mei]({url(thread, '/posts/2')}):\n>\n> >! Halve it.\n\n"
    )
    page.locator("#text").fill("")
    page.locator("#post-2").focus()
    select(page, "#post-2 .spoiler")
    press(page, "q")
    quoted = "> >! It is the step.\n> >!\n> >! Halve it.\n\n"
    expect(page.locator("#text")).to_have_value(f"> [mei]({url(thread, '/posts/2')}):\n>\n{quoted}")


def test_more_new_replies_than_a_page_has_are_inserted_one_page_after_another(
    thread: Thread, ola: User, many_posts: Callable[..., list[Post]], open_page: Open
) -> None:
    page = open_page(url(thread), ola)
    many_posts(thread, ola, POSTS_PER_PAGE + 10)
    button = page.locator("#new-posts")
    expect(button).to_have_text(f"{POSTS_PER_PAGE + 10} new replies")
    button.click()
    expect(page.locator("#posts > .post")).to_have_count(1 + POSTS_PER_PAGE)
    expect(button).to_have_text("10 new replies")
    button.click()
    expect(page.locator("#posts > .post")).to_have_count(11 + POSTS_PER_PAGE)
