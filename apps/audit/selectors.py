"""Reading the audit log."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.audit.models import AuditEvent


def events_about(person: Any) -> QuerySet[AuditEvent]:
    """Return the events that a person may read: those that concern them, the newest first."""
    return AuditEvent.objects.filter(person=person).select_related("actor").order_by("-pk")
