"""Threads: begun, and answered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import Clock
from apps.common.errors import KeyReused
from apps.discussions import announcements, search_words
from apps.discussions.errors import NotYours
from apps.discussions.models import Post, State, Thread
from apps.discussions.selectors import may_moderate
from apps.discussions.services import brakes, posts, visibility
from apps.discussions.services.cited_runs import share_cited
from apps.discussions.services.locks import lock_post, lock_thread
from apps.discussions.subjects import Subject


@transaction.atomic
def start_thread(
    *,
    author: User,
    subject: Subject,
    title: str,
    text: str,
    language: str,
    key: str,
    share: Collection[UUID] = (),
) -> Thread:
    """Begin a thread with its first post. Idempotent by `key`.

    Args:
        share: of the author's runs that it cites, or is about, those that they agree to share.
    Raises:
        AccountGone: the author was deleted meanwhile.
        BadPost: the title or the text is empty, too short or too long.
        KeyReused: `key` came with another thread.
        Muted, TooManyPosts, DuplicatePost: a brake (`brakes`).
        RunsNotShared: it cites runs, or is about one, that nobody else can see, and the author did
            not agree to share them.
    """
    title, rendered = posts.stored_title(title), posts.rendered(text)
    text = posts.stored_text(text)
    lock_user(author)
    if thread := _begun_before(author, key, title, text):
        return thread
    about = {subject.run.pk} if subject.run else set()
    runs = share_cited(author=author, cited=posts.cited_by(rendered) | about, share=share)
    state = brakes.state_of_new(author=author, text=text, rendered=rendered, thread=None)
    common: dict[str, Any] = {"author": author, "key": key, "language": language, "state": state}
    thread = Thread.objects.create(
        title=title,
        search=search_words.vector(title) if state == State.PUBLISHED else None,
        **subject.columns,
        **common,
    )
    thread = lock_thread(thread.pk)
    posts.add_post(thread=thread, text=text, rendered=rendered, runs=runs, **common)
    return Thread.objects.get(pk=thread.pk)


def _begun_before(author: User, key: str, title: str, text: str) -> Thread | None:
    """Return the thread that a locked author began with a key, by the same form; None: there is
    none.

    Raises:
        KeyReused: the key came with another title or text, or with a reply.
    """
    thread = Thread.objects.filter(author=author, key=key).first()
    first = Post.objects.filter(author=author, key=key).first()
    if thread is None and first is None:
        return None
    if thread and first and thread.title == title and posts.has_said(first, text):
        return thread
    raise KeyReused(str(posts.SENT_BEFORE))


@transaction.atomic
def accept(*, user: User, post: Post, accepted: bool) -> None:
    """Mark a post as the answer of its thread, or take that back. The newer of two stands.

    Raises:
        NotYours: `user` neither began the thread nor is a moderator, or it is no reply that
            everybody can read.
        ThreadGone: the post is no longer there.
    """
    lock_user(user)
    thread = lock_thread(post.thread_id)
    post = lock_post(post.pk)
    if thread.author_id != user.pk and not may_moderate(user):
        raise NotYours(_("Only whoever began the thread, or a moderator, accepts an answer."))
    if post.number == 1 or post.state != State.PUBLISHED:
        raise NotYours(_("Only a reply that everybody can read can be the accepted answer."))
    if accepted == (thread.accepted_id == post.pk):
        return
    announcements.acceptance_gone(thread=thread)
    if accepted:
        Thread.objects.filter(pk=thread.pk).update(
            accepted=post, accepted_by=user, accepted_at=Clock()
        )
        announcements.post_accepted(thread=thread, post=post, by=user)
    else:
        visibility.withdraw_acceptance(thread)
