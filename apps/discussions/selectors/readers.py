"""Who may see as a moderator does, and which of many people may see a thread."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser, Permission
from django.db.models import Q

from apps.accounts.models import User
from apps.accounts.second_factors import acts_as_staff, who_may_be_staff
from apps.discussions.models import State, Thread


def may_moderate(reader: User | AnonymousUser) -> bool:
    """Return whether `reader` sees what moderators see, and does what they do on other pages: with
    a second step of signing in, where the site asks staff for one.
    """
    return acts_as_staff(reader, "discussions.moderate")


def who_may_see(thread: Thread, people: Collection[int | None]) -> set[int]:
    """Return which of `people`, by primary key, may see a thread: the rule of `visible_threads`,
    for many readers at once (one query at most).
    """
    readers = {pk for pk in people if pk is not None}
    if thread.state == State.DELETED:
        return set()
    is_published = thread.state == State.PUBLISHED
    run = thread.run if thread.about == Thread.About.RUN else None
    if is_published and (run is None or run.shared):
        return readers
    owners = {thread.author_id} | ({run.owner_id} if run and is_published else set())
    others = readers - owners
    return readers & owners | (moderators_among(others) if others else set())


def moderators_among(people: Collection[int]) -> set[int]:
    """Return which of `people`, by primary key, may moderate (`may_moderate`)."""
    permission = {"codename": "moderate", "content_type__app_label": "discussions"}
    of_theirs = Permission.objects.filter(**permission)
    is_moderator = (
        Q(is_superuser=True)
        | Q(groups__permissions__in=of_theirs)
        | Q(user_permissions__in=of_theirs)
    )
    rows = User.objects.filter(is_moderator, pk__in=people, is_active=True)
    rows = who_may_be_staff(rows)
    return set(rows.values_list("pk", flat=True))
