"""Writing to the audit log, and deleting what is older than its retention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from apps.audit import origin
from apps.audit.kinds import LIMITS, MAX_OF_SITE, Kind
from apps.audit.models import MAX_AGENT_CHARS, MAX_SUBJECT_CHARS, AuditEvent, EventCount
from apps.common.clock import Clock
from apps.common.text import clean

MAX_VALUE_CHARS = 200  # of a text in the details
MAX_MEMBERS = 100  # of an object or a list in them
MAX_DEPTH = 4
MAX_INTEGER = 2**63
MAX_DELETED = 1000  # events at a time


@transaction.atomic(savepoint=False)
def record(
    kind: Kind,
    *,
    person: Any = None,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
) -> None:
    """Add an event, in the caller's transaction. Who does it, and from where, is known from the
    request. Values that are strange or long are cleaned and cut. Secrets do not belong into them.

    Args:
        person: the user whom it concerns, and who may read it.
        subject: what it is done to, by its name; no person's.
        details: what was before and after, and the like.
        personal: such of them as are erased with the person's account, addresses for one.
    """
    numbers: dict[str, Any] = {}
    if limit := LIMITS.get(kind):
        if not limit.of_person and (count := _count(kind, "")) > MAX_OF_SITE:
            if _is_power_of_ten(count):  # it stands for events of many networks and people
                AuditEvent.objects.create(kind=kind, details={"count": count})
            return
        count = _count(kind, f"person {person.pk}" if limit.of_person else origin.network())
        if count > limit.events:
            if not _is_power_of_ten(count):
                return
            numbers["count"] = count
    AuditEvent.objects.create(
        kind=kind,
        person=person,
        actor=origin.actor(),
        network=origin.network(),
        agent=clean(origin.agent())[:MAX_AGENT_CHARS],
        subject=clean(subject)[:MAX_SUBJECT_CHARS],
        details=_small({**(details or {}), **numbers}),
        personal=_small(personal or {}),
    )


def record_change(
    kind: Kind,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    person: Any = None,
    subject: str = "",
    is_personal: bool = False,
) -> None:
    """Add an event with the values that differ; none if all are the same.

    Args:
        is_personal: whether the values are erased with the person's account.
    """
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names:
        return
    values = {
        "before": {name: before[name] for name in names if name in before},
        "after": {name: after[name] for name in names if name in after},
    }
    where = {"personal" if is_personal else "details": values}
    record(kind, person=person, subject=subject, **where)


def delete_old_events() -> int:
    """Delete the events that are older than `AUDIT_KEEP_DAYS`, MAX_DELETED at most. Returns how
    many. The trigger, which refuses all others, is told the retention and looks itself.
    """
    EventCount.objects.filter(hour__lt=Clock() - timedelta(days=1)).delete()
    old = AuditEvent.objects.filter(at__lt=Clock() - timedelta(days=settings.AUDIT_KEEP_DAYS))
    pks = list(old.order_by("at").values_list("pk", flat=True)[:MAX_DELETED])
    if not pks:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('gradus.audit_keep_days', %s, true)", [str(settings.AUDIT_KEEP_DAYS)]
        )
        return AuditEvent.objects.filter(pk__in=pks).delete()[0]


def _count(kind: Kind, source: str) -> int:
    """Return how many events of a kind and a source there are in this hour, with this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_eventcount (hour, kind, source, count)
            VALUES (date_trunc('hour', gradus_now()), %s, %s, 1)
            ON CONFLICT (hour, kind, source) DO UPDATE SET count = audit_eventcount.count + 1
            RETURNING count
            """,
            [kind, source],
        )
        return int(cursor.fetchone()[0])


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"


def _small(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return `value` as JSON that PostgreSQL stores and a page shows: short, and not deep."""
    if isinstance(value, Mapping) and depth:
        members = islice(value.items(), MAX_MEMBERS)
        return {clean(str(name))[:MAX_VALUE_CHARS]: _small(of, depth - 1) for name, of in members}
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return [_small(member, depth - 1) for member in islice(value, MAX_MEMBERS)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        # in this order: a large integer is too large to be asked whether it is finite
        return value if abs(value) < MAX_INTEGER and math.isfinite(value) else None
    return clean(str(value))[:MAX_VALUE_CHARS]
