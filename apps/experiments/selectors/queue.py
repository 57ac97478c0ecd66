"""Reads of the queue and of the workers that take runs from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q

from apps.common.clock import Clock
from apps.common.tokens import hashed
from apps.experiments.models import ComputeUsage, Lab, LabVersion, Run, Worker
from apps.experiments.queue_estimate import Place, WaitingRun, fair_order, start_range

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
    counts = Run.objects.filter(queue=queue).aggregate(
        waiting=Count("pk", filter=Q(state=Run.State.QUEUED)),
        running=Count("pk", filter=Q(state=Run.State.RUNNING)),
    )
    return QueueLength(**counts)


def queue_position(run: Run) -> Place:
    """Return where a waiting run stands in its queue: how many go first, a range for its start, and
    the reason it waits. Estimated by the same policy that leases runs (`queue_estimate`).
    """
    in_queue = Run.objects.filter(queue=run.queue)
    columns = in_queue.waiting().order_by("queued_at").values_list("pk", "owner", "version__lab")
    waiting = [WaitingRun(str(pk), owner, lab) for pk, owner, lab in columns[:MAX_COUNTED_RUNS]]
    running = list(in_queue.running().values_list("owner", "version__lab"))
    running_by_owner = Counter(owner for owner, _lab in running)
    order = fair_order(
        waiting,
        running_by_owner,
        _compute_usage(waiting),
        entry_penalty=settings.ENTRY_PENALTY_SECONDS,
    )
    ahead = next((n for n, other in enumerate(order) if other.run == str(run.pk)), len(order))

    online = _online_workers(run.queue)
    able = [worker for worker in online if _has_code(worker, run.version)]
    if not able:
        return Place(ahead, None, None, "other-code" if online else "no-worker")

    labs_ahead, labs_running = [other.lab for other in order[:ahead]], [lab for _, lab in running]
    usual = durations({*labs_ahead, *labs_running})
    slots = sum(_slots(worker) for worker in able)
    soonest, latest = start_range(labs_ahead, labs_running, usual, slots)
    if running_by_owner[run.owner_id] >= settings.MAX_RUNNING:
        reason = "slots"
    elif ahead or latest:
        reason = "queue"
    else:
        reason = "starting"
    return Place(ahead, soonest, latest, reason)


def _compute_usage(waiting: Sequence[WaitingRun]) -> dict[int, float]:
    """Return the decayed compute-seconds of everybody whose runs wait."""
    usage = ComputeUsage.objects.filter(owner__in={run.owner for run in waiting})
    decayed = usage.annotate(decayed=ComputeUsage.DECAYED_SECONDS)
    return dict(decayed.values_list("owner", "decayed"))


def _online_workers(queue: str) -> list[Worker]:
    online = Worker.objects.filter(revoked_at=None, last_seen_at__gt=Clock() - ONLINE_WINDOW)
    return [worker for worker in online if queue in worker.queues]


def _has_code(worker: Worker, version: LabVersion) -> bool:
    labs = worker.capabilities.get("labs", {})
    return bool(labs.get(version.lab_id) == version.code_hash)


def _slots(worker: Worker) -> int:
    return int(worker.capabilities.get("all_slots") or 1)


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
