"""New posts and pictures in a browser: announced and inserted on press; chosen, pasted, dropped."""

from __future__ import annotations

import base64
import re
from typing import Any

from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.discussions import services
from apps.discussions.models import Picture, Post, Thread
from apps.notices.models import Notice
from tests.common.browsing import Open, look_over, needs_browser
from tests.discussions.conftest import reply
from tests.discussions.pages import url
from tests.discussions.picturing import address, encoded, gradient, media  # noqa: F401 - a fixture
from tests.discussions.test_thread_events import joined, listening
from tests.experiments.watching import until

pytestmark = needs_browser
FILES = """([kind, name, type, data, words]) => {
    const files = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    files.items.add(new File([bytes], name, { type }));
    if (words) files.setData("text/plain", words);
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: files, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
    return !document.querySelector("#text").dispatchEvent(event);
}"""


def bring(page: Page, kind: str, data: bytes, mime: str = "image/png", words: str = "") -> bool:
    """Paste or drop a file into the text; returns whether the page took it."""
    sent = [kind, "a.png", mime, base64.b64encode(data).decode(), words]
    return bool(page.evaluate(FILES, sent))


def test_new_replies_are_announced_and_inserted_on_press(
    thread: Thread, mei: User, ola: User, sam: User, open_page: Open, many_posts: Any
) -> None:
    many_posts(thread, ola, 15)
    page = open_page(url(thread), mei)
    button = page.locator("#new-posts")
    expect(button).to_be_hidden()
    page.wait_for_load_state()
    page.locator("#post-9").scroll_into_view_if_needed()
    top = page.evaluate("document.querySelector('#post-9').getBoundingClientRect().top")
    reply(ola, thread, "The **step** is too large.")
    expect(button).to_have_text("1 new reply")
    expect(page.locator("#live")).to_have_text("1 new reply")
    reply(sam, thread, "Or too small.")
    expect(button).to_have_text("2 new replies")
    assert page.locator("#posts > .post").count() == 16
    assert page.evaluate("document.querySelector('#post-9').getBoundingClientRect().top") == top
    assert Notice.objects.unread().filter(person=mei).exists()
    button.focus()
    with page.expect_response("**/notices/read"):
        page.keyboard.press("Enter")
    assert not Notice.objects.unread().filter(person=mei).exists()
    expect(page.locator("#post-18")).to_contain_text("Or too small.")
    expect(page.locator("#post-17 strong")).to_have_text("step")
    expect(page.locator("#post-17")).to_be_focused()
    expect(button).to_be_hidden()
    page.locator("#up-17").click()
    expect(page.locator("#up-17")).to_have_attribute("aria-pressed", "true")
    reply(sam, thread, "Or just right.")
    expect(button).to_have_text("1 new reply")
    button.click()
    expect(page.locator("#post-19")).to_contain_text("Or just right.")
    assert page.locator("#posts > .post").count() == 19
    look_over(page)


def test_a_reply_that_was_approved_late_is_announced_and_inserted_in_its_place(
    thread: Thread, ola: User, sam: User, ada: User, open_page: Open
) -> None:
    waits = reply(sam, thread, "It waits.")
    Post.objects.filter(pk=waits.pk).update(state="pending", search=None, published_at=None)
    reply(ola, thread, "It does not.")
    page = open_page(url(thread), ola)
    page.wait_for_load_state()
    expect(page.locator("#posts > .post")).to_have_count(2)
    until(lambda: joined(thread, 1) and listening())
    services.moderation.approve(moderator=ada, post=waits, reason="It is fine.")
    expect(page.locator("#new-posts")).to_have_text("1 new reply")
    page.locator("#new-posts").click()
    expect(page.locator("#posts > .post")).to_have_count(3)
    expect(page.locator("#posts > .post").nth(1)).to_contain_text("It waits.")
    expect(page.locator("#new-posts")).to_be_hidden()


def test_a_visitor_sees_new_replies_in_their_language(
    thread: Thread, ola: User, open_page: Open
) -> None:
    page = open_page(url(thread), cookies={"language": "zh-hans"})
    page.wait_for_load_state()
    reply(ola, thread)
    expect(page.locator("#new-posts")).to_have_text("1 条新回复")
    page.locator("#new-posts").click()
    expect(page.locator("#post-2")).to_be_visible()


def test_a_picture_is_chosen_and_described(thread: Thread, ola: User, open_page: Open) -> None:
    page = open_page(url(thread), ola)
    text = page.locator("#text")
    text.fill("Look:")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Picture").click()
    chooser.value.set_files(
        [{"name": "loss.png", "mimeType": "image/png", "buffer": encoded(gradient())}]
    )
    expect(page.locator("#live")).to_have_text("Picture added. Describe it between the brackets.")
    picture = Picture.objects.get()
    assert text.input_value() == f"Look:\n\n![describe the picture]({address(picture)})"
    page.keyboard.type("the loss")  # it is selected
    assert text.input_value() == f"Look:\n\n![the loss]({address(picture)})"
    expect(page.locator("#saved")).to_have_text("Draft saved on this device")
    look_over(page)


def test_pictures_are_pasted_and_dropped_and_what_is_none_is_said(
    thread: Thread, ola: User, open_page: Open
) -> None:
    page = open_page(url(thread), ola)
    page.wait_for_load_state()
    line, text = page.locator(".picture-line"), page.locator("#text")
    assert bring(page, "paste", encoded(gradient()))
    expect(line).to_have_text("Picture added. Describe it between the brackets.")
    assert bring(page, "drop", encoded(gradient(9, 9)))
    expect(text).to_have_value(with_pictures(2))
    assert bring(page, "drop", b"no picture", mime="image/png")
    expect(line).to_have_text("This file is not a picture in PNG, JPEG, WebP or GIF.")
    assert bring(page, "drop", b"<html>", mime="text/html")
    expect(line).to_have_class("note picture-line wrong")
    assert bring(page, "paste", bytes(3_000_000))
    expect(line).to_contain_text("too large")
    assert not bring(page, "paste", encoded(gradient()), words="a cell of a table")
    assert Picture.objects.count() == 2 and text.input_value().count("](/pictures/") == 2
    page.context.set_offline(True)
    assert bring(page, "drop", encoded(gradient(7, 7)))
    expect(line).to_contain_text("The site is not responding")
    assert text.input_value().count("![") == 2


def with_pictures(count: int) -> Any:
    """Return a pattern for a text with so many pictures."""
    return re.compile(
        r"^\s*(!\[describe the picture\]\(/pictures/[0-9a-f]{64}\.png\)\s*)" + f"{{{count}}}$"
    )


def test_without_scripts_a_page_takes_a_picture(ola: User, open_page: Open) -> None:
    page = open_page("/pictures", ola, java_script_enabled=False)
    page.locator("#picture").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": encoded(gradient())}
    )
    page.get_by_role("button", name="Add picture").click()
    line = page.get_by_label("Line for your post").input_value()
    assert line == f"![]({address(Picture.objects.get())})"
    expect(page.get_by_alt_text("The picture that you have added")).to_be_visible()
