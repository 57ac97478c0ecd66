"""Webhooks and deliveries in Django's admin, read-only: without secrets, bodies, answers, and the
path of an address, which may work like a password.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import ReadOnlyAdmin
from apps.webhooks.models import Delivery, Webhook

WEBHOOK_COLUMNS = (
    "owner",
    "host",
    "is_active",
    "disabled_reason",
    "failing_since",
    "created_at",
)
DELIVERY_COLUMNS = (
    "webhook",
    "event",
    "state",
    "attempts",
    "status",
    "failure",
    "seconds",
    "created_at",
    "next_attempt_at",
    "ended_at",
)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = WEBHOOK_COLUMNS
    list_filter = ["is_active", "disabled_reason"]
    list_select_related = ["owner"]
    search_fields = ["host", "owner__handle"]
    fields = (*WEBHOOK_COLUMNS, "events")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = DELIVERY_COLUMNS
    list_filter = ["state", "event"]
    list_select_related = ["webhook"]
    search_fields = ["webhook__host"]
    fields = DELIVERY_COLUMNS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body", "response", "attempt_log")
