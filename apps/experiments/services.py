"""Every write that a person or housekeep makes to runs; what workers write is in `worker_services`.

Each function is one transaction; what must agree is decided by the database, not by luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common import wakeup
from apps.common.clock import Clock
from apps.common.errors import KeyReused, TooManyRuns
from apps.common.tokens import hashed, new_token
from apps.experiments import lab_config, run_events, selectors
from apps.experiments.calibration import score
from apps.experiments.models import ComputeUsage, Lab, Outcome, Prediction, Run, RunAttempt, Worker
from apps.experiments.signals import run_over
from workers import wire


@dataclass(frozen=True)
class PredictionInput:
    """What a learner committed to: an outcome of the lab's headline claim, how sure (percent), and
    what they drew.
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
    """Queue a run of the lab's current code, with the prediction made of it, and wake_workers its
    queue after commit.

    Args:
        settings: those that were set, as text or values; the rest are the lab's own.
        key: idempotency key, unique with the owner: the same request again returns the run that
            exists.
    Raises:
        BadConfig: a setting cannot be used.
        KeyReused: `key` was used for something else.
        TooManyRuns: the owner has `MAX_QUEUED` runs waiting.
    """
    version = lab.current
    assert version is not None, "a lab that is offered has code"
    values = lab_config.clean(version.words, config)
    asked = {"version_id": version.pk, "config": values, "replicates": replicates, "seed": seed}
    # one submit of an owner at a time: the count is exact
    ComputeUsage.objects.select_for_update().get_or_create(owner=owner)
    if run := Run.objects.filter(owner=owner, key=key).first():
        if {name: getattr(run, name) for name in asked} != asked or _predicted(run) != prediction:
            raise KeyReused(
                _(
                    "This form was already submitted with different values. Reload the page to "
                    "start another run."
                )
            )
        return run
    if Run.objects.filter(owner=owner).waiting().count() >= settings.MAX_QUEUED:
        raise TooManyRuns(
            _("You have %(n)d runs in the queue. Cancel one, or come back when one has started.")
            % {"n": settings.MAX_QUEUED}
        )
    at_defaults = not lab_config.changed(version.words, values)
    run = Run.objects.create(
        owner=owner, key=key, queue=lab.queue, at_defaults=at_defaults, **asked
    )
    if prediction is not None:
        claim = version.words["predict"]["claim"]
        sketch = dict(prediction.sketch)
        Prediction.objects.create(
            run=run,
            claim=claim,
            outcome=prediction.outcome,
            confidence=prediction.confidence,
            sketch=sketch,
        )
    transaction.on_commit(partial(wakeup.wake_workers, run.queue), robust=True)
    return run


def _predicted(run: Run) -> PredictionInput | None:
    made = Prediction.objects.filter(run=run).first()
    return PredictionInput(made.outcome, made.confidence, made.sketch) if made else None


@transaction.atomic
def request_cancel(*, run: Run) -> None:
    """Stop a waiting run now, or have a running one's worker run_event with its next report."""
    # two updates would miss a run that is requeued between them
    held = Run.objects.select_for_update().get(pk=run.pk)
    if held.is_over:
        return
    held.cancel_requested = True
    held.save(update_fields=["cancel_requested"])
    if held.state == Run.State.QUEUED:
        end_run(held, Run.State.CANCELLED)


@transaction.atomic
def set_run_visibility(*, run: Run, shared: bool) -> None:
    """Let whoever has the link see the run, or no longer."""
    Run.objects.filter(pk=run.pk).update(shared=shared)


@transaction.atomic
def make_worker(*, name: str, queues: Sequence[str]) -> str:
    """Make a machine that may take runs, or give an existing one a new token. Returns the token,
    which is stored only as a hash.
    """
    token = new_token()
    Worker.objects.update_or_create(
        name=name,
        defaults={"token_hash": hashed(token), "queues": list(queues), "revoked_at": None},
    )
    return token


def lock_runs_of(*, user: User) -> None:
    """Lock all that workers write of a person's runs, in the order in which they lock it: before
    the person is deleted.
    """
    list(Run.objects.select_for_update().filter(owner=user).order_by("pk").values_list("pk"))
    list(ComputeUsage.objects.select_for_update().filter(owner=user).values_list("pk"))


# ---------------------------------------------------------------- what housekeep does


def silent_run_attempts() -> list[int]:
    """Return the run attempts whose worker has not been heard for a lease."""
    return list(RunAttempt.objects.filter(ended_at=None).silent().values_list("pk", flat=True))


def overdue_run_attempts() -> list[int]:
    """Return the run attempts that beat but have passed their limit by a lease, or have brought no
    point for `STALL_SECONDS`.
    """
    limit = timedelta(
        seconds=settings.RUN_LIMIT_SECONDS + settings.LEASE_SECONDS + settings.KILL_SECONDS
    )
    stall = timedelta(seconds=settings.STALL_SECONDS)
    late = Q(started_at__lt=Clock() - limit) | Q(last_progress_at__lt=Clock() - stall)
    return list(RunAttempt.objects.filter(late, ended_at=None).heard().values_list("pk", flat=True))


