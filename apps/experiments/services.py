"""Every write that a person or housekeep makes to runs; what workers write is in `worker_services`.

Each function is one transaction. Locks are taken in one order, so that no two of them deadlock: the
person (`accounts.services.lock_user`), the run, its run attempt, the person's compute usage. A
worker begins with the run. A run that is new needs no lock; it is inserted under the person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common import wakeup
from apps.common.clock import Clock
from apps.common.errors import KeyReused, TooManyRuns
from apps.common.text import clean
from apps.common.tokens import hashed, new_token
from apps.experiments import lab_config, run_events, scheduling, selectors, series
from apps.experiments.calibration import score
from apps.experiments.models import (
    Batch,
    ComputeUsage,
    Lab,
    LabVersion,
    OpenedVerdict,
    Outcome,
    Prediction,
    Run,
    RunAttempt,
    Worker,
)
from apps.experiments.opened_verdicts import Subject
from apps.experiments.selectors import Reader, VerdictAccess
from apps.experiments.signals import run_over
from workers import wire

MAX_THINNED = 5  # runs in a round of housekeep, which has other things to do


@dataclass(frozen=True)
class PredictionInput:
    """What a learner predicts: an outcome of the lab's headline claim, their confidence (percent),
    and a sketch ({arm: value}).
    """

    outcome: str
    confidence: int
    sketch: Mapping[str, float]


@transaction.atomic
def queue_run(
    *,
    owner: User,
    lab: Lab,
    config: Mapping[str, Any],
    key: str,
    replicates: int = Run.STANDARD_REPLICATES,
    seed: int = 0,
    prediction: PredictionInput | None = None,
) -> Run:
    """Queue a run of the lab's current code, with a prediction of its verdict, and wake the workers
    of its queue after commit. Idempotent by `key`.

    Args:
        config: the settings that were set, as text or values; the rest have their defaults.
        key: unique with the owner: the same request again returns the run that exists.
    Raises:
        BadConfig: a setting is unknown or out of bounds.
        AccountGone: the owner was deleted meanwhile.
        KeyReused: `key` came with another request.
        TooManyRuns: the owner has `MAX_QUEUED` runs waiting.
    """
    version = lab.current_version
    values = lab_config.clean(version.words, config)
    request = {"version_id": version.pk, "config": values, "replicates": replicates, "seed": seed}
    # so that two submissions at once cannot both pass the limit, and none meets a deletion
    lock_user(owner)
    ComputeUsage.objects.get_or_create(owner=owner)
    if run := Run.objects.filter(owner=owner, key=key).first():
        _check_same_request(run, request, prediction)
        return run
    _check_queue_limit(owner)
    config_hash = lab_config.config_hash(values)
    not_counted = selectors.why_not_counted(owner, lab, config_hash) if prediction else ""
    run = Run.objects.create(
        owner=owner,
        key=key,
        queue=lab.queue,
        at_defaults=not lab_config.changed(version.words, values),
        config_hash=config_hash,
        **request,
    )
    if prediction is not None:
        _store_prediction(run, prediction, not_counted)
    transaction.on_commit(partial(wakeup.wake_workers, run.queue), robust=True)
    return run


def _check_same_request(
    run: Run, request: Mapping[str, Any], prediction: PredictionInput | None
) -> None:
    """Check that the run was queued by this very request; KeyReused otherwise."""
    stored = {name: getattr(run, name) for name in request}
    if stored != request or _predicted(run) != prediction:
        raise KeyReused(
            _(
                "This form was already submitted with different values. Reload the page to "
                "start another run."
            )
        )


def _check_queue_limit(owner: User) -> None:
    """Check that the owner may queue one more run; TooManyRuns otherwise."""
    if Run.objects.filter(owner=owner).waiting().count() >= settings.MAX_QUEUED:
        raise TooManyRuns(
            _("You have %(n)d runs in the queue. Cancel one, or come back when one has started.")
            % {"n": settings.MAX_QUEUED}
        )


def _store_prediction(run: Run, prediction: PredictionInput, not_counted: str) -> None:
    Prediction.objects.create(
        run=run,
        claim=run.version.words["predict"]["claim"],
        outcome=prediction.outcome,
        confidence=prediction.confidence,
        sketch=dict(prediction.sketch),
        not_counted=not_counted,
    )


def _predicted(run: Run) -> PredictionInput | None:
    stored = Prediction.objects.filter(run=run).first()
    return PredictionInput(stored.outcome, stored.confidence, stored.sketch) if stored else None


@transaction.atomic
def request_cancel(*, run: Run) -> None:
    """Stop a queued run at once; the worker of a running one learns of it with its next report."""
    # locked: two conditional updates would miss a run that is requeued between them
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.is_over:
        return
    run.cancel_requested = True
    run.save(update_fields=["cancel_requested"])
    if run.state == Run.State.QUEUED:
        end_run(run, Run.State.CANCELLED)


@transaction.atomic
def set_run_visibility(*, run: Run, shared: bool) -> None:
    """Share the run with everybody who has the link, or stop sharing it."""
    Run.objects.filter(pk=run.pk).update(shared=shared)


@transaction.atomic
def open_verdict(*, user: User, run: Run) -> None:
    """Show a verdict to a person who has not predicted it, and record that. Idempotent.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(user)
    _record_opened(user, {selectors.subject_of(run): None})


