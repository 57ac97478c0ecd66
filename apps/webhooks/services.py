"""Writing webhooks: making and changing them, and telling them of events.

An event is told in the transaction in which it happens: it is a row for each webhook that asks for
it, or nothing. What is sent is decided then, and never changes. `deliveries` sends it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.audit.kinds import Kind
from apps.audit.services import record, record_change
from apps.common.clock import Clock, now
from apps.common.errors import NotFound
from apps.common.text import clean_json, displayable
from apps.notices.digest_times import next_digest
from apps.notices.models import Kind as NoticeKind
from apps.notices.selectors import database_time
from apps.notices.services import notify
from apps.webhooks import encryption, selectors
from apps.webhooks.errors import (
    InvalidWebhook,
    SecretChanged,
    StillQueued,
    TooManyQueued,
    TooManyWebhooks,
)
from apps.webhooks.failures import Failure
from apps.webhooks.limits import (
    MAX_BODY_BYTES,
    MAX_DESCRIPTION_CHARS,
    MAX_QUEUED,
    MAX_WEBHOOKS,
    ROTATION,
)
from apps.webhooks.models import CHOSEN_EVENTS, Delivery, Event, Webhook
from apps.webhooks.signing import new_secret
from apps.webhooks.targets import read_target

log = logging.getLogger(__name__)
MAX_DELETED = 1_000  # old deliveries, in a round
MAX_REENCRYPTED = 100  # secrets, in a round
State = Delivery.State

# Neither a webhook nor a person that is being deleted is waited for: their deletion may wait for a
# lock that we hold.
SUBSCRIBED = """
    SELECT webhook.id
    FROM webhooks_webhook webhook
    JOIN accounts_user person ON person.id = webhook.owner_id
    WHERE webhook.owner_id = ANY(%s) AND webhook.is_active AND person.is_active
        AND %s = ANY(webhook.events)
        AND (
            SELECT count(*) FROM (
                SELECT FROM webhooks_delivery waiting
                WHERE waiting.webhook_id = webhook.id AND waiting.state = 'queued' LIMIT %s
            ) AS few
        ) < %s
    ORDER BY webhook.id
    FOR KEY SHARE OF webhook, person SKIP LOCKED
"""
LOCK_OWNER = """
    SELECT FROM accounts_user person
    JOIN webhooks_webhook webhook ON webhook.owner_id = person.id
    WHERE webhook.id = %s
    FOR KEY SHARE OF person
