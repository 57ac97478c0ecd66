"""Messages over Redis that tell the web processes that a thread has changed: what is new in it is
read from the database, by one query for all threads that are watched. One may be lost: a new post
is then found by the next poll, another text of an old one when the page is loaded again.
"""

from __future__ import annotations

from functools import partial

import msgspec
from django.db import transaction

from apps.common import live_messages
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.discussions.models import Post

CHANNEL = "gradus:threads"
breaker = CircuitBreaker(REDIS_PAUSE_SECONDS)


class ThreadChanged(msgspec.Struct, frozen=True):
    """One message. It names the thread alone: nothing of a post, which not everybody may read."""

    thread: int
    changed: int = 0  # number of a post that pages may show and that is not as it was; 0: none
    added: int = 0  # number of a post that can be read from now on; 0: none


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(ThreadChanged).decode


def post_added(post: Post) -> None:
    """After commit, tell who watches the post's thread that it has one more post: the last one, or
    one that had to wait while others came.
    """
    _publish_on_commit(ThreadChanged(post.thread_id, added=post.number))


def post_changed(post: Post) -> None:
    """After commit, tell who watches the post's thread that the post was edited, hidden, restored
    or deleted.
    """
    _publish_on_commit(ThreadChanged(post.thread_id, post.number))


def _publish_on_commit(message: ThreadChanged) -> None:
    transaction.on_commit(partial(_publish, message), robust=True)


def _publish(message: ThreadChanged) -> None:
    live_messages.publish(live_messages.client(), CHANNEL, encode(message), breaker)
