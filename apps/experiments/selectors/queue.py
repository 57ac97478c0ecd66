"""Reads of the queue and of the workers that take runs from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import (
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    Subquery,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Extract, RowNumber

from apps.common.clock import Clock, now
from apps.common.tokens import hashed
from apps.experiments.models import (
    ComputeUsage,
    Lab,
    ListeningMark,
    Queue,
    Run,
    RunAttempt,
    RunQuerySet,
    Worker,
)
from apps.experiments.queue_estimate import (
    PREPARING_SECONDS,
    ConnectedWorker,
    Place,
    Reason,
    RunningRun,
    place,
    time_left,
)
from apps.experiments.scheduling import WaitingOwner, WaitingRun, Work, lease_order
from workers import wire

MAX_COUNTED_RUNS = 500  # waiting runs that a place is computed from
MAX_LAST_RUN_ATTEMPTS = 100  # the newest, of which one may be a worker's last sign of life
MAX_TIMED_RUNS = 50  # finished runs that a usual duration is computed from
UNKNOWN_DURATION_SECONDS = 30.0  # of a lab that has no finished run and declares no duration
ONLINE_WINDOW = timedelta(seconds=30)  # a worker that was heard so recently is online
LEASING_SECONDS = 10.0  # a worker that asked for work so recently leases a run at once


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


def run_place(run: Run) -> Place | None:
    """Return where a run stands that has no points yet, or is being cancelled; else None."""
    if run.state == Run.State.QUEUED:
        return queue_position(run)
    return running_place(run)


def running_place(run: Run) -> Place | None:
    """Return where a run stands that is not queued (no query)."""
    if run.state != Run.State.RUNNING:
        return None
    if run.cancel_requested:
        return Place(Reason.CANCELLING)
    return None if run.points_done else Place(Reason.LEASED, soonest=0.0, latest=0.0)


def places(runs: Iterable[Run]) -> dict[UUID, Place]:
    """Return where those of some runs stand, each with its version, that have a place
    (`run_place`). The queries are as many as for one of them, and none if none waits.
    """
    runs = list(runs)
    waiting = [run for run in runs if run.state == Run.State.QUEUED]
    positions = queue_positions(waiting) if waiting else {}
    running = {run.pk: place for run in runs if (place := running_place(run))}
    return positions | running


def queue_position(run: Run) -> Place:
    """Return where a waiting run stands in its queue, and why it waits. Ordered by the policy that
    leases runs (`scheduling`).

    What goes first and what is running counts only where it keeps a worker busy that could take
    this run: others, such as runs of outdated code, are not in its way.
    """
    return queue_positions([run])[run.pk]


def queue_positions(runs: Sequence[Run]) -> dict[UUID, Place]:
    """Return where waiting runs stand, each with its version, in a few queries for all of them."""
    snapshot = _snapshot({run.version_id for run in runs})
    return {run.pk: snapshot.place(_waiting_run(run), run.version_id) for run in runs}


def expected_place(person: Any, lab: Lab) -> Place:
    """Return where a run would stand that somebody queued now, who may be a visitor."""
    version = lab.current_version
    run = WaitingRun("", person.pk or 0, lab.pk, 0.0, lab.queue, version.code_hash)
    snapshot = _snapshot({version.pk})
    snapshot.add(run, version.pk)
    return snapshot.place(run, version.pk)


def _waiting_run(run: Run) -> WaitingRun:
    version = run.version
    waited = max((now() - run.queued_at).total_seconds(), 0.0)
    return WaitingRun(
        str(run.pk),
        run.owner_id,
        version.lab_id,
        waited,
        run.queue,
        version.code_hash,
        run.config_hash,
        run.replicates,
    )


@dataclass(frozen=True)
class _Waiting:
    """A waiting run, and what its version is."""

    run: WaitingRun
    version: int
    is_current: bool


@dataclass
class _Snapshot:
    """What waits and who works, at one moment."""

    workers: list[ConnectedWorker]
    waiting: list[_Waiting]  # the oldest first
    owners: dict[str, list[WaitingOwner]]  # by queue
    durations: dict[Work, tuple[float, float]]
    contacts: dict[str, datetime]  # of each queue, when a worker was last heard

    def add(self, run: WaitingRun, version: int) -> None:
        """Add a run that nobody has queued."""
        owners = self.owners.get(run.queue, [])
        if owners and all(other.owner != run.owner for other in owners):
            owners.append(_owner(run))
        self.waiting.append(_Waiting(run, version, is_current=True))

    def place(self, run: WaitingRun, version: int) -> Place:
        able = [worker for worker in self.workers if worker.can_take(run)]
        codes = frozenset[str]().union(*(worker.codes for worker in able))
        rivals = [
            one.run
            for one in self.waiting
            if (one.run.code in codes if able else one.is_current or one.version == version)
        ]
        if all(one.run != run.run for one in rivals):  # beyond MAX_COUNTED_RUNS
            rivals.append(run)
        queues = {queue: self._order(queue, rivals) for queue in Queue.values}
        run = next(one for one in queues[run.queue] if one.run == run.run)
        if able:
            return place(run, queues, self.workers, self.durations, settings.MAX_RUNNING)
        return replace(self._without_worker(run.queue), ahead=queues[run.queue].index(run))

    def _order(self, queue: str, rivals: Iterable[WaitingRun]) -> list[WaitingRun]:
        runs = [run for run in rivals if run.queue == queue]
        waits: dict[int, float] = {}
        for run in runs:
            waits[run.owner] = max(run.waited, waits.get(run.owner, 0.0))
        owners = [
            replace(owner, waited=waits.pop(owner.owner))
            for owner in self.owners.get(queue, [])
            if owner.owner in waits
        ]
        # somebody who has queued since the owners were read
        owners += [_newcomer(owner, queue, waited) for owner, waited in waits.items()]
        return lease_order(owners, runs)

    def _without_worker(self, queue: str) -> Place:
        if any(queue in worker.queues for worker in self.workers):
            return Place(Reason.OTHER_CODE)
        contact_at = self.contacts.get(queue)
        if contact_at and (away := _away()) and contact_at > away[0] - ONLINE_WINDOW:
            return Place(Reason.SITE_AWAY, since=away[1])
        return Place(Reason.NO_WORKER, since=contact_at)


def _newcomer(owner: int, queue: str, waited: float) -> WaitingOwner:
    return WaitingOwner(owner, queue, 0, settings.MAX_RUNNING, 0.0, waited, 0.0)


def _owner(run: WaitingRun) -> WaitingOwner:
    """Return the owner of a run that nobody has queued."""
    usage = ComputeUsage.objects.filter(owner=run.owner)
    decayed = usage.values_list(ComputeUsage.DECAYED_SECONDS, flat=True).first()
    running = Run.objects.running().filter(queue=run.queue, owner=run.owner).count()
    newcomer = _newcomer(run.owner, run.queue, 0.0)
    return replace(newcomer, running=running, usage=decayed or 0.0)


def _snapshot(versions: set[int]) -> _Snapshot:
    """Read what waits and who works.

    Args:
        versions: of the runs whose place is asked for: they count, whoever has their code.
    """
    attempts = _run_attempts()
    rows = list(
        Worker.objects.filter(revoked_at=None).annotate(silent_for=_seconds_since("last_seen_at"))
    )
    online = [worker for worker in rows if _is_online(worker, attempts)]
    codes = {code for worker in online for code in _labs(worker).values()}
    counted = Run.objects.waiting().filter(
        Q(version__code_hash__in=codes)
        | Q(version=F("version__lab__current"))
        | Q(version__in=versions)
    )
    waiting = _waiting_runs(counted)
    queues = {one.run.queue for one in waiting}
    works = {one.run.work for one in waiting}
    works |= {one.work for one in attempts if one.ended_for is None}
    usual = durations(works) if works else {}
    return _Snapshot(
        workers=[_connected(worker, attempts, usual) for worker in online],
        waiting=waiting,
        owners={queue: waiting_owners(queue, counted.filter(queue=queue)) for queue in queues},
        durations=usual,
        contacts=_contacts(rows, attempts),
    )


def connected_workers() -> list[ConnectedWorker]:
    """Return the workers that the site hears, with what they run."""
    return _snapshot(set()).workers


@dataclass(frozen=True)
class _Reported:
    """A run attempt, as what a worker has last reported on it. Times are seconds ago."""

    worker: int | None
    silent_for: float  # since its last report, or its result
    contact_at: datetime
    elapsed: float  # since its start
    ended_for: float | None  # since its end; None: it goes on
    owner: int
    queue: str
    lab: str
    config_hash: str
    replicates: int
    points_done: int
    points_expected: int

    @property
    def work(self) -> Work:
        return Work(self.lab, self.config_hash, self.replicates)


def _run_attempts() -> list[_Reported]:
    """Return the run attempts that go on, and the newest others, but those that a worker gave back
    as it went away.
    """
    contact_at = Case(When(finished=True, then=F("ended_at")), default=F("last_heartbeat_at"))
    rows = (
        RunAttempt.objects.annotate(
            silent_for=_seconds_since(contact_at),
            contact_at=contact_at,
            elapsed=_seconds_since("started_at"),
            ended_for=_seconds_since("ended_at"),
        )
        .order_by()
        .values_list(
            "pk",
            "released",
            "worker",
            "silent_for",
            "contact_at",
            "elapsed",
            "ended_for",
            "run__owner",
            "run__queue",
            "run__version__lab",
            "run__config_hash",
            "run__replicates",
            "run__points_done",
            "run__points_expected",
        )
    )
    newest = rows.order_by("-pk")[:MAX_LAST_RUN_ATTEMPTS]
    both = rows.filter(ended_at=None).union(newest)
    return [_Reported(*columns) for _pk, released, *columns in both if not released]


def _is_online(worker: Worker, attempts: Iterable[_Reported]) -> bool:
    """Return whether a worker has been heard lately: it asked for work, it reported on a run, or
    sent a result. One that is busy asks for nothing.
    """
    window = ONLINE_WINDOW.total_seconds()
    asked = _silence(worker)
    return (asked is not None and asked < window) or any(
        one.silent_for < (window if one.ended_for is not None else _lease_window())
        for one in attempts
        if one.worker == worker.pk
    )


def _lease_window() -> float:
    return max(ONLINE_WINDOW.total_seconds(), settings.LEASE_SECONDS)


def _silence(worker: Worker) -> float | None:
    """Return the seconds since a worker has asked for work (annotated); None: it never has."""
    silent_for: float | None = worker.silent_for  # type: ignore[attr-defined]
    return silent_for


def _connected(
    worker: Worker,
    attempts: Iterable[_Reported],
    usual: Mapping[Work, tuple[float, float]],
) -> ConnectedWorker:
    running = tuple(
        RunningRun(
            one.owner,
            one.queue,
            time_left(one.elapsed, one.points_done, one.points_expected, usual[one.work]),
        )
        for one in attempts
        if one.worker == worker.pk and one.ended_for is None
    )
    asked = _silence(worker)
    ends = [
        one.ended_for for one in attempts if one.worker == worker.pk and one.ended_for is not None
    ]
    has_asked = asked is not None and asked < min([LEASING_SECONDS, *ends])
    connected = ConnectedWorker(
        frozenset(worker.queues), frozenset(_labs(worker).values()), _slots(worker), running
    )
    if has_asked or not connected.has_room:
        return connected
    return replace(connected, ready_in=PREPARING_SECONDS)


def _contacts(workers: Iterable[Worker], attempts: Iterable[_Reported]) -> dict[str, datetime]:
    """Return for each queue when a worker of it was last heard."""
    contacts: dict[str, datetime] = {}
    for worker in workers:
        moments = [one.contact_at for one in attempts if one.worker == worker.pk]
        if worker.last_seen_at:
            moments.append(worker.last_seen_at)
        for queue in worker.queues:
            if moments:
                contacts[queue] = max([*moments, contacts.get(queue, moments[0])])
    return contacts


def _away() -> tuple[datetime, datetime] | None:
    """Return from when to when no web process listened, if that has just ended."""
    mark = ListeningMark.objects.filter(back_at__gt=Clock() - ONLINE_WINDOW).first()
    if mark is None or mark.away_at is None or mark.back_at is None:
        return None
    return mark.away_at, mark.back_at


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
            since_turn=_seconds_since("updated_at"),
        )
        .values_list("owner", "running", "decayed", "waited", "since_turn")
    )
    return [
        WaitingOwner(owner, queue, running, settings.MAX_RUNNING, decayed, waited, since_turn)
        for owner, running, decayed, waited, since_turn in rows
    ]


def _waiting_runs(waiting: RunQuerySet) -> list[_Waiting]:
    """Return waiting runs, the oldest first. Where there are too many, those of each owner that are
    leased first, so that nobody is missing because somebody else has queued many.
    """
    of_owner = Window(RowNumber(), partition_by=["queue", "owner"], order_by="queued_at")
    rows = (
        waiting.annotate(
            waited=_seconds_since("queued_at"),
            of_owner=of_owner,
            current=F("version__lab__current"),
        )
        .order_by("of_owner", "queued_at")
        .values_list(
            "pk",
            "owner",
            "version__lab",
            "waited",
            "queue",
            "version__code_hash",
            "config_hash",
            "replicates",
            "version",
            "current",
        )
    )
    runs = [
        _Waiting(WaitingRun(str(pk), *columns), version, is_current=version == current)
        for pk, *columns, version, current in rows[:MAX_COUNTED_RUNS]
    ]
    return sorted(runs, key=lambda one: -one.run.waited)


def _seconds_since(moment: Any) -> Cast:
    moment = F(moment) if isinstance(moment, str) else moment
    elapsed = ExpressionWrapper(Clock() - moment, DurationField())
    return Cast(Extract(elapsed, "epoch"), FloatField())


def _labs(worker: Worker) -> dict[str, str]:
    """Return the labs that a worker has, slug to hash."""
    labs: dict[str, str] = worker.capabilities.get("labs", {})
    return labs


def _slots(worker: Worker) -> int:
    return min(int(worker.capabilities.get("all_slots") or 1), wire.MAX_SLOTS)


def durations(works: Collection[Work]) -> dict[Work, tuple[float, float]]:
    """Return the lower and upper quartile of the seconds that the latest finished runs took: those
    that did the same, else any of the lab. For a lab without any: what it declares, and twice as
    much. Two queries.
    """
    labs = sorted({work.lab for work in works})
    of_labs = {slug: (seconds, 2.0 * seconds) for slug, seconds in _declared_seconds(labs)}
    of_works: dict[Work, tuple[float, float]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH timed AS (
                SELECT v.lab_id, r.config_hash, r.replicates, r.seconds,
                       row_number() OVER (PARTITION BY v.lab_id ORDER BY r.ended_at DESC) AS age,
                       row_number() OVER (PARTITION BY v.lab_id, r.config_hash, r.replicates
                                          ORDER BY r.ended_at DESC) AS age_of_work
                FROM experiments_run r JOIN experiments_labversion v ON v.id = r.version_id
                WHERE r.state = 'succeeded' AND r.seconds IS NOT NULL AND v.lab_id = ANY(%(labs)s))
            SELECT lab_id, NULL AS config_hash, NULL AS replicates,
                   percentile_cont(0.25) WITHIN GROUP (ORDER BY seconds),
                   percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds)
            FROM timed WHERE age <= %(runs)s GROUP BY lab_id
            UNION ALL
            SELECT lab_id, config_hash, replicates,
                   percentile_cont(0.25) WITHIN GROUP (ORDER BY seconds),
                   percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds)
            FROM timed WHERE age_of_work <= %(runs)s AND config_hash = ANY(%(hashes)s)
            GROUP BY lab_id, config_hash, replicates
            """,
            {
                "labs": labs,
                "hashes": sorted({work.config_hash for work in works}),
                "runs": MAX_TIMED_RUNS,
            },
        )
        for lab, config_hash, replicates, lower, upper in cursor.fetchall():
            if config_hash is None:
                of_labs[lab] = lower, upper
            else:
                of_works[Work(lab, config_hash, replicates)] = lower, upper
    return {work: of_works.get(work, of_labs[work.lab]) for work in works}


def _declared_seconds(slugs: Iterable[str]) -> list[tuple[str, float]]:
    rows = Lab.objects.filter(slug__in=list(slugs)).values_list(
        "slug", "current__words_row__words__profile__standard__seconds"
    )
    return [(slug, float(seconds or UNKNOWN_DURATION_SECONDS)) for slug, seconds in rows]


def worker_with_token(token: str) -> Worker | None:
    """Return the worker whose token this is, unless it was revoked."""
    return Worker.objects.filter(token_hash=hashed(token), revoked_at=None).first()
