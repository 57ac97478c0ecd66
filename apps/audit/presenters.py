"""How an event is worded for a reader: the person whom it concerns, or an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.audit.models import AuditEvent
from apps.common.browsers import browser_name
from apps.common.text import join_list

# of the values in details, as forms call them, in the order in which they are shown
LABELS = {
    "name": gettext_lazy("name"),
    "is_active": gettext_lazy("can sign in"),
    "is_staff": gettext_lazy("can use the admin"),
    "is_superuser": gettext_lazy("may do everything"),
    "groups": gettext_lazy("roles"),
    "user_permissions": gettext_lazy("permissions of their own"),
    "permissions": gettext_lazy("permissions"),
    "email": gettext_lazy("e-mail"),
    "queues": gettext_lazy("queues"),
    "public": gettext_lazy("public"),
    "withdrawn": gettext_lazy("withdrawn"),
    "state": gettext_lazy("state"),
    "from": gettext_lazy("from"),
    "to": gettext_lazy("to"),
    "until": gettext_lazy("until"),
    "host": gettext_lazy("host"),
    "events": gettext_lazy("events"),
    "description": gettext_lazy("description"),
    "switched_on": gettext_lazy("switched on"),
    "reason": gettext_lazy("reason"),
}


@dataclass(frozen=True)
class EventRow:
    """An event as the person whom it concerns may see it."""

    event: AuditEvent
    details: list[str]
    by: str  # who else did it; empty: they themselves, or nobody who was signed in
    network: str  # theirs, or of a stranger; never of an operator
    browser: str


def row(event: AuditEvent) -> EventRow:
    is_by_other = event.actor_id is not None and event.actor_id != event.person_id
    return EventRow(
        event=event,
        details=details(event),
        by=str(event.actor) if is_by_other else "",
        network="" if is_by_other else event.network,
        browser="" if is_by_other else browser_name(event.agent),
    )


def details(event: AuditEvent) -> list[str]:
    """Return what the sentence of an event does not say, as phrases."""
    phrases = [event.subject] if event.subject else []
    for values in (event.details, event.personal):
        before, after = values.get("before", {}), values.get("after", {})
        for name in sorted({*before, *after}, key=_place):
            change = " → ".join(_value(side[name]) for side in (before, after) if name in side)
            phrases.append(f"{_label(name)}: {change}")
        phrases += [
            f"{_label(name)}: {_value(value)}"
            for name, value in values.items()
            if name not in ("before", "after", "count")
        ]
    if count := event.details.get("count"):
        phrases.append(_("%(count)s times within an hour") % {"count": count})
    return phrases


def _place(name: str) -> tuple[int, str]:
    """Return where a value stands among others: jsonb keeps no order of its own."""
    return (list(LABELS).index(name) if name in LABELS else len(LABELS), name)


def _label(name: str) -> str:
    return str(LABELS.get(name, name))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return join_list(map(_value, value)) or _("none")
    return str(value)
