"""Reading the audit log."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.audit.kinds import OF_MODERATORS
from apps.audit.models import AuditEvent


def events_about(person: Any) -> QuerySet[AuditEvent]:
    """Return the events that a person may read: those that concern them and their account, the
    newest first. What moderators did with their posts is shown where they can appeal.
    """
    events = AuditEvent.objects.filter(person=person).exclude(kind__in=OF_MODERATORS)
    return events.select_related("actor").order_by("-pk")
