"""The page of a thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.second_factors import add_totp
from apps.common.clock import now
from apps.discussions import selectors, services
from apps.discussions.models import Post, Thread
from apps.discussions.services import moderation
from apps.discussions.subjects import Subject
from apps.progress.services import answers
from apps.questions.models import Question
from tests.discussions.conftest import reply, start
from tests.discussions.pages import HTMX, article, browser, html_of, numbers, url
from tests.experiments.pages_cast import MAX_QUERIES

SECRET = "because half of them are dead"


@pytest.fixture
def about_question(mei: User, ola: User, question: Question) -> Thread:
    thread = start(mei, Subject(Thread.About.QUESTION, question=question))
    reply(ola, thread, SECRET)
    return thread


def test_the_page_shows_posts_in_order_with_who_wrote_them(
    thread: Thread, mei: User, ola: User
) -> None:
    reply(ola, thread, "It is the **direction**.")
    html = html_of(url(thread), mei)
    assert numbers(html) == [1, 2]
    assert "<strong>direction</strong>" in article(html, 2) and "ola" in article(html, 2)
    assert "mine" in article(html, 1) and "mine" not in article(html, 2)
    assert "katex" in article(html, 1)
    for fact in (f"T-{thread.pk}", "In general", "you and 1 other"):
        assert fact in html
    assert "Sign in to reply" not in html
    visitors = html_of(url(thread))
    assert f"/accounts/login/?next=%2Fthreads%2F{thread.pk}" in visitors
    assert "<textarea" not in visitors and "2 people" in visitors


def test_a_post_without_an_account_has_no_name(thread: Thread, ola: User) -> None:
    reply(ola, thread)
    ola.delete()
    assert "account deleted" in article(html_of(url(thread)), 2)


def test_who_may_do_what_with_a_post(thread: Thread, mei: User, ola: User, ada: User) -> None:
    reply(ola, thread)
    actions = ("/edit", "/delete", "/vote", "/accept")

    def offered(user: User | None, number: int) -> list[str]:
        html = article(html_of(url(thread), user), number)
        return [action for action in actions if f"/posts/{number}{action}" in html]

    assert offered(mei, 1) == ["/edit", "/delete"]
    assert offered(mei, 2) == ["/vote", "/accept"]
    assert offered(ola, 2) == ["/edit", "/delete"]
    assert offered(ola, 1) == ["/vote"]
    assert offered(ada, 2) == ["/vote", "/accept"]
    assert offered(None, 2) == []


def test_the_accepted_answer_is_marked_and_one_press_away(
    thread: Thread, mei: User, ola: User
) -> None:
    reply(ola, thread)
    client = browser(mei)
    answer = client.post(url(thread, "/posts/2/accept"), {"accepted": "1"})
    assert answer["Location"] == url(thread, "#post-2")
    html = html_of(url(thread), mei)
    assert "accepted" in article(html, 2) and "Accepted by mei" in article(html, 2)
    assert (
        f'class="jump" href="{url(thread, "/posts/2")}"' in html and 'class="ok">Answered' in html
    )
    client.post(url(thread, "/posts/2/accept"), {"accepted": "0"})
    assert "Accepted by" not in html_of(url(thread), mei)
    assert browser(ola).post(url(thread, "/posts/2/accept"), {"accepted": "1"}).status_code == 403


def test_a_vote_counts_once_and_is_never_shown_below_nothing(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    client, path = browser(ola), url(thread, "/posts/1/vote")
    up = client.post(path, {"value": "1"}, headers=HTMX).content.decode()
    assert 'aria-label="Helpful, 1"' in up and 'value="0"' in up and "<html" not in up
    assert client.post(path, {"value": "1"})["Location"] == url(thread, "#post-1")
    down = browser(sam).post(path, {"value": "-1"}, headers=HTMX).content.decode()
    client.post(path, {"value": "-1"})
    assert 'aria-pressed="true"' in down
    assert Post.objects.get().score == -2
    assert 'aria-label="Helpful, 0"' in article(html_of(url(thread), sam), 1)
    assert browser(mei).post(path, {"value": "1"}).status_code == 403
    assert client.post(path, {"value": "7"}).status_code == 400


def test_one_follows_stops_and_mutes(thread: Thread, sam: User) -> None:
    client, path = browser(sam), url(thread, "/follow")
    html = client.post(path, {"how": "follow"}, headers=HTMX).content.decode()
    assert "Stop following" in html and "you and 1 other" in html and "<html" not in html
    assert client.post(path, {"how": "mute"})["Location"] == url(thread)
    assert "muted" in html_of(url(thread), sam)
    client.post(path, {"how": "unfollow"})
    assert "1 person" in html_of(url(thread), sam)
    assert client.post(path, {"how": "never"}).status_code == 400


# ---------------------------------------------------------------- what is not shown


def test_bodies_are_folded_on_the_server_until_the_answer_was_revealed(
    about_question: Thread, sam: User, mei: User, question: Question
) -> None:
    for reader in (None, sam):
        html = html_of(url(about_question), reader)
        assert SECRET not in html and "warm-up" not in html
        assert numbers(html) == [1, 2] and "ola" in article(html, 2)
        assert about_question.title in html and 'href="?show=1' in html
        assert f'href="/questions/{question.slug}"' in html
    assert SECRET in html_of(url(about_question), mei), "who asked sees the answers"
    insisted = html_of(url(about_question, "?show=1"), sam)
    assert SECRET in insisted
    assert f'href="{url(about_question, "/posts/2?show=1")}"' in insisted
    assert SECRET not in html_of(url(about_question), sam), "and nothing was written"
    answers.reveal(user=sam, question=question)
    assert SECRET in html_of(url(about_question), sam)


def test_nothing_else_tells_what_is_folded(about_question: Thread, sam: User) -> None:
    client = browser(sam)
    services.posts.edit_post(
        author=User.objects.get(handle="ola"),
        post=about_question.posts.get(number=2),
        text="edited",
        edits=0,
    )
    for rest in ("/posts/2/quote", "/posts/2/history", "?quote=2"):
        answer = client.get(url(about_question, rest))
        assert answer.status_code == 404 and SECRET not in answer.content.decode(), rest
    for rest in ("/posts/2/history?show=1", "/posts/2/quote?show=1", "?quote=2&show=1"):
        assert client.get(url(about_question, rest)).status_code == 200, rest


def test_who_replies_to_a_folded_thread_sees_their_own_post(
    about_question: Thread, sam: User
) -> None:
    answer = browser(sam).post(
        url(about_question, "/reply"), {"text": "My own guess.", "key": "k", "shown": "1"}
    )
    assert answer["Location"] == url(about_question, "?show=1#post-3")
    html = html_of(url(about_question), sam)
    assert "My own guess." in html and SECRET not in html


def test_what_was_hidden_deleted_or_waits_leaves_its_place(
    thread: Thread, mei: User, ola: User, sam: User, ada: User
) -> None:
    for text in ("hidden text", "deleted text", "pending text"):
        reply(ola, thread, text)
    thread.posts.filter(number=2).update(state="hidden")
    services.posts.delete_post(author=ola, post=thread.posts.get(number=3))
    thread.posts.filter(number=4).update(state="pending")
    for reader in (None, sam, mei):
        html = html_of(url(thread), reader)
        assert numbers(html) == [1, 2, 3]
        assert "A moderator has hidden this post." in article(html, 2)
        assert "Deleted by its author." in article(html, 3)
        assert not any(text in html for text in ("hidden text", "deleted text", "pending text"))
    for reader in (ola, ada):
        html = html_of(url(thread), reader)
        assert numbers(html) == [1, 2, 3, 4]
        assert "hidden text" in article(html, 2) and "Awaits approval" in article(html, 4)
    for number, status in ((2, 404), (3, 404), (4, 404), (9, 404)):
        assert browser(sam).get(url(thread, f"/posts/{number}/history")).status_code == status


@pytest.mark.parametrize("has_second_step", [False, True])
def test_moderators_see_what_they_may_with_a_second_step_alone_where_the_site_asks_for_one(
    thread: Thread, ola: User, sam: User, ada: User, has_second_step: bool, settings: Any
) -> None:
    settings.STAFF_NEED_SECOND_FACTOR = True
    if has_second_step:
        add_totp(user=ada, secret="A" * 32, session_key=None)
    hidden, waits = reply(ola, thread, SECRET), reply(sam, thread, "It waits.")
    reply(ola, thread, "It is the answer.")
    Post.objects.filter(pk=hidden.pk).update(state="hidden", search=None)
    Post.objects.filter(pk=waits.pk).update(state="pending", search=None)
    client = browser(ada)
    html = client.get(url(thread)).content.decode()
    shown = [words in html for words in (SECRET, "It waits.", "/moderation/threads/", "/accept")]
    Thread.objects.update(state="hidden")
    shown.append(client.get(url(thread)).status_code == 200)
    assert shown == [has_second_step] * 5
    seen_by = selectors.who_may_see(Thread.objects.get(), [ada.pk])
    assert seen_by == ({ada.pk} if has_second_step else set())


def test_who_is_muted_is_told_so_in_place_of_the_form(
    thread: Thread, mei: User, ola: User, ada: User
) -> None:
    reply(ola, thread)
    until = now() + timedelta(days=3)
    action = moderation.mute(moderator=ada, person=ola, until=until, reason="It is rude.")
    for path in (url(thread), "/threads/new", url(thread, "/posts/2/edit")):
        html = html_of(path, ola)
        assert "<textarea" not in html and f"{until:%Y-%m-%d}" in html
        assert "It is rude." in html and f'href="/appeals/{action.pk}"' in html
    answer = browser(ola).post(url(thread, "/reply"), {"text": "I wrote this.", "key": "a" * 32})
    assert answer.status_code == 403 and "I wrote this.</textarea>" in answer.content.decode()
    assert "<textarea" in html_of(url(thread), mei)


def test_a_locked_thread_says_so_and_takes_nothing(thread: Thread, mei: User) -> None:
    Thread.objects.update(locked_at=thread.created_at)
    html = html_of(url(thread), mei)
    assert "nobody can reply any more" in html and "<textarea" not in html
    assert "/edit" not in article(html, 1) and 'class="btn link"\n      href="?quote' not in html


def test_a_hidden_or_pending_thread_is_not_found_by_others(thread: Thread, mei: User) -> None:
    for state, words in (("pending", "awaits approval"), ("hidden", "has hidden this thread")):
        Thread.objects.update(state=state)
        assert browser().get(url(thread)).status_code == 404
        assert words in html_of(url(thread), mei)


# ---------------------------------------------------------------- edited posts


def test_an_edited_post_shows_what_it_said_before(thread: Thread, mei: User) -> None:
    for edits, text in enumerate(("The loss <b>stalls</b>.", "The loss never <b>stalls</b>.")):
        post = thread.posts.get(number=1)
        services.posts.edit_post(author=mei, post=post, text=text, edits=edits)
    assert "edited" in article(html_of(url(thread)), 1)
    html = html_of(url(thread, "/posts/1/history"))
    assert re.search(r"<ins>\s?never\s?</ins\s*>", html) and "As it was first posted" in html
    assert "I set warm-up to zero" in html and html.count("<h2>") == 3
    assert "<b>stalls" not in html


def test_a_post_that_was_edited_often_has_its_history_in_pages(thread: Thread, mei: User) -> None:
    for edits in range(12):
        post = thread.posts.get(number=1)
        services.posts.edit_post(author=mei, post=post, text=f"version {edits}", edits=edits)
    first, second = (html_of(url(thread, f"/posts/1/history?page={page}")) for page in (1, 2))
    assert (first.count("<h2>"), second.count("<h2>")) == (11, 2)
    assert "As it was first posted" in second and "As it was first posted" not in first


def test_the_history_shows_no_text_that_was_hidden_or_waited(
    thread: Thread, mei: User, sam: User, ada: User, settings: Any
) -> None:
    def edit(text: str) -> None:
        post = thread.posts.get(number=1)
        services.posts.edit_post(author=mei, post=post, text=text, edits=post.edits)

    edit("Sam is a fool.")
    post = thread.posts.get(number=1)
    services.moderation.hide(moderator=ada, post=post, reason="Rude.")
    edit("Sam is right.")
    services.moderation.restore(moderator=ada, post=post, reason="Fine now.")
    settings.POSTS_NEED_APPROVAL = True
    edit("Buy a watch.")
    edit("Sam is right indeed.")
    services.moderation.approve(moderator=ada, post=post, reason="Fine.")
    for reader, count in ((None, 3), (sam, 3), (mei, 5), (ada, 5)):
        html = html_of(url(thread, "/posts/1/history"), reader)
        assert html.count("<h2>") == count
        assert ("fool" in html, "watch" in html) == (count == 5, count == 5)
        assert "As it was first posted" in html and "indeed" in html


# ---------------------------------------------------------------- long threads


def test_a_thread_of_500_posts_is_paged_and_a_permalink_finds_its_page(
    thread: Thread, ola: User, many_posts: Callable[..., list[Post]]
) -> None:
    many_posts(thread, ola, 499)
    assert numbers(html_of(url(thread))) == list(range(1, 21))
    last = html_of(url(thread, "?page=25"))
    assert numbers(last) == list(range(481, 501))
    assert 'aria-label="Page 1"' in last and 'rel="prev"' in last
    for number, where in ((1, "#post-1"), (20, "#post-20"), (21, "?page=2#post-21")):
        answer = browser().get(url(thread, f"/posts/{number}"))
        assert answer["Location"] == url(thread, where)
    assert browser().get(url(thread, "/posts/501")).status_code == 404
    assert browser().get(url(thread, "?page=26")).status_code == 404
    answer = browser(ola).post(url(thread, "/reply"), {"text": "", "key": "k"})
    assert numbers(answer.content.decode()) == list(range(481, 501)), "a reply goes to the end"


def test_a_script_gets_the_posts_after_those_that_it_has(
    about_question: Thread, ola: User, sam: User, many_posts: Callable[..., list[Post]]
) -> None:
    many_posts(about_question, ola, 60)
    path = url(about_question, "?after=1")
    html = html_of(path, sam, headers=HTMX)
    assert numbers(html) == list(range(2, 22)) and "<html" not in html
    assert SECRET not in html and SECRET in html_of(f"{path}&show=1", sam, headers=HTMX)
    assert numbers(html_of(url(about_question, "?after=62"), sam, headers=HTMX)) == []
    assert numbers(html_of(url(about_question, "?after=x"), sam, headers=HTMX)) != []


def test_a_script_gets_one_post_that_has_changed(
    about_question: Thread, ola: User, sam: User, many_posts: Callable[..., list[Post]]
) -> None:
    many_posts(about_question, ola, 3)
    path = url(about_question, "?only=2")
    html = html_of(path, sam, headers=HTMX)
    assert numbers(html) == [2] and "<html" not in html
    assert SECRET not in html and SECRET in html_of(f"{path}&show=1", sam, headers=HTMX)
    assert numbers(html_of(url(about_question, "?only=9"), sam, headers=HTMX)) == []
    assert len(numbers(html_of(path, sam))) > 1, "a page has all of them"


@pytest.mark.parametrize("count", [1, 50])
def test_a_thread_asks_the_database_little(
    count: int,
    about_question: Thread,
    ola: User,
    mei: User,
    many_posts: Callable[..., list[Post]],
    django_assert_max_num_queries: Any,
) -> None:
    many_posts(about_question, ola, count)
    services.threads.accept(user=mei, post=about_question.posts.get(number=2), accepted=True)
    for reader in (None, ola, mei):
        client = browser(reader)
        with django_assert_max_num_queries(MAX_QUERIES):
            assert client.get(url(about_question, "?show=1")).status_code == 200


@pytest.mark.parametrize("what", ["quote", "edit", "delete", "vote", "accept", "history", "flag"])
def test_what_one_does_with_a_post_has_an_address_below_it(what: str, thread: Thread) -> None:
    post = thread.posts.get()
    assert f"{post.address}/{what}" == reverse(
        f"discussions:post-{what}", args=[thread.pk, post.number]
    )
