"""What a change of a post's state means for its thread: counters, what a search finds, acceptance,
open pages.
The thread and the post are locked.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Coalesce

from apps.common.clock import Clock
from apps.discussions import search_words, thread_events
from apps.discussions.models import Post, State, Thread
from apps.discussions.services import thread_words


def count_posts(thread: Thread) -> None:
    """Count the published posts of a locked thread again."""
    counts = thread.posts.published().aggregate(
        replies=Count("pk", filter=Q(number__gt=1)), last=Max("created_at")
    )
    Thread.objects.filter(pk=thread.pk).update(
        replies=counts["replies"], last_post_at=counts["last"] or F("created_at")
    )


def show(thread: Thread, post: Post) -> bool:
    """Publish a post, and with the first one its thread. Returns whether it was never published
    before, so that nobody has heard of it.
    """
    is_first_time = post.published_at is None
    Post.objects.filter(pk=post.pk).update(
        state=State.PUBLISHED,
        search=search_words.vector(post.text),
        published_at=Coalesce(F("published_at"), Clock()),
    )
    if post.number == 1:
        show_thread(thread)
    count_posts(thread)
    thread_words.gather([thread.pk])
    thread_events.post_changed(post)
    return is_first_time


def show_thread(thread: Thread) -> None:
    search = search_words.vector(thread.title)
    Thread.objects.filter(pk=thread.pk).update(state=State.PUBLISHED, search=search)


def take_away(thread: Thread, post: Post, state: State) -> None:
    """Take a post from its readers, and with the first one its thread: it awaits approval, or is
    hidden.
    """
    Post.objects.filter(pk=post.pk).update(state=state, search=None)
    if post.number == 1:
        Thread.objects.filter(pk=thread.pk).update(state=state, search=None)
    count_posts(thread)
    thread_words.gather([thread.pk])
    thread_events.post_changed(post)


def withdraw_acceptance(thread: Thread) -> None:
    """Leave a thread without an accepted answer."""
    Thread.objects.filter(pk=thread.pk).update(accepted=None, accepted_by=None, accepted_at=None)


def acceptance(thread: Thread, post: Post) -> dict[str, Any]:
    """Return what must be known to accept a post again as it is accepted now; empty if it is
    not.
    """
    if thread.accepted_id != post.pk or thread.accepted_at is None:
        return {}
    at = thread.accepted_at.isoformat()
    return {"accepted_by": thread.accepted_by_id, "accepted_at": at}