"""


# ---------------------------------------------------------------- events


@transaction.atomic
def emit(
    *,
    people: Iterable[int],
    event: Event,
    data: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
) -> int:
    """Tell the webhooks of people of an event, in the transaction in which it happens (two
    statements, however many they are). Returns how many webhooks are told. One of which
    `MAX_QUEUED` deliveries wait is not.

    Args:
        people: primary keys.
        data: what the event is about, as docs/webhooks.md says; a function is called only if
            somebody is told.
    """
    owners = list(set(people))
    if not owners:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(SUBSCRIBED, [owners, event.value, MAX_QUEUED, MAX_QUEUED])
        webhooks = [pk for (pk,) in cursor.fetchall()]
    if not webhooks:
        return 0
    body = body_of(event, data() if callable(data) else data)
    if len(body) > MAX_BODY_BYTES:  # what happens must not fail because it is told of
        log.error("%s is not told of: %s bytes are too many", event.value, len(body))
        return 0
    rows = [Delivery(webhook_id=pk, event=event, body=body) for pk in webhooks]
    return len(Delivery.objects.bulk_create(rows))


def body_of(event: Event, data: Mapping[str, Any]) -> str:
    """Return the body of an event: JSON in ASCII, in one line. All webhooks that are told of an
    event get the same.
    """
    return json.dumps(
        {
            "id": str(uuid.uuid4()),
            "type": event.value,
            "created_at": now().isoformat(),
            "data": clean_json(data),
        },
        cls=DjangoJSONEncoder,
        allow_nan=False,
    )


def link(path: str) -> str:
    """Return the address of a page, as bodies have it."""
    return f"{settings.SITE_URL}{path}"


@transaction.atomic
def send_test(*, webhook: Webhook) -> Delivery:
    """Have a test delivered, also if the webhook is switched off. It is attempted once.

    Raises:
        TooManyQueued: too many deliveries wait.
        NotFound: the webhook was deleted meanwhile.
    """
    webhook = _locked(webhook)
    _check_room(webhook)
    data = {
        "webhook_id": str(webhook.pk),
        "description": webhook.description,
        "url": link(reverse("webhooks:webhook", args=[webhook.pk])),
    }
    return Delivery.objects.create(
        webhook=webhook, event=Event.TEST, body=body_of(Event.TEST, data)
    )


@transaction.atomic
def redeliver(*, delivery: Delivery) -> None:
    """Have a delivery that has ended delivered again, with the same body and identifier, as if it
    were new.

    Raises:
        StillQueued: it has not ended.
        TooManyQueued: too many deliveries wait.
        NotFound: the webhook was deleted meanwhile.
    """
    _check_room(_locked(delivery.webhook))
    ended = Delivery.objects.filter(pk=delivery.pk).exclude(state=State.QUEUED)
    if not ended.update(
        state=State.QUEUED,
        attempts=0,
        next_attempt_at=Clock(),
        ended_at=None,
        failure="",
        detail="",
    ):
        raise StillQueued


def _check_room(webhook: Webhook) -> None:
    if selectors.queued_count(webhook) >= MAX_QUEUED:
        raise TooManyQueued


@transaction.atomic
def retell(*, deliveries: QuerySet[Delivery], **values: Any) -> int:
    """Change values in the data of what webhooks were told, arrived or not: what stood there is not
    to be kept any more. Returns how many deliveries have others now.
    """
    count = 0
    for pk, body in (
        deliveries.order_by("pk").select_for_update(of=("self",)).values_list("pk", "body")
    ):
        told = json.loads(body)
        changed = json.dumps(told | {"data": told["data"] | values})
        count += Delivery.objects.filter(pk=pk).exclude(body=changed).update(body=changed)
    return count


# ---------------------------------------------------------------- webhooks


@transaction.atomic
def create_webhook(
    *, owner: User, url: str, events: Iterable[str], description: str = ""
) -> tuple[Webhook, str]:
    """Make a webhook. Returns it with its secret, which nobody is shown again.

    Raises:
        InvalidWebhook: address, events or description cannot be taken.
        TooManyWebhooks: the person has `MAX_WEBHOOKS`.
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(owner)
    webhook = Webhook(owner=owner, **_checked(url, events, description))
    if selectors.webhooks_of(owner).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks
    _check_is_new(webhook)
    secret = new_secret()
    webhook.secret, webhook.key_name = encryption.encrypt(secret), encryption.key_name()
    webhook.digest_due_at = _digest_due_at(webhook)
    webhook.save(force_insert=True)
    webhook.refresh_from_db()
    record(Kind.WEBHOOK_CREATED, person=owner, personal=_described(webhook))
    return webhook, secret


@transaction.atomic
def change_webhook(
    *, webhook: Webhook, url: str, events: Iterable[str], description: str = ""
) -> Webhook:
    """Change where a webhook leads, and of what it is told. Deliveries that wait go to the new
    address; with another address it counts as working again.

    Raises:
        InvalidWebhook: address, events or description cannot be taken.
        AccountGone: the person was deleted meanwhile.
    """
    values = _checked(url, events, description)
    webhook = _locked(webhook)
    before, is_elsewhere = _described(webhook), webhook.url != values["url"]
    for name, value in values.items():
        setattr(webhook, name, value)
    _check_is_new(webhook)
    if is_elsewhere:
        webhook.failing_since = None
    webhook.digest_due_at = _digest_due_at(webhook)
    webhook.save(
        update_fields=["url", "host", "events", "description", "failing_since", "digest_due_at"]
    )
    after = _described(webhook)
    if before != after:
        record_change(
            Kind.WEBHOOK_CHANGED,
            person=webhook.owner,
            before=before,
            after=after,
            is_personal=True,
        )
    return webhook


@transaction.atomic
def make_new_secret(*, webhook: Webhook, number: int) -> str:
    """Make a new secret, and return it; nobody is shown it again. For `ROTATION` deliveries are
    signed with the former one, too.

    Args:
        number: of the secret that is to be replaced (`secret_number`), so that a request that is
            repeated does not replace the new one.
    Raises:
        SecretChanged: the present one has another number.
        AccountGone: the person was deleted meanwhile.
    """
    webhook = _locked(webhook)
    if webhook.secret_number != number:
        raise SecretChanged
    try:
        former = encryption.encrypt(encryption.decrypt(webhook.secret))
    except encryption.Undecryptable:
        former = ""
    secret = new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(
        secret=encryption.encrypt(secret),
        secret_number=number + 1,
        key_name=encryption.key_name(),
        previous_secret=former,
        previous_until=Clock() + ROTATION if former else None,
    )
    record(Kind.WEBHOOK_SECRET_CHANGED, person=webhook.owner, personal={"host": webhook.host})
    return secret


