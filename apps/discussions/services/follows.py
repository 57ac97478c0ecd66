"""Who hears of new posts in a thread."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.discussions.models import Follow, Thread


@transaction.atomic
def follow(*, user: User, thread: Thread) -> None:
    """Have a person hear of new posts in a thread. Idempotent.

    Raises:
        AccountGone: they were deleted meanwhile.
    """
    lock_user(user)
    Follow.objects.update_or_create(thread=thread, user=user, defaults={"is_muted": False})


@transaction.atomic
def unfollow(*, user: User, thread: Thread) -> None:
    """Have them hear of it no more but by mentions, until they write in it."""
    lock_user(user)
    Follow.objects.filter(thread=thread, user=user).delete()


@transaction.atomic
def mute(*, user: User, thread: Thread) -> None:
    """Have them hear nothing of it, mentions included, until they follow it again."""
    lock_user(user)
    Follow.objects.update_or_create(thread=thread, user=user, defaults={"is_muted": True})
