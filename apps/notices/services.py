"""Every write of `notices`, except that mails are made of them (`mails`).

Who holds several locks took them in the order person, notice; several notices in the order of their
keys (`NoticeQuerySet.locked`). The people who are told are locked against their deletion alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import Clock
from apps.common.text import clean
from apps.notices import selectors
from apps.notices.digest_times import mail_due_at
from apps.notices.models import (
    DEFAULTS,
    MAX_TITLE_LENGTH,
    Delivery,
    Kind,
    Notice,
    Preference,
)
from apps.notices.unsubscribe_tokens import Unsubscribing

MAX_DELETED = 1_000  # old notices, in a round

# A person who is being deleted is skipped: to wait for them could be a deadlock, since their
# deletion takes their name from threads whose locks we may hold.
RECIPIENTS = """
    SELECT person.id, person.time_zone, preference.delivery, gradus_now()
    FROM accounts_user person
    LEFT JOIN notices_preference preference
        ON preference.person_id = person.id AND preference.kind = %s
    WHERE person.id = ANY(%s) AND person.is_active
    ORDER BY person.id
    FOR KEY SHARE OF person SKIP LOCKED
"""
STORE = """
    INSERT INTO notices_notice
        (person_id, kind, subject, title, path, actor_id, count, details, mail_due_at)
    SELECT person, %s, %s, %s, %s, %s, 1, %s, due
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS told (person, due)
    ON CONFLICT (person_id, kind, subject) WHERE read_at IS NULL DO UPDATE
    SET count = notices_notice.count + 1, actor_id = EXCLUDED.actor_id, title = EXCLUDED.title,
        details = EXCLUDED.details, updated_at = gradus_now(),
        mail_due_at = coalesce(notices_notice.mail_due_at, EXCLUDED.mail_due_at)
"""


@transaction.atomic
def notify(
    *,
    people: Iterable[int],
    kind: Kind,
    subject: str,
    title: str,
    path: str,
    actor: User | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Tell people of something, in the transaction in which it happens (two statements, however
    many they are). Neither who did it is told, nor who never wants to hear of this kind. Returns
    how many are.

    Args:
        people: primary keys.
        subject: what it is about; while a notice of this kind and subject is unread, it counts up.
        title: of the page it leads to: never a word of a post.
        path: of that page, local.
        details: what the sentence of its kind needs (`presenters`).
    """
    dues = _mail_dues(set(people) - {actor.pk if actor else None}, kind)
    if not dues:
        return 0
    values = (
        kind.value,
        subject,
        clean(title)[:MAX_TITLE_LENGTH],
        path,
        actor.pk if actor else None,
        Jsonb(dict(details or {})),
    )
    with connection.cursor() as cursor:
        cursor.execute(STORE, [*values, list(dues), list(dues.values())])  # type: ignore[list-item] # Jsonb
    return len(dues)


def _mail_dues(people: Collection[int | None], kind: Kind) -> dict[int, datetime | None]:
    """Return those of `people` who are told, in the order in which their rows are written, each
    with when it is mailed: never on a site without a mail server.
    """
    if not people:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(RECIPIENTS, [kind.value, list(people)])
        rows = cursor.fetchall()
    dues: dict[int, datetime | None] = {}
    for pk, zone, chosen, now in rows:
        delivery = Delivery(chosen) if chosen else DEFAULTS[kind]
        if delivery != Delivery.NEVER:
            dues[pk] = mail_due_at(delivery, now, zone) if settings.EMAIL_URL else None
    return dues


@transaction.atomic
def withdraw(
    *, subject: str, kind: Kind | None = None, path: str = "", keep: Collection[int] = ()
) -> int:
    """Take notices back that nobody has read yet: what they lead to is gone. Returns how many.

    Args:
        kind: only those of this kind; None: of all.
        path: only those that lead there, and count nothing else; empty: all about the subject.
        keep: primary keys of people who may still see it.
    """
    notices = Notice.objects.unread().filter(subject=subject).exclude(person__in=keep)
    if kind is not None:
        notices = notices.filter(kind=kind)
    if path:
        notices = notices.filter(path=path, count=1)
    return Notice.objects.filter(pk__in=notices.locked()).delete()[0]


@transaction.atomic
def mark_read(
    *,
    person: User,
    pks: Iterable[int] | None = None,
    subject: str | None = None,
    until: datetime | None = None,
) -> int:
    """Mark notices of a person as read, of which no mail is sent any more. Returns how many were
    unread.

    Args:
        pks: which, by their primary keys; None: all.
        subject: only those about it.
        until: only those that have not counted up since: what came after a page was shown was not
            seen on it.
    """
    unread = Notice.objects.filter(person=person).unread()
    if pks is not None:
        unread = unread.filter(pk__in=list(pks))
    if subject is not None:
        unread = unread.filter(subject=subject)
    if until is not None:
        unread = unread.filter(updated_at__lte=until)
    if not (pks := unread.locked()):
        return 0
    return Notice.objects.filter(pk__in=pks).update(read_at=Clock(), mail_due_at=None)


@transaction.atomic
def change_deliveries(*, person: User, deliveries: Mapping[Kind, Delivery]) -> None:
    """Change how a person wants to hear of some kinds. Notices that wait to be mailed follow.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(person)
    before = selectors.deliveries(person)
    for kind, delivery in deliveries.items():
        if before[kind] != delivery:
            Preference.objects.update_or_create(
                person=person, kind=kind, defaults={"delivery": delivery}
            )
            _reschedule(person, kind, delivery)


def _reschedule(person: User, kind: Kind, delivery: Delivery) -> None:
    now = selectors.database_time()
    waiting = Notice.objects.filter(person=person, kind=kind).to_be_mailed().locked()
    Notice.objects.filter(pk__in=waiting).update(
        mail_due_at=mail_due_at(delivery, now, person.time_zone)
    )


@transaction.atomic
def unsubscribe(*, person: User, what: Unsubscribing) -> None:
    """Have a person hear on the site alone of what they were mailed. Idempotent.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(person)
    present = selectors.deliveries(person)
    stopped = [kind for kind, delivery in present.items() if what.stops(kind, delivery)]
    change_deliveries(person=person, deliveries=dict.fromkeys(stopped, Delivery.SITE))


def unsubscribe_from_all(*, person: User) -> None:
    """Have a person hear on the site alone of whatever they were mailed. Idempotent."""
    everything = Unsubscribing(person.pk, frozenset(Kind))
    unsubscribe(person=person, what=everything)


def delete_old_notices() -> int:
    """Delete notices that were read more than NOTICES_KEEP_DAYS ago, some of them in each round.
    Returns how many.
    """
    since = Clock() - timedelta(days=settings.NOTICES_KEEP_DAYS)
    old = Notice.objects.filter(read_at__lt=since).order_by("read_at")
    pks = list(old.values_list("pk", flat=True)[:MAX_DELETED])
    return Notice.objects.filter(pk__in=pks).delete()[0]