@transaction.atomic
def switch_webhook(*, webhook: Webhook, is_active: bool) -> None:
    """Switch a webhook on or off. What waits when it is switched off is not delivered any more, but
    can be redelivered. Idempotent.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    webhook = _locked(webhook)
    if not is_active:
        _wait_for_events(webhook.pk)
    if webhook.is_active == is_active and not webhook.disabled_reason:
        return
    webhook.is_active, webhook.disabled_reason, webhook.failing_since = is_active, "", None
    webhook.digest_due_at = _digest_due_at(webhook)
    webhook.save(update_fields=["is_active", "disabled_reason", "failing_since", "digest_due_at"])
    if not is_active:
        _end_queued(webhook)
    record(
        Kind.WEBHOOK_CHANGED,
        person=webhook.owner,
        details={"after": {"switched_on": is_active}},
        personal={"host": webhook.host},
    )


@transaction.atomic
def delete_webhook(*, webhook: Webhook) -> None:
    """Delete a webhook with its log. Idempotent.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    try:
        webhook = _locked(webhook)
    except NotFound:
        return
    record(Kind.WEBHOOK_DELETED, person=webhook.owner, personal={"host": webhook.host})
    webhook.delete()


@transaction.atomic
def disable_webhook(*, pk: uuid.UUID, reason: Webhook.Disabled) -> bool:
    """Switch a webhook off because it does not work, and tell its owner. Returns whether it was on.
    Each owner is told once, whoever else does so at the same time.
    """
    lock_webhook(pk)
    _wait_for_events(pk)
    switched = Webhook.objects.active().filter(pk=pk)
    if not switched.update(is_active=False, disabled_reason=reason, digest_due_at=None):
        return False
    webhook = Webhook.objects.select_related("owner").get(pk=pk)
    _end_queued(webhook)
    record(
        Kind.WEBHOOK_DISABLED,
        person=webhook.owner,
        details={"reason": reason.value},
        personal={"host": webhook.host},
    )
    notify(
        people=[webhook.owner_id],
        kind=NoticeKind.WEBHOOK,
        subject=f"webhook:{webhook.pk}",
        title=webhook.description or webhook.host,
        path=reverse("webhooks:webhook", args=[webhook.pk]),
        details={"reason": reason.value},
    )
    log.warning("webhook %s is disabled: %s", webhook.pk, reason.value)
    return True


def _locked(webhook: Webhook) -> Webhook:
    """Lock the owner, then the webhook, and return it as it is now. Deliveries are locked after it.

    Raises:
        NotFound: it was deleted meanwhile.
        AccountGone: so was the person.
    """
    lock_user(webhook.owner)
    rows = Webhook.objects.select_for_update(no_key=True, of=("self",)).select_related("owner")
    present = rows.filter(pk=webhook.pk).first()
    if present is None:
        raise NotFound
    return present


