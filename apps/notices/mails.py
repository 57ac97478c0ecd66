"""Mails about notices: the daily digest, and what is mailed at once.

A mail is stored in the outbox in the transaction that marks its notices as mailed, with the person
locked: whatever crashes, each is told of once. How somebody wants to hear of a kind is read then,
and who has read a notice, or has no confirmed address, gets no mail.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import outbox
from apps.accounts.addresses import mailbox
from apps.accounts.models import User
from apps.accounts.zones import zone_of
from apps.common.clock import Clock
from apps.notices import presenters, selectors
from apps.notices.models import Delivery, Kind, Notice
from apps.notices.unsubscribe_tokens import token_for

MAX_LISTED = 30  # notices, in a mail
MAX_SUBJECT_CHARS = 120  # before "Gradus: "
PREFIX = "Gradus: "


@dataclass(frozen=True)
class Item:
    """A notice as it stands in a mail: lines of plain text, and a link."""

    sentence: str
    title: str
    url: str


def people_with_due_mail(limit: int) -> list[int]:
    """Return the primary keys of people who are to be mailed now, the longest due first."""
    due = Notice.objects.filter(mail_due_at__lte=Clock()).order_by("mail_due_at", "pk")
    return list(dict.fromkeys(due.values_list("person", flat=True)[: 10 * limit]))[:limit]


@transaction.atomic
def store_due_mails(*, pk: int) -> bool:
    """Store the mails that are due to a person. Returns whether there were any. Somebody who is
    locked is left for the next round.
    """
    people = User.objects.select_for_update(no_key=True, skip_locked=True)
    person = people.filter(pk=pk).first()
    if person is None:
        return False
    waiting = Notice.objects.filter(person=person).to_be_mailed()
    rows = waiting.select_for_update(of=("self",), no_key=True).select_related("actor")
    notices, now = list(rows.order_by("pk")), selectors.database_time()
    deliveries = selectors.deliveries(person)
    unwanted = notices
    stored = False
    if person.is_active and settings.EMAIL_URL and selectors.has_confirmed_address(person):
        unwanted = [notice for notice in notices if not _is_mailed(deliveries, notice)]
        for delivery in (Delivery.AT_ONCE, Delivery.DIGEST):
            to_tell = [n for n in notices if deliveries[Kind(n.kind)] == delivery]
            if any(notice.mail_due_at and notice.mail_due_at <= now for notice in to_tell):
                message = outbox.of_person(message_to(person, to_tell, delivery), person)
                outbox.store_mail(message=message, summary=_summary(to_tell))
                _mark_mailed(to_tell)
                stored = True
    Notice.objects.filter(pk__in=_pks(unwanted)).update(mail_due_at=None)
    return stored


def _summary(notices: Sequence[Notice]) -> str:
    """Return what operators read of a mail: what kinds of things it tells, and nobody's name."""
    return PREFIX + "; ".join(dict.fromkeys(str(Kind(notice.kind).label) for notice in notices))


def _is_mailed(deliveries: dict[Kind, Delivery], notice: Notice) -> bool:
    return deliveries[Kind(notice.kind)] in (Delivery.AT_ONCE, Delivery.DIGEST)


def _mark_mailed(notices: Collection[Notice]) -> None:
    mailed = Notice.objects.filter(pk__in=_pks(notices))
    mailed.update(mail_due_at=None, mailed_count=F("count"))


def _pks(notices: Collection[Notice]) -> list[int]:
    return [notice.pk for notice in notices]


def postpone_mails(*, pk: int, seconds: int) -> None:
    """Let a person's mails wait, which could not be made: they hold up nobody else's."""
    due = Notice.objects.filter(person=pk, mail_due_at__lte=Clock())
    due.update(mail_due_at=Clock() + timedelta(seconds=seconds))


# ---------------------------------------------------------------- what a mail says


def message_to(
    person: User, notices: Sequence[Notice], delivery: Delivery
) -> EmailMultiAlternatives:
    """Return the mail that tells a person of notices, in their language."""
    with (
        translation.override(person.mail_language),
        timezone.override(zone_of(person.time_zone)),
    ):
        return _message(person, notices, delivery)


def _message(person: User, notices: Sequence[Notice], delivery: Delivery) -> EmailMultiAlternatives:
    is_digest = delivery == Delivery.DIGEST
    latest = sorted(notices, key=lambda notice: notice.updated_at, reverse=True)
    items = [_item(notice) for notice in latest[:MAX_LISTED]]
    kinds = {Kind(notice.kind) for notice in notices}
    token = token_for(person.pk, () if is_digest else kinds)
    stop_url = settings.SITE_URL + reverse("notices:unsubscribe", args=[token])
    context: dict[str, Any] = {
        "person": person,
        "items": items,
        "more": len(latest) - len(items),
        "is_digest": is_digest,
        "language_tag": translation.to_locale(translation.get_language()).replace("_", "-"),
        "notices_url": settings.SITE_URL + reverse("notices:notices"),
        "settings_url": settings.SITE_URL + reverse("notices:settings"),
        "stop_url": stop_url,
    }
    message = EmailMultiAlternatives(
        subject=PREFIX + _subject(items, len(latest)),
        body=render_to_string("notices/mail/message.txt", context).strip() + "\n",
        to=[mailbox(person.email)],
        headers={
            "List-Id": f"Gradus <notices.{urlsplit(settings.SITE_URL).hostname}>",
            "List-Unsubscribe": f"<{stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("notices/mail/message.html", context), "text/html")
    return message


def _subject(items: Sequence[Item], count: int) -> str:
    if count > 1:
        return ngettext("%(n)s notice", "%(n)s notices", count) % {"n": count}
    item = items[0]
    words = _("%(sentence)s: %(title)s") if item.title else "%(sentence)s"
    return _cut(words % {"sentence": item.sentence, "title": item.title})


def _item(notice: Notice) -> Item:
    count = max(1, notice.count - notice.mailed_count)
    return Item(
        one_line(presenters.sentence(notice, count)),
        one_line(presenters.title(notice)),
        settings.SITE_URL + notice.path,
    )


def one_line(text: str) -> str:
    """Return a text that stays within its line and in its order: without control characters, and
    without those that turn the direction of what follows.
    """
    visible = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join("".join(c for c in visible if unicodedata.category(c) != "Cf").split())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SUBJECT_CHARS else text[: MAX_SUBJECT_CHARS - 1] + "…"
