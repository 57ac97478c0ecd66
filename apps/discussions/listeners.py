"""What `discussions` does when an account is deleted. Called inside the transaction that deletes
it, with the person locked.

Their threads, posts, flags, appeals and pictures stay, without a name; what they follow and their
mutes go with the account. Their votes go here, so that scores are right, and their name from what
others' webhooks were told.
"""

from __future__ import annotations

from apps.accounts.models import User
from apps.accounts.signals import user_deleting
from apps.discussions import announcements
from apps.discussions.services import votes
from apps.discussions.services.locks import lock_all_of


def listen() -> None:
    user_deleting.connect(forget_person, dispatch_uid="discussions.forget_person")


def forget_person(user: User, **more: object) -> None:
    lock_all_of(user)
    votes.withdraw_all(user=user)
    announcements.author_gone(author=user)
