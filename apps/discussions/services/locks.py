"""Row locks, always in this order: the person (`lock_user`), runs (`cited_runs`), the thread, the
post.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.discussions.errors import ThreadGone
from apps.discussions.models import Post, State, Thread, Vote


def lock_thread(pk: int) -> Thread:
    """Return a thread, locked: its counters and the numbers of its posts change one at a time.

    Raises:
        ThreadGone: there is none.
    """
    thread = Thread.objects.select_for_update(of=("self",), no_key=True).filter(pk=pk).first()
    if thread is None:
        raise ThreadGone
    return thread


def lock_post(pk: int) -> Post:
    """Return a post, locked. Its thread was locked before.

    Raises:
        ThreadGone: there is none, or its author has deleted it.
    """
    post = Post.objects.select_for_update(of=("self",), no_key=True).filter(pk=pk).first()
    if post is None or post.state == State.DELETED:
        raise ThreadGone
    return post


def lock_all_of(user: User) -> None:
    """Lock the threads and posts that a locked person wrote, voted on or accepted: who acts on one
    of them, and so refers to the person, is done before their account goes, or begins after.
    """
    voted_on = Vote.objects.filter(user=user).values("post")
    posts = Post.objects.filter(Q(author=user) | Q(pk__in=voted_on))
    of_posts = Q(pk__in=posts.values("thread"))
    _lock(Thread.objects.filter(Q(author=user) | Q(accepted_by=user) | of_posts))
    _lock(posts)


def _lock(rows: QuerySet[Any]) -> None:
    """Lock rows in the order of their keys, so that two of us do not wait in a circle."""
    list(rows.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))
