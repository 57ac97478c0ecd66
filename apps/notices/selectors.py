"""Reads of notices: always of one person, who alone may see them."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import connection
from django.db.models import Max, QuerySet

from apps.accounts.models import User
from apps.notices.models import DEFAULTS, Delivery, Kind, Notice, Preference

MAX_COUNTED = 100  # unread ones; pages show that many as 99+


def notices_of(person: User) -> QuerySet[Notice]:
    """Return a person's notices with who caused them, the latest first."""
    rows = Notice.objects.filter(person=person).select_related("actor")
    return rows.order_by("-updated_at", "-pk")


def unread_count(person: User) -> int:
    """Return how many of a person's notices are unread, up to `MAX_COUNTED`: of an index alone."""
    unread = Notice.objects.filter(person=person).unread().order_by()
    return unread.values("person")[:MAX_COUNTED].count()


def latest_update(person: User) -> datetime | None:
    """Return when the newest notice of a person came, or last counted up."""
    newest = Notice.objects.filter(person=person).order_by("-updated_at", "-pk")
    return newest.values_list("updated_at", flat=True).first()


def newest_unread(person: User, subject: str) -> datetime | None:
    """Return when the newest of a person's unread notices about a subject came, or counted up."""
    unread = Notice.objects.filter(person=person, subject=subject).unread()
    newest: datetime | None = unread.aggregate(newest=Max("updated_at"))["newest"]
    return newest


def deliveries(person: User) -> dict[Kind, Delivery]:
    """Return how a person wants to hear of each kind."""
    chosen = Preference.objects.filter(person=person).values_list("kind", "delivery")
    return dict(DEFAULTS) | {Kind(kind): Delivery(delivery) for kind, delivery in chosen}


def database_time() -> datetime:
    """Return the time by the database's clock, by which mails are due."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT gradus_now()")
        (time,) = cursor.fetchone()
    assert isinstance(time, datetime)
    return time


def has_confirmed_address(person: User) -> bool:
    """Return whether a person has shown that their address is theirs: others get no mail."""
    addresses = EmailAddress.objects.filter(user=person, verified=True)
    return bool(addresses.filter(email=person.canonical_email).exists())
