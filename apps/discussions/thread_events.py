"""Messages over Redis that tell the web processes that a thread has changed: what is new in it is
read from the database, by one query for all threads that are watched. One may be lost.
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


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(ThreadChanged).decode


def publish(post: Post) -> None:
    """After commit, tell who watches the post's thread that it has changed: a post was published,
    hidden or restored.
    """
    message = ThreadChanged(post.thread_id)
    transaction.on_commit(partial(_publish, message), robust=True)


def _publish(message: ThreadChanged) -> None:
    live_messages.publish(live_messages.client(), CHANNEL, encode(message), breaker)
