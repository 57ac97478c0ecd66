"""How webhooks and their deliveries are worded for their owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.common.text import sentence_gap
from apps.webhooks.failures import Failure
from apps.webhooks.models import Delivery, Event, Webhook


@dataclass(frozen=True)
class WebhookRow:
    """A webhook as it is shown."""

    webhook: Webhook
    events: list[str]  # in words

    @property
    def name(self) -> str:
        return self.webhook.description or self.webhook.host

    @property
    def is_wrong(self) -> bool:
        return bool(self.webhook.disabled_reason or self.webhook.failing_since)

    @property
    def state(self) -> str:
        if self.webhook.disabled_reason:
            return _("disabled by the site")
        if not self.webhook.is_active:
            return _("switched off")
        if self.webhook.failing_since:
            since = date_format(localtime(self.webhook.failing_since), "Y-m-d H:i")
            return _("failing since %(at)s") % {"at": since}
        return _("switched on")


def webhook_row(webhook: Webhook) -> WebhookRow:
    return WebhookRow(webhook, [str(Event(name).label) for name in webhook.events])


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery as it is shown."""

    delivery: Delivery
    answer: str  # in short: the status, or why there is none

    @property
    def event(self) -> str:
        return str(Event(self.delivery.event).label)

    @property
    def state(self) -> str:
        """The state in words; of one that is to be attempted again, when."""
        delivery = self.delivery
        if delivery.is_over or not delivery.attempts or delivery.next_attempt_at is None:
            return str(delivery.get_state_display())
        at = date_format(localtime(delivery.next_attempt_at), "Y-m-d H:i")
        return _("waiting until %(at)s") % {"at": at}


def delivery_row(delivery: Delivery) -> DeliveryRow:
    return DeliveryRow(delivery, _answer(delivery))


def _answer(delivery: Delivery) -> str:
    if delivery.status is not None:
        return str(delivery.status)
    return _failure(delivery)


@dataclass(frozen=True)
class AttemptRow:
    """An attempt of a delivery as it is shown."""

    number: int
    at: datetime
    seconds: float | None  # None: it is not over, or was cut off
    status: int | None
    failure: str
    detail: str
    response: str
    is_cut_off: bool  # its process ended before its outcome was stored

    @property
    def answer(self) -> str:
        """In short: the status, or why there is none."""
        if self.status is not None:
            return str(self.status)
        if self.failure:
            return str(Failure(self.failure).label)
        return _("cut off") if self.is_cut_off else _("under way")


def attempt_rows(delivery: Delivery) -> list[AttemptRow]:
    """Return the attempts of a delivery that its log has, the latest first."""
    rows = []
    for entry in delivery.attempt_log:
        is_latest = entry is delivery.attempt_log[-1]
        seconds = entry.get("seconds")
        rows.append(
            AttemptRow(
                number=entry["number"],
                at=datetime.fromisoformat(entry["at"]),
                seconds=seconds,
                status=entry.get("status"),
                failure=entry.get("failure", ""),
                detail=entry.get("detail", ""),
                response=entry.get("response", ""),
                is_cut_off=seconds is None and (delivery.is_over or not is_latest),
            )
        )
    return rows[::-1]


def reason(delivery: Delivery) -> str:
    """Return why a delivery has failed, or its last attempt; empty if it has not."""
    detail = f"({delivery.detail})" if delivery.detail else ""
    return sentence_gap().join(filter(None, (_failure(delivery), detail)))


def _failure(delivery: Delivery) -> str:
    return str(Failure(delivery.failure).label) if delivery.failure else ""


def is_awaited(deliveries: Iterable[Delivery]) -> bool:
    """Return whether one of them is about to be attempted for the first time, so that a page that
    shows them is worth asking for again.
    """
    return any(not delivery.is_over and not delivery.attempts for delivery in deliveries)
