"""Threads and their posts, one module for each kind of page."""

from apps.discussions.views.posts import (
    accept,
    delete,
    edit,
    history,
    post,
    preview,
    quote,
    reply,
    vote,
)
from apps.discussions.views.threads import follow, new, own_runs, panel, thread, threads

__all__ = [
    "accept",
    "delete",
    "edit",
    "follow",
    "history",
    "new",
    "own_runs",
    "panel",
    "post",
    "preview",
    "quote",
    "reply",
    "thread",
    "threads",
    "vote",
]
