"""Every write that a worker makes: lease, events, result, release.

Only who has the token of a run attempt that has not ended may write to its run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F

from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import BadRequest, Gap, StaleRunAttempt
from apps.common.locks import limit_transaction, lock
from apps.common.networks import Address
from apps.common.text import clean, clean_json
from apps.common.tokens import hashed, new_token
from apps.experiments import run_events, scheduling, selectors, series
from apps.experiments.models import (
    Batch,
    LabVersion,
    Queue,
    Run,
    RunAttempt,
    RunQuerySet,
    Verdict,
    Worker,
)
from apps.experiments.services import add_compute_usage, end_run, requeue_or_end
from workers import wire

LEASE_TIMEOUT_SECONDS = 5.0  # of the transaction that holds the lock of all leases
MAX_LEASE_READS = 10  # for one queue, while its runs are cancelled as they are leased


@dataclass(frozen=True)
class Lease:
    """A run attempt that was started. The token is stored only as a hash."""

    run: Run
    run_attempt: RunAttempt
    token: str


def record_contact(worker: Worker, request: wire.LeaseRequest, host: Address | None) -> None:
    """Store what a worker says of itself, that it is online, and from where."""
    Worker.objects.filter(pk=worker.pk).update(
        last_seen_at=Clock(),
        last_address=str(host) if host else None,
        capabilities=clean_json(msgspec.to_builtins(request)),
    )


def record_place(worker: Worker, network: str) -> None:
    """Record that a worker's token is used from a network, once for each. Without a query where it
    is known, and beyond `MAX_NETWORKS`, which are suspicious enough.
    """
    if not network or network in worker.networks or len(worker.networks) >= Worker.MAX_NETWORKS:
        return
    with transaction.atomic():
        networks = Worker.objects.select_for_update().get(pk=worker.pk).networks
        if network not in networks:
            Worker.objects.filter(pk=worker.pk).update(networks=[*networks, network])
            record(Kind.WORKER_TOKEN_USED, subject=worker.name)


@transaction.atomic
def lease_run(
    *, worker: Worker, queues: Sequence[str], labs: Mapping[str, str], key: UUID | None = None
) -> Lease | None:
    """Lease to `worker` the run that the scheduling policy puts first, or None.

    Args:
        queues: that it asks for, most urgent first; those it may not lease from are skipped, and
            those named twice are asked once.
        labs: the labs it has, slug to hash; a run of other code waits for a worker that has it.
        key: of the request; one that is repeated, or was held up and comes too late, leases no
            second run.
    """
    lock("lease")  # one lease at a time, so that slots and the entry penalty are exact
    limit_transaction(LEASE_TIMEOUT_SECONDS)  # everybody else waits for it
    if key and (run_attempt := worker.run_attempts.filter(request_key=key).first()):
        return _lease_again(run_attempt)
    _take_back_unconfirmed()
    for queue in dict.fromkeys(queue for queue in queues if queue in Queue.values):
        if queue not in worker.queues:
            continue
        if queue != Queue.BENCH and _must_drain_for_bench(worker, queues, labs):
            continue
        if run := _lease_from(queue, labs):
            return _start_run_attempt(run, worker, key)
    return None


def _lease_from(queue: str, labs: Mapping[str, str]) -> Run | None:
    """Set the run of a queue that goes first to running, and return it."""
    waiting = _leasable(queue, labs)
    for _ in range(MAX_LEASE_READS):
        owner = scheduling.next_owner(selectors.waiting_owners(queue, waiting))
        if owner is None:
            return None
        theirs = waiting.filter(owner=owner.owner).order_by("queued_at")
        run = theirs.select_related("version").first()
        if run and _mark_running(run):
            return run
        # cancelled since it was read: the owners are read again
    return None


def _lease_again(run_attempt: RunAttempt) -> Lease | None:
    """Return the lease of a request that was answered before; None if the answer has arrived, since
    the worker has reported, or the lease was taken back.
    """
    token = new_token()
    is_given = RunAttempt.objects.filter(
        pk=run_attempt.pk, ended_at=None, is_confirmed=False
    ).update(token_hash=hashed(token))
    if not is_given:
        return None
    run = Run.objects.select_related("version").get(pk=run_attempt.run_id)
    return Lease(run, run_attempt, token)


def _take_back_unconfirmed() -> None:
    """Requeue the runs of leases that no worker has confirmed: nobody may have received them."""
    given = Clock() - timedelta(seconds=wire.CONFIRM_SECONDS)
    unconfirmed = RunAttempt.objects.filter(ended_at=None, is_confirmed=False, started_at__lt=given)
    for run_attempt in unconfirmed:
        running = Run.objects.select_for_update(skip_locked=True).running()
        run = running.filter(pk=run_attempt.run_id).first()
        if run and unconfirmed.filter(pk=run_attempt.pk).exists():  # it is reporting just now
            requeue_or_end(run, run_attempt, released=True)


def _leasable(queue: str, labs: Mapping[str, str]) -> RunQuerySet:
    return Run.objects.waiting().filter(queue=queue, version__code_hash__in=set(labs.values()))


def _mark_running(run: Run) -> bool:
    """Set a queued run to running; False if it is not queued any more.

    The update filters by the run's own columns alone. Under READ COMMITTED, PostgreSQL evaluates
    those again after waiting for a row lock, but joined tables are a stale read.
    """
    return bool(
        Run.objects.filter(pk=run.pk)
        .waiting()
        .update(state=Run.State.RUNNING, started_at=Clock(), points_done=0, points_expected=0)
    )


def _must_drain_for_bench(worker: Worker, queues: Sequence[str], labs: Mapping[str, str]) -> bool:
    """Return whether a bench run, which needs the worker to itself, has waited so long that the
    worker may take nothing else until it is idle.
    """
    if Queue.BENCH in queues or Queue.BENCH not in worker.queues:
        return False
    long_ago = Clock() - timedelta(seconds=scheduling.BENCH_PATIENCE_SECONDS)
    waiting = _leasable(Queue.BENCH, labs).filter(queued_at__lt=long_ago)
    if not waiting.exists():  # the cheap question first
        return False
    # a run whose owner has no slot free could not start on an idle worker either
    owners = selectors.waiting_owners(Queue.BENCH, waiting)
    return scheduling.next_owner(owners) is not None


def _start_run_attempt(run: Run, worker: Worker, key: UUID | None) -> Lease:
    token = new_token()
    number = run.run_attempts.count() + 1
    run_attempt = RunAttempt.objects.create(
        run=run, number=number, worker=worker, token_hash=hashed(token), request_key=key
    )
    add_compute_usage(owner_id=run.owner_id, seconds=scheduling.ENTRY_PENALTY_SECONDS)
    # as `_mark_running` stored it, without another query
    run.state, run.points_done, run.points_expected = Run.State.RUNNING, 0, 0
    if number > 1:  # tell viewers to discard the points of the attempt before
        run.last_seq += 1
        run.save(update_fields=["last_seq"])
        reset = Batch.objects.create(
            run=run,
            seq=run.last_seq,
            kind=Batch.Kind.RESET,
            reset={"run_attempt": number, "keep": 0},
        )
        run_events.publish_batches(run, [reset])
    run_events.publish_state(run)
    return Lease(run, run_attempt, token)


@transaction.atomic
def store_events(
    *, worker: Worker, run_attempt_id: int, token: str, report: wire.EventsRequest
) -> bool:
    """Store the points of a report and renew the lease. Idempotent: events are numbered. Returns
    whether the run attempt should stop.

    Raises:
        StaleRunAttempt: the run attempt has ended.
        Gap: events before these are missing; `last` says from where.
        BadRequest: an event's arrays differ in length, or are too long.
    """
    run = _lock_run(worker, run_attempt_id, token)
    if report.after > run.last_seq:
        raise Gap(
            f"Events {run.last_seq + 1} to {report.after} are missing. Send them first.",
            last=run.last_seq,
        )
    fresh = [
        Batch(run=run, seq=seq, arm=event.arm, series=event.series, **series.packed(event))
        for seq, event in enumerate(report.events, start=report.after + 1)
        if seq > run.last_seq
    ]
    Batch.objects.bulk_create(fresh)
    _record_heartbeat(run_attempt_id, has_progress=bool(fresh))
    progress = report.points_done, report.points_expected
    if fresh or progress != (run.points_done, run.points_expected):
        run.last_seq += len(fresh)
        run.points_done = max(run.points_done, report.points_done)
        run.points_expected = report.points_expected
        run.save(update_fields=["last_seq", "points_done", "points_expected"])
        run_events.publish_batches(run, fresh)
    return run.cancel_requested


def _record_heartbeat(run_attempt_id: int, *, has_progress: bool) -> None:
    """Note that a run attempt has reported.

    A silence longer than a lease does not count towards its time limits: more likely the clock was
    set, and a run must not end for that.
    """
    run_attempt = RunAttempt.objects.filter(pk=run_attempt_id)
    silence = Clock() - F("last_heartbeat_at")
    run_attempt.silent().update(
        started_at=F("started_at") + silence, last_progress_at=F("last_progress_at") + silence
    )
    progress = {"last_progress_at": Clock()} if has_progress else {}
    run_attempt.update(last_heartbeat_at=Clock(), is_confirmed=True, **progress)


@transaction.atomic
def finish_run(*, worker: Worker, run_attempt_id: int, token: str, result: wire.Result) -> Run:
    """End a run with its result. Idempotent: the same call again returns the run.

    Raises:
        StaleRunAttempt: the run attempt has ended without this result.
        BadRequest: a verdict names no claim of the lab, or one twice.
    """
    try:
        run = _lock_run(worker, run_attempt_id, token)
    except StaleRunAttempt:
        # read after the lock, so that of two calls at once the second sees the first
        finished_by_it = {
            "run_attempts__pk": run_attempt_id,
            "run_attempts__token_hash": hashed(token),
            "run_attempts__worker": worker,
            "run_attempts__finished": True,
        }
        if ended := Run.objects.filter(state=result.state, **finished_by_it).first():
            return ended
        raise
    _check_claims(run, result.verdicts)
    RunAttempt.objects.filter(pk=run_attempt_id).update(ended_at=Clock(), finished=True)
    # measured by the worker: the clock of the database may have been set meanwhile
    used = result.seconds - scheduling.ENTRY_PENALTY_SECONDS
    add_compute_usage(
        owner_id=run.owner_id, seconds=used if result.state == "cancelled" else max(used, 0.0)
    )
    run.error = clean(result.error)[: Run.MAX_ERROR_CHARS]
    run.detail = clean(result.detail)[: Run.MAX_DETAIL_CHARS]
    run.engine = result.engine
    run.seconds = result.seconds
    run.device = clean_json(msgspec.to_builtins(result.device)) if result.device else {}
    run.versions, run.summary = clean_json(result.versions), clean_json(result.summary)
    Verdict.objects.bulk_create(
        Verdict(run=run, **msgspec.to_builtins(verdict)) for verdict in result.verdicts
    )
    end_run(run, result.state, result.verdicts)
    return run


def _check_claims(run: Run, verdicts: Sequence[wire.Verdict]) -> None:
    versions = LabVersion.objects.values_list("lab", "words_row__words__claims")
    lab, claims = versions.get(pk=run.version_id)
    names = [verdict.claim for verdict in verdicts]
    if len(set(names)) < len(names) or not set(names) <= set(claims or ()):
        raise BadRequest(
            f"Verdicts must name claims of {lab}, each once: {', '.join(claims or ())}."
        )


@transaction.atomic
def release_run_attempt(*, worker: Worker, run_attempt_id: int, token: str, reason: str) -> None:
    """Give a run back to the queue. A worker's shutdown does not count as an attempt; a lab process
    that was killed (`crashed: …`) does.

    Raises:
        StaleRunAttempt: the run attempt has ended.
    """
    run = _lock_run(worker, run_attempt_id, token)
    is_crash = reason.startswith("crashed")
    run_attempt = RunAttempt.objects.select_related("worker").get(pk=run_attempt_id)
    requeue_or_end(run, run_attempt, released=not is_crash, crash=reason if is_crash else "")


def _lock_run(worker: Worker, run_attempt_id: int, token: str) -> Run:
    """Lock and return the run that the token may write to.

    Raises:
        StaleRunAttempt: there is none, or the run attempt has ended.
    """
    live = RunAttempt.objects.filter(
        pk=run_attempt_id, token_hash=hashed(token), worker=worker, ended_at=None
    )
    run = Run.objects.select_for_update().filter(pk__in=live.values("run")).first()
    # Read again under the lock: a table that a query joins without locking it is a stale read if
    # the query had to wait (READ COMMITTED).
    if run is None or not live.exists():
        raise StaleRunAttempt("This run attempt was given up. Stop, and ask for another run.")
    return run