@transaction.atomic
def show_all_verdicts(*, user: User, shown: bool) -> None:
    """Set a person's switch of the ledger. Switched on, the verdict of every recorded run is opened
    as `open_verdict` does, and those that are recorded while it is on (`open_where_all_are_shown`).
    What was opened stays so. Idempotent.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(user)
    User.objects.filter(pk=user.pk).update(shows_all_verdicts=shown)
    if shown:
        runs = selectors.standard_runs().values()
        _record_opened(user, dict.fromkeys(map(selectors.subject_of, runs)))


@transaction.atomic
def open_where_all_are_shown(*, run: Run) -> None:
    """Open the verdict of a run that was just recorded for everybody whose ledger shows all."""
    for user in User.objects.filter(shows_all_verdicts=True).select_for_update().order_by("pk"):
        _record_opened(user, {selectors.subject_of(run): None})


@transaction.atomic
def adopt_opened_verdicts(*, user: User, opened: Mapping[Subject, str]) -> None:
    """Make what a visitor opened theirs, who has signed in. Idempotent.

    Args:
        opened: each with when (ISO 8601).
    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(user)
    versions = LabVersion.objects.filter(pk__in={version for version, _hash in opened})
    existing = set(versions.values_list("pk", flat=True))
    _record_opened(user, {key: at for key, at in opened.items() if key[0] in existing})


def _record_opened(user: User, opened: Mapping[Subject, str | None]) -> None:
    """Record of these verdicts those that the person, who is locked, may not see yet."""
    accesses = selectors.verdict_accesses(Reader(user), opened)
    OpenedVerdict.objects.bulk_create(
        OpenedVerdict(
            user=user,
            version_id=version,
            config_hash=config_hash,
            **({"opened_at": datetime.fromisoformat(at)} if at else {}),
        )
        for (version, config_hash), at in opened.items()
        if accesses[version, config_hash] is VerdictAccess.NONE
    )


@transaction.atomic
def make_worker(*, name: str, queues: Sequence[str]) -> str:
    """Create a worker, or give an existing one a new token. Returns the token, which is stored only
    as a hash.
    """
    token = new_token()
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "token_hash": hashed(token),
            "queues": list(queues),
            "revoked_at": None,
            "networks": [],
        },
    )
    record(Kind.WORKER_TOKEN_ISSUED, subject=name, details={"queues": list(queues)})
    return token


@transaction.atomic
def revoke_worker(*, worker: Worker) -> None:
    """Make a worker's token worthless, and queue its runs again; these attempts do not count. A
    lease that is given at this very moment ends like that of any worker that is not heard.
    Idempotent.
    """
    if Worker.objects.filter(pk=worker.pk, revoked_at=None).update(revoked_at=Clock()):
        record(Kind.WORKER_REVOKED, subject=worker.name)
    leased = Run.objects.running().filter(run_attempts__worker=worker, run_attempts__ended_at=None)
    for run in leased.select_for_update(of=("self",)).order_by("pk"):
        live = run.run_attempts.filter(worker=worker, ended_at=None).first()
        if live:  # read again under the lock
            requeue_or_end(run, live, released=True)


@transaction.atomic
def stop_by_operator(*, run: Run) -> None:
    """Stop a run, as `request_cancel` does, on behalf of the site."""
    if not run.is_over:
        record(Kind.RUN_STOPPED, person=run.owner, subject=str(run.pk))
    request_cancel(run=run)


