"""Flags: somebody's word to the moderators that a post is not as it should be."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.text import clean, displayable, normalize_newlines
from apps.discussions.errors import OwnPost, ThreadGone, TooManyFlags
from apps.discussions.limits import MAX_REASON_LENGTH, MAX_WAITING_FLAGS
from apps.discussions.models import Flag, Post, State
from apps.discussions.services.locks import lock_post, lock_thread


@transaction.atomic
def flag(*, flagger: User, post: Post, reason: str, text: str = "") -> Flag:
    """Flag a post. Idempotent: while a flag of theirs waits, another one replaces its words.

    Args:
        reason: one of `Flag.Reason`.
    Raises:
        AccountGone: the person was deleted meanwhile.
        OwnPost: they wrote it.
        ThreadGone: it can no longer be read.
        TooManyFlags: as many of theirs wait as one may have.
    """
    lock_user(flagger)
    lock_thread(post.thread_id)
    post = lock_post(post.pk)  # so that no moderator hides it at the same moment
    if post.state != State.PUBLISHED:
        raise ThreadGone
    if post.author_id == flagger.pk:
        raise OwnPost
    words = {
        "reason": Flag.Reason(reason),
        "text": displayable(normalize_newlines(clean(text))).strip()[:MAX_REASON_LENGTH],
    }
    waiting = Flag.objects.filter(flagger=flagger, action=None)
    if flag := waiting.filter(post=post).first():
        Flag.objects.filter(pk=flag.pk).update(**words)
        return Flag.objects.get(pk=flag.pk)
    # what its author has deleted leaves nothing to decide
    if waiting.exclude(post__state=State.DELETED).count() >= MAX_WAITING_FLAGS:
        raise TooManyFlags(MAX_WAITING_FLAGS)
    return Flag.objects.create(post=post, flagger=flagger, **words)
