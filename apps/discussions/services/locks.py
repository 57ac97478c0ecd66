"""Row locks, always in this order: the person (`lock_user`), runs (`cited_runs`), the thread, the
post.
"""

from __future__ import annotations

from apps.discussions.errors import ThreadGone
from apps.discussions.models import Post, State, Thread


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