def lock_runs_of(*, user: User) -> None:
    """Lock a person's runs and compute usage before the person is deleted. The person is locked, so
    that these are all.
    """
    list(Run.objects.select_for_update().filter(owner=user).order_by("pk").values_list("pk"))
    list(ComputeUsage.objects.select_for_update().filter(owner=user).values_list("pk"))


# ---------------------------------------------------------------- what housekeep does


def silent_run_attempts() -> list[int]:
    """Return the run attempts without a heartbeat for `LEASE_SECONDS` of listening."""
    return list(RunAttempt.objects.filter(ended_at=None).silent().values_list("pk", flat=True))


def overdue_run_attempts() -> list[int]:
    """Return the run attempts that send heartbeats, but have run for longer than `max_duration` or
    are stalled: no point for `STALL_SECONDS`.
    """
    stall = timedelta(seconds=settings.STALL_SECONDS)
    late = Q(started_at__lt=Clock() - max_duration()) | Q(last_progress_at__lt=Clock() - stall)
    return list(RunAttempt.objects.filter(late, ended_at=None).heard().values_list("pk", flat=True))


def max_duration() -> timedelta:
    """Return how long a run attempt can last: its time limit, a lease, and the time to kill it."""
    return timedelta(
        seconds=settings.RUN_LIMIT_SECONDS + settings.LEASE_SECONDS + settings.KILL_SECONDS
    )


@transaction.atomic
def requeue_if_silent(*, pk: int) -> bool:
    """Requeue the run of run attempt `pk` if its worker is still silent; after `MAX_RUN_ATTEMPTS`
    the run is lost. Returns whether it was.
    """
    run = _lock_running(pk)
    if run is None or pk not in silent_run_attempts():
        return False  # it is reporting just now, or has reported meanwhile
    run_attempt = RunAttempt.objects.get(pk=pk)
    requeue_or_end(run, run_attempt, released=not run_attempt.is_confirmed)
    return True


@transaction.atomic
def end_if_overdue(*, pk: int) -> bool:
    """End the run of run attempt `pk` if it has passed its limit or is stalled. Returns whether it
    was.
    """
    run = _lock_running(pk)
    if run is None or pk not in overdue_run_attempts():
        return False
    RunAttempt.objects.filter(pk=pk).update(ended_at=Clock())
    run.error = "It passed its time limit, or brought no new point for too long."
    end_run(run, Run.State.LIMIT_EXCEEDED)
    return True


def outdated_runs() -> list[UUID]:
    """Return the queued runs of old code that no worker of their queue has any more.

    A busy worker asks for nothing, so one may still have the code although it has not been seen for
    as long as a run attempt takes. While no worker of a queue is online, its runs wait: the next
    one may have the code.
    """
    of_old_code = Run.objects.waiting().filter(
        Q(version__lab__withdrawn=True) | ~Q(version__lab__current=F("version"))
    )
    waiting = list(of_old_code.values_list("pk", "queue", "version__code_hash"))
    if not waiting:
        return []
    workers = Worker.objects.filter(revoked_at=None, last_seen_at__gt=Clock() - max_duration())
    available = {
        (queue, code_hash)
        for worker in workers
        for queue in worker.queues
        for code_hash in worker.capabilities.get("labs", {}).values()
    }
    online = workers.filter(last_seen_at__gt=Clock() - selectors.ONLINE_WINDOW)
    served = {queue for worker in online for queue in worker.queues}
    return [
        pk
        for pk, queue, code_hash in waiting
        if queue in served and (queue, code_hash) not in available
    ]


@transaction.atomic
def end_if_outdated(*, pk: UUID) -> bool:
    """End a queued run whose code no worker has any more, if that is still so. Returns whether it
    was. It costs its owner nothing.
    """
    run = Run.objects.select_for_update(skip_locked=True).waiting().filter(pk=pk).first()
    if run is None or pk not in outdated_runs():
        return False
    run.error = Run.OUTDATED
    end_run(run, Run.State.LOST)
    return True


def runs_to_thin() -> list[UUID]:
    """Return a few runs whose points are to be thinned, the oldest first."""
    due = Run.objects.due_for_thinning().order_by("ended_at")
    return list(due.values_list("pk", flat=True)[:MAX_THINNED])


