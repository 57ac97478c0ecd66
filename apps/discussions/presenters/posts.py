"""Posts as a thread's page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.safestring import SafeString

from apps.discussions import embeds
from apps.discussions.models import ModerationAction, Post, State, Thread
from apps.discussions.presenters.threads import language_tag, may_accept
from apps.discussions.selectors import is_folded, may_moderate
from apps.discussions.selectors.moderation import last_takedowns
from apps.experiments.selectors import Reader


def post_rows(
    posts: Sequence[Post], reader: Reader, thread: Thread, *, shown: bool = False
) -> list[dict[str, Any]]:
    """Return what the template of a post needs, for each of them.

    Args:
        posts: of `selectors.posts_of`.
        shown: the reader insists on seeing a folded thread.
    """
    folded = not shown and is_folded(reader.user, thread)
    readable = [post for post in posts if _is_readable(post, reader, folded=folded)]
    htmls = embeds.filled(readable, reader, thread)
    accepts = may_accept(thread, reader)
    takedowns = last_takedowns(posts, reader.user)
    page: dict[str, Any] = {"thread": thread, "reader": reader, "shown": shown}
    return [
        post_row(
            post,
            html=htmls.get(post.pk),
            accepts=accepts,
            takedown=takedowns.get(post.pk),
            **page,
        )
        for post in posts
    ]


def post_row(
    post: Post,
    *,
    html: SafeString | None,
    thread: Thread,
    reader: Reader,
    shown: bool = False,
    accepts: bool = False,
    takedown: ModerationAction | None = None,
) -> dict[str, Any]:
    """Return what the template of a post needs.

    Args:
        html: None: it is folded, or only its place is shown.
        accepts: the reader says which post is the answer.
        takedown: the action that hid it.
    """
    is_mine = post.author_id is not None and post.author_id == reader.user.pk
    is_published = post.state == State.PUBLISHED
    is_accepted = thread.accepted_id == post.pk
    return {
        "post": post,
        "action": takedown,
        "html": html,
        "thread": thread,
        "language_tag": language_tag(post.language),
        "is_mine": is_mine,
        "is_accepted": is_accepted,
        "is_first": post.number == 1,
        "is_folded": html is None and is_published,
        "is_open": not thread.is_locked and thread.state == State.PUBLISHED,
        "may_vote": is_published and not is_mine and reader.user.pk is not None,
        "may_edit": is_mine and not thread.is_locked and post.state != State.DELETED,
        "may_moderate": may_moderate(reader.user),
        "may_accept": accepts and is_published and post.number > 1,
        "shown": shown,
        "query": "?show=1" if shown else "",
    }


def is_readable(post: Post, reader: Reader, thread: Thread, *, shown: bool = False) -> bool:
    """Return whether a reader is shown the text of a post. Arguments are those of `post_rows`."""
    return _is_readable(post, reader, folded=not shown and is_folded(reader.user, thread))


def _is_readable(post: Post, reader: Reader, *, folded: bool) -> bool:
    """Return whether a reader sees the text of a post: of a hidden one its author and moderators
    alone, of a folded one its author.
    """
    is_mine = post.author_id is not None and post.author_id == reader.user.pk
    match post.state:
        case State.DELETED:
            return False
        case State.HIDDEN:
            return is_mine or may_moderate(reader.user)
    return is_mine or not folded
