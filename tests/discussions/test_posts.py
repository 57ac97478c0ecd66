"""Threads and posts as their services write them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.common.errors import KeyReused
from apps.discussions import selectors, services
from apps.discussions.errors import EditConflict, NotYours, OwnPost, ThreadGone, ThreadLocked
from apps.discussions.models import ModerationAction, Post, State, Thread
from apps.notices.models import Notice
from tests.discussions.conftest import reply, start
from tests.discussions.pages import html_of


def first_post(thread: Thread) -> Post:
    return thread.posts.get(number=1)


def test_a_thread_begins_with_its_first_post(mei: User) -> None:
    thread = start(mei, title="  Why does  it stall? ", text="Because\r\nof $\\eta$.")
    post = first_post(thread)
    assert (thread.title, thread.replies, thread.last_number) == ("Why does it stall?", 0, 1)
    assert post.text == "Because\nof $\\eta$."
    assert "katex" in post.html


def test_a_form_that_is_sent_twice_begins_one_thread(mei: User) -> None:
    first, second = start(mei, key="k"), start(mei, key="k")
    assert first == second
    assert Post.objects.count() == 1


def test_a_key_that_comes_with_another_title_is_refused(mei: User) -> None:
    start(mei, key="k")
    with pytest.raises(KeyReused):
        start(mei, key="k", title="Something else entirely")


def test_replies_are_numbered_and_counted(thread: Thread, ola: User, mei: User) -> None:
    posts = [reply(ola, thread), reply(mei, thread)]
    thread.refresh_from_db()
    assert [post.number for post in posts] == [2, 3]
    assert thread.replies == 2
    assert thread.last_post_at == posts[1].created_at


def test_a_reply_that_is_sent_twice_is_one_post(thread: Thread, ola: User) -> None:
    assert reply(ola, thread, key="k") == reply(ola, thread, key="k")
    assert thread.posts.count() == 2


def test_nobody_replies_to_what_is_locked_or_hidden(thread: Thread, ola: User) -> None:
    Thread.objects.filter(pk=thread.pk).update(locked_at=thread.created_at)
    with pytest.raises(ThreadLocked):
        reply(ola, thread)
    Thread.objects.filter(pk=thread.pk).update(state=State.HIDDEN)
    with pytest.raises(ThreadGone):
        reply(ola, thread)


def test_an_edit_keeps_what_the_post_said_before(thread: Thread, mei: User) -> None:
    post = first_post(thread)
    before = post.text
    edited = services.posts.edit_post(author=mei, post=post, text="Another **text**", edits=0)
    assert edited.html == "<p>Another <strong>text</strong></p>"
    assert edited.edited_at is not None
    assert [revision.text for revision in edited.revisions.all()] == [before]


def test_of_two_edits_at_once_the_second_is_told_what_the_first_wrote(
    thread: Thread, mei: User
) -> None:
    post = first_post(thread)
    services.posts.edit_post(author=mei, post=post, text="in one tab", edits=0)
    with pytest.raises(EditConflict) as refused:
        services.posts.edit_post(author=mei, post=post, text="in the other", edits=0)
    assert refused.value.extra["text"] == "in one tab"


def test_only_its_author_edits_or_deletes_a_post(thread: Thread, ola: User) -> None:
    with pytest.raises(NotYours):
        services.posts.edit_post(author=ola, post=first_post(thread), text="mine", edits=0)
    with pytest.raises(NotYours):
        services.posts.delete_post(author=ola, post=first_post(thread))


def test_a_deleted_post_leaves_its_place_and_none_of_its_text(
    thread: Thread, mei: User, ola: User
) -> None:
    post = reply(ola, thread)
    services.posts.edit_post(author=ola, post=post, text="more of it", edits=0)
    services.threads.accept(user=mei, post=post, accepted=True)
    services.posts.delete_post(author=ola, post=post)
    services.posts.delete_post(author=ola, post=post)
    post.refresh_from_db()
    thread.refresh_from_db()
    assert (post.state, post.text, post.html, post.search) == ("deleted", "", "", None)
    assert not post.revisions.exists()
    assert (thread.accepted, thread.replies) == (None, 0)


def test_a_thread_without_replies_goes_with_its_only_post(thread: Thread, mei: User) -> None:
    services.posts.delete_post(author=mei, post=first_post(thread))
    thread.refresh_from_db()
    assert thread.state == State.DELETED


def test_the_text_of_a_deleted_post_cannot_be_stored_again(thread: Thread, mei: User) -> None:
    services.posts.delete_post(author=mei, post=first_post(thread))
    with pytest.raises(IntegrityError), transaction.atomic():
        Post.objects.update(text="back")


def test_one_votes_once_and_changes_it(thread: Thread, ola: User, sam: User) -> None:
    post = first_post(thread)
    assert services.votes.vote(user=ola, post=post, value=1) == 1
    assert services.votes.vote(user=ola, post=post, value=1) == 1
    assert services.votes.vote(user=sam, post=post, value=-1) == 0
    assert services.votes.vote(user=ola, post=post, value=-1) == -2
    assert services.votes.vote(user=ola, post=post, value=0) == -1
    post.refresh_from_db()
    thread.refresh_from_db()
    assert (post.score, post.shown_score, thread.score) == (-1, 0, -1)


def test_nobody_votes_for_themselves(thread: Thread, mei: User) -> None:
    with pytest.raises(OwnPost):
        services.votes.vote(user=mei, post=first_post(thread), value=1)


def test_whoever_asked_accepts_an_answer_and_takes_it_back(
    thread: Thread, mei: User, ola: User, ada: User
) -> None:
    post = reply(ola, thread)
    with pytest.raises(NotYours):
        services.threads.accept(user=ola, post=post, accepted=True)
    services.threads.accept(user=mei, post=post, accepted=True)
    thread.refresh_from_db()
    assert (thread.accepted, thread.accepted_by) == (post, mei)
    services.threads.accept(user=ada, post=post, accepted=False)
    thread.refresh_from_db()
    assert (thread.accepted, thread.accepted_at) == (None, None)


def test_the_moderation_log_is_only_added_to(thread: Thread, ada: User) -> None:
    action = ModerationAction.objects.create(
        kind="lock", moderator=ada, thread=thread, reason="Off the rails."
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        ModerationAction.objects.update(reason="nothing")
    with pytest.raises(IntegrityError), transaction.atomic():
        action.delete()
    ada.delete()
    action.refresh_from_db()
    assert (action.moderator, action.reason) == (None, "Off the rails.")


def test_a_thread_goes_with_the_last_of_its_posts(thread: Thread, mei: User, ola: User) -> None:
    post = reply(ola, thread)
    services.posts.delete_post(author=mei, post=first_post(thread))
    thread.refresh_from_db()
    assert thread.state == State.PUBLISHED, "somebody's reply is left"
    services.posts.delete_post(author=ola, post=post)
    thread.refresh_from_db()
    assert (thread.state, thread.search) == (State.DELETED, None)


def test_replies_stay_when_a_first_post_that_awaits_approval_again_is_deleted(
    thread: Thread, mei: User, ola: User, settings: Any
) -> None:
    reply(ola, thread)
    settings.POSTS_NEED_APPROVAL = True
    services.posts.edit_post(author=mei, post=first_post(thread), text="Buy it.", edits=0)
    assert Thread.objects.get().state == State.PENDING
    services.posts.delete_post(author=mei, post=first_post(thread))
    thread.refresh_from_db()
    assert (thread.state, thread.replies) == (State.PUBLISHED, 1)
    assert list(selectors.threads(AnonymousUser(), words="stall")) == [thread]


def test_an_answer_that_awaits_approval_again_is_not_named(
    thread: Thread, mei: User, ola: User, sam: User, settings: Any
) -> None:
    post = reply(ola, thread)
    services.threads.accept(user=mei, post=post, accepted=True)
    assert "The answer" in html_of(thread.get_absolute_url(), sam)
    settings.POSTS_NEED_APPROVAL = True
    services.posts.edit_post(author=ola, post=post, text="Buy it.", edits=0)
    assert "The answer" not in html_of(thread.get_absolute_url(), sam)


def test_an_acceptance_that_is_taken_back_before_it_was_read_is_not_told(
    thread: Thread, mei: User, ola: User, sam: User
) -> None:
    first, second = reply(ola, thread), reply(sam, thread)
    accepted = Notice.objects.filter(kind="accepted")
    services.threads.accept(user=mei, post=first, accepted=True)
    services.threads.accept(user=mei, post=second, accepted=True)
    assert list(accepted.values_list("person__handle", flat=True)) == ["sam"]
    services.threads.accept(user=mei, post=second, accepted=False)
    assert not accepted.exists()