@transaction.atomic
def thin_points(*, pk: UUID) -> bool:
    """Thin the points of an old run (`series.thinned`), if that is still due. Returns whether it
    was. Verdicts, prediction and the number of the last batch stay as they are.
    """
    run = Run.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
    if run is None or not Run.objects.due_for_thinning().filter(pk=pk).exists():
        return False
    kept = series.thinned(list(run.batches.order_by("seq")))
    run.batches.all().delete()
    Batch.objects.bulk_create(kept)
    Run.objects.filter(pk=pk).update(thinned_at=Clock())
    return True


def _lock_running(pk: int) -> Run | None:
    """Lock and return the running run of run attempt `pk`; None where another transaction has it
    locked.
    """
    unlocked = Run.objects.select_for_update(skip_locked=True, of=("self",)).running()
    return unlocked.filter(run_attempts__pk=pk, run_attempts__ended_at=None).first()


# ---------------------------------------------------------------- shared with what workers write
# (the caller holds the run's lock)


def requeue_or_end(
    run: Run, run_attempt: RunAttempt, *, released: bool = False, crash: str = ""
) -> None:
    """End a run attempt without a result. Its run is requeued; cancelled, if that was requested; or
    lost, after `MAX_RUN_ATTEMPTS`.

    Args:
        released: it does not count as an attempt: the worker gave it back at its shutdown, or
            never confirmed that it has it.
        crash: how the lab's process ended, if that is why; kept for the operator.
    """
    if crash:
        run.detail = _with_crash(run, run_attempt, crash)
    RunAttempt.objects.filter(pk=run_attempt.pk).update(ended_at=Clock(), released=released)
    # a fault of the platform costs its owner nothing
    add_compute_usage(owner_id=run.owner_id, seconds=-scheduling.ENTRY_PENALTY_SECONDS)
    if run.cancel_requested:
        end_run(run, Run.State.CANCELLED)
    elif run.run_attempts.filter(released=False).count() >= settings.MAX_RUN_ATTEMPTS:
        if len(run.detail.splitlines()) >= settings.MAX_RUN_ATTEMPTS:  # a line for each crash
            run.error = Run.LAB_CRASHED
        end_run(run, Run.State.LOST)
    else:
        Run.objects.filter(pk=run.pk).update(
            state=Run.State.QUEUED, started_at=None, detail=run.detail
        )
        run.refresh_from_db()
        run_events.publish_state(run)
        transaction.on_commit(partial(wakeup.wake_workers, run.queue), robust=True)


def _with_crash(run: Run, run_attempt: RunAttempt, crash: str) -> str:
    """Return `run.detail` with a line that says where the lab's process has ended, and how."""
    worker = run_attempt.worker.name if run_attempt.worker else "?"
    line = f"{run.version.lab_id} {run.version.code_hash[:8]}, run attempt {run_attempt.number}"
    cause = " ".join(clean(crash).split())[: Run.MAX_ERROR_CHARS]
    return f"{run.detail}{line}, worker {worker}: {cause}\n"


def end_run(run: Run, state: str, verdicts: Sequence[wire.Verdict] = ()) -> None:
    """End a locked run, with all that follows from it. Every way in which a run ends leads here."""
    run.state, run.ended_at = state, Clock()  # type: ignore[assignment]
    run.save()
    run.refresh_from_db(fields=["ended_at"])
    _score_prediction(run, verdicts)
    run_over.send(sender=Run, run=run)
    run_events.publish_state(run)


def _score_prediction(run: Run, verdicts: Sequence[wire.Verdict]) -> None:
    """Score the prediction, unless the run decided nothing: inconclusive, cancelled, failed."""
    prediction = Prediction.objects.filter(run=run).first()
    if prediction is None or run.state != Run.State.SUCCEEDED:
        return
    outcomes: dict[str, str] = {verdict.claim: verdict.outcome for verdict in verdicts}
    outcome = outcomes.get(prediction.claim, Outcome.INCONCLUSIVE)
    if outcome == Outcome.INCONCLUSIVE:
        return
    prediction.was_right = prediction.outcome == outcome
    prediction.score = score(prediction.confidence, prediction.was_right)
    prediction.save(update_fields=["was_right", "score"])


def add_compute_usage(*, owner_id: int, seconds: float) -> None:
    """Add compute-seconds to the owner's decayed usage."""
    ComputeUsage.objects.filter(owner_id=owner_id).update(
        seconds=ComputeUsage.DECAYED_SECONDS + seconds, updated_at=Clock()
    )
