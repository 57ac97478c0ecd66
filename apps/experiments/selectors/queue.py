"""Reads of the queue and of the workers that take runs from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    Subquery,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Extract, RowNumber

from apps.common.clock import Clock
from apps.common.tokens import hashed
from apps.experiments.models import ComputeUsage, Lab, LabVersion, Run, RunQuerySet, Worker
from apps.experiments.queue_estimate import Place, start_range
from apps.experiments.scheduling import WaitingOwner, WaitingRun, lease_order
from workers import wire

MAX_COUNTED_RUNS = 500  # waiting runs of a queue that a place is computed from
MAX_TIMED_RUNS = 50  # finished runs of a lab that its usual duration is computed from
UNKNOWN_DURATION_SECONDS = 30.0  # of a lab that has no finished run and declares no duration
ONLINE_WINDOW = timedelta(seconds=30)  # a worker that asked for work so recently is online


@dataclass(frozen=True)
class QueueLength:
    """How many runs a queue has at this moment."""

    waiting: int
    running: int


def queue_length(queue: str) -> QueueLength:
    """Return how many runs a new one would meet. One of old code, for which the workers that will
    take the new one have no use, is not waiting in its way.
    """
    counts = Run.objects.filter(queue=queue).aggregate(
        waiting=Count("pk", filter=Q(state=Run.State.QUEUED, version=F("version__lab__current"))),
        running=Count("pk", filter=Q(state=Run.State.RUNNING)),
    )
    return QueueLength(**counts)


def queue_position(run: Run) -> Place:
    """Return where a waiting run stands in its queue: how many go first, a range for its start, and
    the reason it waits. Ordered by the policy that leases runs (`scheduling`).

    What goes first and what is running counts only where it keeps a worker busy that could take
    this run: others, such as runs of outdated code, are not in its way.
    """
    online = _online_workers(run.queue)
    able = [worker for worker in online if _has_code(worker, run.version)]
    rivals = _rivals(run, able)
    owners = waiting_owners(run.queue, rivals)
    order = lease_order(owners, _waiting_runs(rivals))
    ahead = next((n for n, other in enumerate(order) if other.run == str(run.pk)), len(order))
    if not able:
        return Place(ahead, None, None, "other-code" if online else "no-worker")

    labs_ahead = [other.lab for other in order[:ahead]]
    running = Run.objects.running().filter(
        queue=run.queue, run_attempts__ended_at=None, run_attempts__worker__in=able
    )
    labs_running = list(running.values_list("version__lab", flat=True))
    usual = durations({*labs_ahead, *labs_running})
    slots = sum(_slots(worker) for worker in able)
    soonest, latest = start_range(labs_ahead, labs_running, usual, slots)
    if not all(owner.has_free_slot for owner in owners if owner.owner == run.owner_id):
        reason = "slots"
    elif ahead or latest:
        reason = "queue"
    else:
        reason = "starting"
    return Place(ahead, soonest, latest, reason)


def _rivals(run: Run, able: Iterable[Worker]) -> RunQuerySet:
    """Return the waiting runs that the same workers could take, `run` among them.

    Args:
        able: the workers that could take it; of none, one is expected that has the labs' present
            code.
    """
    waiting = Run.objects.waiting().filter(queue=run.queue)
    hashes = {code_hash for worker in able for code_hash in _labs(worker).values()}
    if not hashes:
        return waiting.filter(Q(version=F("version__lab__current")) | Q(version=run.version_id))
    return waiting.filter(version__code_hash__in=hashes)


def waiting_owners(queue: str, waiting: RunQuerySet) -> list[WaitingOwner]:
    """Return the owners of `waiting`, runs of one queue, as the scheduling policy sees them now: a
    row for each, in one query.
    """
    oldest = waiting.filter(owner=OuterRef("owner")).order_by("queued_at")
    running = Run.objects.running().filter(queue=queue, owner=OuterRef("owner"))
    rows = (
        ComputeUsage.objects.filter(owner__in=waiting.values("owner"))
        .annotate(
            running=Coalesce(Subquery(running.order_by().values("owner").values(n=Count("pk"))), 0),
            decayed=ComputeUsage.DECAYED_SECONDS,
            waited=_seconds_since(Subquery(oldest.values("queued_at")[:1])),
            since_turn=_seconds_since(F("updated_at")),
        )
        .values_list("owner", "running", "decayed", "waited", "since_turn")
    )
    return [
        WaitingOwner(owner, queue, running, settings.MAX_RUNNING, decayed, waited, since_turn)
        for owner, running, decayed, waited, since_turn in rows
    ]


def _waiting_runs(waiting: RunQuerySet) -> list[WaitingRun]:
    """Return waiting runs, the oldest first. Where there are too many, those of each owner that are
    leased first, so that nobody is missing because somebody else has queued many.
    """
    of_owner = Window(RowNumber(), partition_by="owner", order_by="queued_at")
    rows = (
        waiting.annotate(waited=_seconds_since(F("queued_at")), of_owner=of_owner)
        .order_by("of_owner", "queued_at")
        .values_list("pk", "owner", "version__lab", "waited")
    )
    runs = [WaitingRun(str(pk), *columns) for pk, *columns in rows[:MAX_COUNTED_RUNS]]
    return sorted(runs, key=lambda run: -run.waited)


def _seconds_since(moment: Any) -> Cast:
    elapsed = ExpressionWrapper(Clock() - moment, DurationField())
    return Cast(Extract(elapsed, "epoch"), FloatField())


def _online_workers(queue: str) -> list[Worker]:
    online = Worker.objects.filter(revoked_at=None, last_seen_at__gt=Clock() - ONLINE_WINDOW)
    return [worker for worker in online if queue in worker.queues]


def _has_code(worker: Worker, version: LabVersion) -> bool:
    return _labs(worker).get(version.lab_id) == version.code_hash


def _labs(worker: Worker) -> dict[str, str]:
    """Return the labs that a worker has, slug to hash."""
    labs: dict[str, str] = worker.capabilities.get("labs", {})
    return labs


def _slots(worker: Worker) -> int:
    return min(int(worker.capabilities.get("all_slots") or 1), wire.MAX_SLOTS)


def durations(slugs: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Return the lower and upper quartile of the seconds that each lab's latest finished runs took.
    For a lab without any: what it declares, and twice as much.
    """
    quartiles = {slug: (seconds, 2.0 * seconds) for slug, seconds in _declared_seconds(slugs)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lab_id,
                   percentile_cont(0.25) WITHIN GROUP (ORDER BY seconds),
                   percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds)
            FROM (SELECT v.lab_id, r.seconds,
                         row_number() OVER (PARTITION BY v.lab_id ORDER BY r.ended_at DESC) AS age
                  FROM experiments_run r JOIN experiments_labversion v ON v.id = r.version_id
                  WHERE r.state = 'succeeded' AND r.seconds IS NOT NULL
                    AND v.lab_id = ANY(%s)) AS recent
            WHERE age <= %s GROUP BY lab_id
            """,
            [list(slugs), MAX_TIMED_RUNS],
        )
        quartiles |= {slug: (lower, upper) for slug, lower, upper in cursor.fetchall()}
    return quartiles


def _declared_seconds(slugs: Iterable[str]) -> list[tuple[str, float]]:
    rows = Lab.objects.filter(slug__in=list(slugs)).values_list(
        "slug", "current__words_row__words__profile__standard__seconds"
    )
    return [(slug, float(seconds or UNKNOWN_DURATION_SECONDS)) for slug, seconds in rows]


def worker_with_token(token: str) -> Worker | None:
    """Return the worker whose token this is, unless it was revoked."""
    return Worker.objects.filter(token_hash=hashed(token), revoked_at=None).first()