@transaction.atomic
def requeue_if_silent(*, pk: int) -> bool:
    """Requeue the run of run attempt `pk` if its worker is still silent; after `MAX_RUN_ATTEMPTS`
    it is lost, which is our fault.
    """
    run = _run_of(pk)
    if run is None or pk not in silent_run_attempts():
        return False  # it speaks just now, or spoke meanwhile
    requeue_or_end(run, RunAttempt.objects.get(pk=pk))
    return True


@transaction.atomic
def end_if_overdue(*, pk: int) -> bool:
    """End the run of run attempt `pk` if it has passed its limit, or stands still."""
    run = _run_of(pk)
    if run is None or pk not in overdue_run_attempts():
        return False
    RunAttempt.objects.filter(pk=pk).update(ended_at=Clock())
    run.error = "It passed its time limit, or brought no new point for too long."
    end_run(run, Run.State.LIMIT_EXCEEDED)
    return True


def outdated_runs() -> list[UUID]:
    """Return the runs that wait in vain: their lab has other code by now, and no machine of their
    queue has theirs.

    A machine asks for nothing while it is busy, so one may be silent for as long as a run attempt
    takes and still have the code. While no machine of the queue is there, nobody can say what the
    next one has: then runs wait.
    """
    left = Run.objects.waiting().filter(
        Q(version__lab__withdrawn=True) | ~Q(version__lab__current=F("version"))
    )
    waiting = list(left.values_list("pk", "queue", "version__sha256"))
    longest = timedelta(
        seconds=settings.RUN_LIMIT_SECONDS + settings.LEASE_SECONDS + settings.KILL_SECONDS
    )
    known = (
        Worker.objects.filter(revoked_at=None, last_seen_at__gt=Clock() - longest)
        if waiting
        else Worker.objects.none()
    )
    has = {
        (queue, sha256)
        for worker in known
        for queue in worker.queues
        for sha256 in worker.capabilities.get("labs", {}).values()
    }
    there = {
        queue
        for worker in known.filter(last_seen_at__gt=Clock() - selectors.ONLINE_WINDOW)
        for queue in worker.queues
    }
    return [pk for pk, queue, sha256 in waiting if queue in there and (queue, sha256) not in has]


@transaction.atomic
def end_if_outdated(*, pk: UUID) -> bool:
    """End a run that waits for code that no machine has any more: it costs the learner nothing, who
    may queue it anew.
    """
    run = Run.objects.select_for_update(skip_locked=True).waiting().filter(pk=pk).first()
    if run is None or pk not in outdated_runs():
        return False
    run.error = Run.OUTDATED
    end_run(run, Run.State.LOST)
    return True


def _run_of(pk: int) -> Run | None:
    """Lock and return the running run of a run attempt, unless somebody holds it: every writer
    locks the run first, then its run attempt.
    """
    waiting = Run.objects.select_for_update(skip_locked=True, of=("self",)).running()
    return waiting.filter(run_attempts__pk=pk, run_attempts__ended_at=None).first()


# ---------------------------------------------------------------- shared with what workers write
# (the caller holds the run's lock)


def requeue_or_end(run: Run, run_attempt: RunAttempt, *, released: bool = False) -> None:
    """End a run attempt that brought no result: its run waits for the next, is stopped if that was
    asked, or is lost after `MAX_RUN_ATTEMPTS`.

    Args:
        released: the worker gave it back at its shutdown, which counts as no run attempt.
    """
    RunAttempt.objects.filter(pk=run_attempt.pk).update(ended_at=Clock(), released=released)
    # a fault of the platform costs the learner nothing
    add_compute_usage(owner_id=run.owner_id, seconds=-settings.ENTRY_PENALTY_SECONDS)
    if run.cancel_requested:
        end_run(run, Run.State.CANCELLED)
    elif run.run_attempts.filter(released=False).count() >= settings.MAX_RUN_ATTEMPTS:
        end_run(run, Run.State.LOST)
    else:
        Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED, started_at=None)
        run.refresh_from_db()
        run_events.publish_state(run)
        transaction.on_commit(partial(wakeup.wake_workers, run.queue), robust=True)


def end_run(run: Run, state: str, verdicts: Sequence[wire.Verdict] = ()) -> None:
    """End a run that is locked, with all that follows from it. However a run ends, it ends here."""
    run.state, run.ended_at = state, Clock()  # type: ignore[assignment]
    run.save()
    run.refresh_from_db(fields=["ended_at"])
    _score_prediction(run, verdicts)
    run_over.send(sender=Run, run=run)
    run_events.publish_state(run)


def _score_prediction(run: Run, verdicts: Sequence[wire.Verdict]) -> None:
    """Score the prediction, unless the run says nothing: inconclusive, stopped, failed."""
    made = Prediction.objects.filter(run=run).first()
    if made is None or run.state != Run.State.SUCCEEDED:
        return
    found: str = next((v.outcome for v in verdicts if v.claim == made.claim), Outcome.INCONCLUSIVE)
    if found == Outcome.INCONCLUSIVE:
        return
    made.was_right = made.outcome == found
    made.score = score(made.confidence, made.was_right)
    made.save(update_fields=["was_right", "score"])


def add_compute_usage(*, owner_id: int, seconds: float) -> None:
    """Add to what the owner used lately (seconds of compute)."""
    ComputeUsage.objects.filter(owner_id=owner_id).update(
        seconds=ComputeUsage.DECAYED_SECONDS + seconds, updated_at=Clock()
    )