def lock_webhook(pk: uuid.UUID) -> bool:
    """Lock a webhook for what becomes of its deliveries, with its owner against their deletion
    alone: who changes it meanwhile is waited for, in the order of `_locked`. Returns whether there
    is one.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_OWNER, [pk])
    rows = Webhook.objects.select_for_update(no_key=True).filter(pk=pk)
    return rows.first() is not None


def _wait_for_events(pk: uuid.UUID) -> None:
    """Wait for those who tell a locked webhook of something, which their transactions have not
    stored yet, and keep others from it (`SUBSCRIBED` skips it): what it is told of is queued before
    it is switched off, or not at all.
    """
    Webhook.objects.select_for_update().filter(pk=pk).first()


def _end_queued(webhook: Webhook) -> None:
    queued = Delivery.objects.queued().filter(webhook=webhook)
    queued.update(state=State.FAILED, failure=Failure.OFF, ended_at=Clock(), next_attempt_at=None)


def _described(webhook: Webhook) -> dict[str, Any]:
    """Return what the audit log says of a webhook: not its path, which may work like a password."""
    described = {"host": webhook.host, "events": list(webhook.events)}
    if webhook.description:
        described["description"] = webhook.description
    return described


def _checked(url: str, events: Iterable[str], description: str) -> dict[str, Any]:
    """Return the columns of what a person entered.

    Raises:
        InvalidWebhook: something of it cannot be taken; with a message for each field.
    """
    wrong: dict[str, str] = {}
    values: dict[str, Any] = {"description": displayable(description).strip()}
    try:
        target = read_target(url)
        values |= {"url": target.url, "host": target.host}
    except ValidationError as error:
        wrong["url"] = " ".join(error.messages)
    chosen = set(events)
    values["events"] = [event.value for event in CHOSEN_EVENTS if event.value in chosen]
    if unknown := sorted(chosen - set(values["events"])):
        names = ", ".join(event.value for event in CHOSEN_EVENTS)
        text = _("There is no event “%(event)s” to choose. There are: %(names)s.")
        wrong["events"] = text % {"event": unknown[0][:50], "names": names}
    elif not chosen:
        wrong["events"] = _("Choose at least one event.")
    if len(values["description"]) > MAX_DESCRIPTION_CHARS:
        text = _("A description has at most %(max)s characters.")
        wrong["description"] = text % {"max": MAX_DESCRIPTION_CHARS}
    if wrong:
        raise InvalidWebhook(wrong)
    return values


def _check_is_new(webhook: Webhook) -> None:
    """Raise InvalidWebhook if the owner, who is locked, has another webhook with the address."""
    others = Webhook.objects.filter(owner=webhook.owner, url=webhook.url).exclude(pk=webhook.pk)
    if others.exists():
        raise InvalidWebhook({"url": _("You have a webhook with this address already.")})


# ---------------------------------------------------------------- digests


def people_with_due_digest(limit: int) -> list[int]:
    """Return the primary keys of people whose digest is due now, the longest due first."""
    due = Webhook.objects.filter(digest_due_at__lte=Clock()).order_by("digest_due_at", "pk")
    return list(dict.fromkeys(due.values_list("owner", flat=True)[: MAX_WEBHOOKS * limit]))[:limit]


def take_digest(*, owner: User) -> bool:
    """Move a person's digest to the next day, in the transaction that emits it. Returns whether it
    was due: one of several that do so at the same time emits it.
    """
    due = Webhook.objects.filter(owner=owner, digest_due_at__lte=Clock())
    return bool(due.update(digest_due_at=next_digest(database_time(), owner.time_zone)))


def postpone_digest(*, owner: int, seconds: int) -> None:
    """Let a person's digest wait, which could not be made: it holds up nobody else's."""
    due = Webhook.objects.filter(owner=owner, digest_due_at__lte=Clock())
    due.update(digest_due_at=Clock() + timedelta(seconds=seconds))


def _digest_due_at(webhook: Webhook) -> datetime | None:
    """Return when the cards of a webhook's owner are counted next; the time stays if it is set."""
    if not webhook.is_active or Event.CARDS_DUE.value not in webhook.events:
        return None
    return webhook.digest_due_at or next_digest(database_time(), webhook.owner.time_zone)


# ---------------------------------------------------------------- housekeeping


def delete_old_deliveries() -> int:
    """Delete deliveries that ended more than WEBHOOKS_KEEP_DAYS ago, some of them in each round.
    Returns how many.
    """
    since = Clock() - timedelta(days=settings.WEBHOOKS_KEEP_DAYS)
    old = Delivery.objects.filter(ended_at__lt=since).exclude(state=State.QUEUED)
    pks = list(old.order_by("ended_at").values_list("pk", flat=True)[:MAX_DELETED])
    return Delivery.objects.filter(pk__in=pks).exclude(state=State.QUEUED).delete()[0]


def renew_encryption() -> int:
    """Encrypt secrets with the present key that were encrypted with a former one, some of them in
    each round, and forget former secrets whose day is over. Returns how many were.
    """
    Webhook.objects.filter(previous_until__lte=Clock()).update(
        previous_secret="", previous_until=None
    )
    if not settings.SECRET_KEY_FALLBACKS:
        return 0
    present = encryption.key_name()
    pks = Webhook.objects.exclude(key_name=present).values_list("pk", flat=True)
    return sum(_renew_encryption(pk, present) for pk in pks[:MAX_REENCRYPTED])


@transaction.atomic
def _renew_encryption(pk: uuid.UUID, key_name: str) -> bool:
    rows = Webhook.objects.select_for_update(no_key=True, skip_locked=True)
    webhook = rows.filter(pk=pk).first()
    if webhook is None:
        return False
    try:
        webhook.secret = encryption.encrypt(encryption.decrypt(webhook.secret))
        if webhook.previous_secret:
            former = encryption.decrypt(webhook.previous_secret)
            webhook.previous_secret = encryption.encrypt(former)
    except encryption.Undecryptable:
        pass  # the next delivery disables it; it is not looked at again here
    webhook.key_name = key_name
    webhook.save(update_fields=["secret", "previous_secret", "key_name"])
    return True
