"""Reads of webhooks: always of one person, who alone may see them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from apps.accounts.models import User
from apps.webhooks.limits import MAX_QUEUED
from apps.webhooks.models import Delivery, Webhook


def webhooks_of(owner: User) -> QuerySet[Webhook]:
    """Return a person's webhooks, the first made first."""
    return Webhook.objects.filter(owner=owner).listed()


def webhook_for(owner: User, pk: UUID) -> Webhook:
    """Return a person's webhook.

    Raises:
        Http404: there is none, or it is somebody else's.
    """
    return get_object_or_404(Webhook.objects.select_related("owner"), owner=owner, pk=pk)


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    """Return the log of a webhook, the latest first."""
    return Delivery.objects.filter(webhook=webhook).log()


def delivery_for(owner: User, webhook: UUID, pk: UUID) -> Delivery:
    """Return a delivery of a person's webhook.

    Raises:
        Http404: there is none, or it is somebody else's.
    """
    rows = Delivery.objects.select_related("webhook__owner")
    return get_object_or_404(rows, webhook__owner=owner, webhook=webhook, pk=pk)


def queued_count(webhook: Webhook) -> int:
    """Return how many deliveries of a webhook wait, up to `MAX_QUEUED`."""
    waiting = Delivery.objects.queued().filter(webhook=webhook).order_by()
    return waiting.values("pk")[:MAX_QUEUED].count()
