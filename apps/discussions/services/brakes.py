"""Brakes: what a person may not post, or not at once. Asked with the person locked, so that the
counts below are exact for requests at once.

An account is *new* until one of its posts that can be read has more votes up than down, or was
published a day ago (`NEW_HOURS`). Posts that wait, were not approved, are hidden or were deleted do
not make it older: nobody waits out the brakes with what nobody may see.

Moderators and staff are not braked; a mute holds for everybody.
"""

from __future__ import annotations

import math
from datetime import timedelta

from django.conf import settings
from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.common.text import clean
from apps.discussions import limits, post_markdown
from apps.discussions.errors import DuplicatePost, Muted, TooManyPosts
from apps.discussions.models import Post, State, Thread, fingerprint
from apps.discussions.post_markdown import RenderedPost
from apps.discussions.selectors.moderation import mute_of

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def state_of_new(
    *, author: User, text: str, rendered: RenderedPost, thread: Thread | None
) -> State:
    """Return whether a new post is published at once, or awaits approval.

    Args:
        thread: that it replies to; None: it begins one.
    Raises:
        Muted: they may not write at present.
        TooManyPosts: they have written many in a minute, or as many in a day as a new account may.
        DuplicatePost: they have posted the same text lately.
    """
    check_not_muted(author)
    if is_exempt(author):
        return _state(is_held=needs_approval(author))
    _check_flood(author)
    is_of_new = is_new(author)
    if is_of_new:
        _check_new_account(author, begins_thread=thread is None)
    return _state(is_held=_is_held(author, text, rendered, is_of_new=is_of_new))


def state_of_edit(*, author: User, post: Post, text: str, rendered: RenderedPost) -> State:
    """Return the state of a post with another text: what is hidden or waits stays so, and what is
    published may have to wait again.

    Raises:
        Muted, DuplicatePost: as of a new post.
    """
    check_not_muted(author)
    state = State(post.state)
    if is_exempt(author):
        return state
    is_of_new = is_new(author)
    added = RenderedPost(rendered.html, links=_added_links(post, rendered) if is_of_new else [])
    is_held = _is_held(author, text, added, is_of_new=is_of_new, post=post)
    return State.PENDING if is_held and state == State.PUBLISHED else state


def check_not_muted(person: User) -> None:
    """Check that a person may write.

    Raises:
        Muted: until when they may not, and why.
    """
    if (mute := mute_of(person)) is not None:
        raise Muted(
            until=mute.ends_at,
            reason=mute.action.reason,
            seconds=math.ceil(mute.left.total_seconds()),  # type: ignore[attr-defined] # annotated
            page=reverse("discussions:appeal", args=[mute.action_id]),
        )


def is_exempt(person: User) -> bool:
    return person.is_staff or person.has_perm("discussions.moderate")


def needs_approval(person: User) -> bool:
    """Return whether all that a person posts waits: the switch `POSTS_NEED_APPROVAL`."""
    return settings.POSTS_NEED_APPROVAL and not person.has_perm("discussions.moderate")


def is_new(person: User) -> bool:
    return not established(Post.objects.filter(author=person)).exists()


def established(posts: QuerySet[Post]) -> QuerySet[Post]:
    """Return those of a person's posts by which their account is new no more."""
    old = Q(published_at__lte=Clock() - timedelta(hours=limits.NEW_HOURS))
    return posts.filter(Q(score__gt=0) | old, state=State.PUBLISHED)


def _state(*, is_held: bool) -> State:
    return State.PENDING if is_held else State.PUBLISHED


def _is_held(
    author: User, text: str, rendered: RenderedPost, *, is_of_new: bool, post: Post | None = None
) -> bool:
    """Return whether a text awaits approval. `post`: that it is the new text of."""
    if is_compared(text, rendered):
        same = _posts_with(text, except_for=post)
        if repeated := same.filter(author=author).first():
            raise DuplicatePost(page=repeated.get_absolute_url())
        if is_of_new and _is_of_many_new(author, same):
            return True
    return bool(is_of_new and rendered.links) or needs_approval(author)


def is_compared(text: str, rendered: RenderedPost) -> bool:
    return bool(rendered.links) or len(text.strip()) >= limits.MIN_COMPARED_LENGTH


def _posts_with(text: str, *, except_for: Post | None) -> QuerySet[Post]:
    """Return the recent posts with a text, whatever became of them."""
    written = fingerprint(Value(clean(text), output_field=TextField()))
    since = Clock() - timedelta(days=limits.DUPLICATE_DAYS)
    same = Post.objects.alias(fingerprint=fingerprint(F("text"))).filter(fingerprint=written)
    same = same.filter(created_at__gt=since).exclude(state=State.DELETED)
    return same.exclude(pk=except_for.pk) if except_for else same


def _is_of_many_new(author: User, same: QuerySet[Post]) -> bool:
    older = established(Post.objects.filter(author=OuterRef("author")))
    others = same.exclude(author=author).exclude(author=None).filter(~Exists(older))
    people = others.order_by().values("author").distinct()
    return len(people[: limits.MAX_NEW_ACCOUNTS_OF_A_TEXT]) >= limits.MAX_NEW_ACCOUNTS_OF_A_TEXT


def _added_links(post: Post, rendered: RenderedPost) -> list[str]:
    if not rendered.links:
        return []
    before = set(post_markdown.render_post(post.text).links)
    return [link for link in rendered.links if link not in before]


def _check_flood(author: User) -> None:
    posts = Post.objects.filter(author=author)
    if seconds := _seconds_until_fewer(posts, limits.MAX_POSTS_A_MINUTE, MINUTE):
        raise TooManyPosts(
            _("You have posted %(n)s times within a minute. Nothing was saved; wait a moment.")
            % {"n": limits.MAX_POSTS_A_MINUTE},
            seconds=seconds,
        )


def _check_new_account(author: User, *, begins_thread: bool) -> None:
    """Check how much a new account has written within a day."""
    until = _(
        "This ends when one of your posts is voted up, or a day after your first one appeared. "
        "Nothing was saved; copy your text if you need it."
    )
    posts = Post.objects.filter(author=author)
    if seconds := _seconds_until_fewer(posts, limits.MAX_NEW_POSTS, DAY):
        text = _("A new account may write %(n)s posts a day.") % {"n": limits.MAX_NEW_POSTS}
        raise TooManyPosts(f"{text} {until}", seconds=seconds)
    threads = posts.filter(number=1)
    seconds = _seconds_until_fewer(threads, limits.MAX_NEW_THREADS, DAY) if begins_thread else 0
    if seconds:
        text = _("A new account may begin %(n)s thread a day, and reply in others.")
        raise TooManyPosts(f"{text % {'n': limits.MAX_NEW_THREADS}} {until}", seconds=seconds)


def _seconds_until_fewer(posts: QuerySet[Post], count: int, period: timedelta) -> int:
    """Return the seconds until fewer than `count` of a person's posts lie within `period`; 0: it is
    so now. Deleted ones count.
    """
    left = ExpressionWrapper(F("created_at") + period - Clock(), output_field=DurationField())
    recent = posts.filter(created_at__gt=Clock() - period).order_by("-created_at")
    lefts = recent.annotate(left=left).values_list("left", flat=True)[count - 1 : count]
    return max((max(1, math.ceil(left.total_seconds())) for left in lefts), default=0)
