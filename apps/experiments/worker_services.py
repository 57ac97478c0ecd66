"""Every write that a worker makes: claim, points, result, release.

Whoever holds a live run attempt's token speaks for its run; nobody else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.common.clock import Clock
from apps.common.errors import BadRequest, Gap, StaleRunAttempt
from apps.common.locks import lock
from apps.common.text import clean, clean_json
from apps.common.tokens import hashed, new_token
from apps.experiments import run_events, series
from apps.experiments.models import (
    Batch,
    ComputeUsage,
    LabVersion,
    Run,
    RunAttempt,
    Verdict,
    Worker,
)
from apps.experiments.services import add_compute_usage, end_run, requeue_or_end
from workers import wire


@dataclass(frozen=True)
class Lease:
    """What a worker needs to begin. The token is never seen again."""

    run: Run
    run_attempt: RunAttempt
    token: str


def record_contact(worker: Worker, asked: wire.LeaseRequest) -> None:
    """Keep what a machine says of itself, and that it is there."""
    Worker.objects.filter(pk=worker.pk).update(
        last_seen_at=Clock(), capabilities=clean_json(msgspec.to_builtins(asked))
    )


@transaction.atomic
def lease_run(*, worker: Worker, queues: Sequence[str], labs: Mapping[str, str]) -> Lease | None:
    """Give `machine` the run whose turn it is, or None.

    Args:
        queues: that it asks for, most urgent first; those it may not have are passed over.
        labs: what it can run, slug to hash; a run made for other code waits for a worker that has
            it.
    """
    lock("lease")  # one claim at a time: slots and the entry penalty below are then exact
    for queue in queues:
        if queue not in worker.queues or (
            queue != "bench" and _must_drain_for_bench(worker, queues, labs)
        ):
            continue
        here = Run.objects.filter(queue=queue)
        waiting = here.waiting().filter(version__sha256__in=labs.values())
        fairest = ComputeUsage.objects.fairest_first(
            waiting, here.running(), slots=settings.MAX_RUNNING
        )
        while usage := fairest.first():
            own = (
                waiting.filter(owner=usage.owner_id)
                .select_related("version")
                .defer("version__source")
            )
            run = own.order_by("queued_at").first()
            # By its own row alone: a stop that this waits for is seen only there, what is joined
            # stays as it was. Then ask again.
            now = {
                "state": Run.State.RUNNING,
                "started_at": Clock(),
                "points_done": 0,
                "points_expected": 0,
            }
            if run and Run.objects.filter(pk=run.pk).waiting().update(**now):
                return _start_run_attempt(run, worker)
    return None


def _must_drain_for_bench(worker: Worker, queues: Sequence[str], labs: Mapping[str, str]) -> bool:
    """Say whether a bench run, which needs a machine to itself, has waited so long that this one
    may take nothing else.
    """
    if "bench" in queues or "bench" not in worker.queues:
        return False
    patience = Clock() - timedelta(seconds=settings.BENCH_PATIENCE_SECONDS)
    here = Run.objects.filter(queue="bench")
    waiting = here.waiting().filter(version__sha256__in=labs.values(), queued_at__lt=patience)
    # One whose owner has no slot free could not start on an empty machine either; asked only where
    # any waits, for it costs more.
    return (
        waiting.exists()
        and ComputeUsage.objects.fairest_first(
            waiting, here.running(), slots=settings.MAX_RUNNING
        ).exists()
    )


def _start_run_attempt(run: Run, worker: Worker) -> Lease:
    token = new_token()
    number = run.run_attempts.count() + 1
    run_attempt = RunAttempt.objects.create(
        run=run, number=number, worker=worker, token_hash=hashed(token)
    )
    add_compute_usage(owner_id=run.owner_id, seconds=settings.ENTRY_PENALTY_SECONDS)
    # as the claim stored it; who claims reads no more of the run than this
    run.state, run.points_done, run.points_expected = Run.State.RUNNING, 0, 0
    if number > 1:  # tell readers to forget what the run attempt before drew
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
    """Store what a run attempt has to say, once however often it comes, and keep its lease. Returns
    whether it should stop.

    Raises:
        StaleRunAttempt: the run attempt was given up.
        Gap: events before these are missing; `last` says from where.
        BadRequest: an event's arrays differ in length, or are too long.
    """
    run = _hold(worker, run_attempt_id, token)
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
    _record_heartbeat(run_attempt_id, moved=bool(fresh))
    if fresh or (report.points_done, report.points_expected) != (
        run.points_done,
        run.points_expected,
    ):
        run.last_seq += len(fresh)
        run.points_done, run.points_expected = (
            max(run.points_done, report.points_done),
            report.points_expected,
        )
        run.save(update_fields=["last_seq", "points_done", "points_expected"])
        run_events.publish_batches(run, fresh)
    return run.cancel_requested


def _record_heartbeat(run_attempt_id: int, *, moved: bool) -> None:
    """Note that a run attempt spoke.

    A silence longer than a lease is no time of the run attempt's: more likely the clock has
    stepped, and a run must not end for that.
    """
    spoke = RunAttempt.objects.filter(pk=run_attempt_id)
    silence = Clock() - F("last_heartbeat_at")
    spoke.silent().update(
        started_at=F("started_at") + silence, last_progress_at=F("last_progress_at") + silence
    )
    spoke.update(last_heartbeat_at=Clock(), **({"last_progress_at": Clock()} if moved else {}))


@transaction.atomic
def finish_run(*, worker: Worker, run_attempt_id: int, token: str, result: wire.Result) -> Run:
    """End a run with all that follows from it. The same call again changes nothing and returns the
    run.

    Raises:
        StaleRunAttempt: another run attempt, or nobody, speaks for the run now.
        BadRequest: a verdict names no claim of the lab, or one twice.
    """
    try:
        run = _hold(worker, run_attempt_id, token)
    except (
        StaleRunAttempt
    ):  # asked after the lock, so that of two calls at once the second sees the first
        mine = {
            "run_attempts__pk": run_attempt_id,
            "run_attempts__token_hash": hashed(token),
            "run_attempts__worker": worker,
            "run_attempts__finished": True,
        }
        if over := Run.objects.filter(state=result.state, **mine).first():
            return over
        raise
    _check_claims(run, result.verdicts)
    RunAttempt.objects.filter(pk=run_attempt_id).update(ended_at=Clock(), finished=True)
    # as the worker measured it: the database's clock may have stepped meanwhile
    used = result.seconds - settings.ENTRY_PENALTY_SECONDS
    add_compute_usage(
        owner_id=run.owner_id, seconds=used if result.state == "cancelled" else max(used, 0.0)
    )
    run.error, run.detail = clean(result.error)[:500], clean(result.detail)[:20_000]
    run.seconds, run.engine = result.seconds, clean(result.engine)[:64]
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
    """Give a run back to the queue. A shutdown costs no run attempt, a lab process that was killed
    (`crashed: …`) does.

    Raises:
        StaleRunAttempt: the run attempt was given up before.
    """
    run = _hold(worker, run_attempt_id, token)
    requeue_or_end(
        run, RunAttempt.objects.get(pk=run_attempt_id), released=not reason.startswith("crashed")
    )


def _hold(worker: Worker, run_attempt_id: int, token: str) -> Run:
    """Lock and return the run that the token may write to."""
    mine = RunAttempt.objects.filter(
        pk=run_attempt_id, token_hash=hashed(token), worker=worker, ended_at=None
    )
    run = Run.objects.select_for_update().filter(pk__in=mine.values("run")).first()
    # Asked again under the lock: what a query joins but does not lock, it may still see as it was
    # before it had to wait.
    if run is None or not mine.exists():
        raise StaleRunAttempt("This run attempt was given up. Stop, and claim again.")
    return run
