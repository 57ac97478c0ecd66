"""Every write of `discussions`.

Each function is one transaction. Locks are taken in one order, so that no two of them deadlock: the
person who acts (`accounts.services.lock_user`), the runs that they cite, the thread, the post.
"""

from apps.discussions.services import (
    appeals,
    flags,
    follows,
    moderation,
    pictures,
    posts,
    thread_words,
    threads,
    votes,
)

__all__ = [
    "appeals",
    "flags",
    "follows",
    "moderation",
    "pictures",
    "posts",
    "thread_words",
    "threads",
    "votes",
]
