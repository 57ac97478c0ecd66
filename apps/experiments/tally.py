"""Small counts that pages show: how long the queue is, what one has done oneself, what was measured
already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Avg, Case, Count, Q, When

from apps.accounts.models import User
from apps.experiments.models import Lab, Queue, Run
from apps.experiments.selectors import PROJECT_HANDLE


@dataclass(frozen=True)
class QueueLength:
    """A queue at this moment."""

    waiting: int
    running: int


def queue_length(queue: str) -> QueueLength:
    going = Run.objects.filter(queue=queue).aggregate(
        waiting=Count("pk", filter=Q(state=Run.State.QUEUED)),
        running=Count("pk", filter=Q(state=Run.State.RUNNING)),
    )
    return QueueLength(**going)


@dataclass(frozen=True)
class Own:
    """What a learner has done in a lab."""

    runs: int
    score: float | None  # mean of their predictions; less is better


def own_runs(user: User | AnonymousUser, lab: Lab) -> Own:
    mine = Run.objects.filter(owner_id=user.pk, version__lab=lab).aggregate(
        runs=Count("pk"), score=Avg("prediction__score")
    )
    return Own(**mine)


def seen_default_run(user: User | AnonymousUser, lab: Lab) -> Run | None:
    """Return the learner's own newest finished run of a lab at its own settings: what they have
    seen gives nothing away.
    """
    mine = Run.objects.filter(
        owner_id=user.pk, version__lab=lab, at_defaults=True, state=Run.State.SUCCEEDED
    )
    return mine.order_by("-ended_at").first() if user.pk else None


def recorded(lab: Lab) -> Run | None:
    """Return the project's own run of a lab at its own settings: of its present code if there is
    one, else the newest.
    """
    ours = Run.objects.filter(
        owner__handle=PROJECT_HANDLE,
        at_defaults=True,
        state=Run.State.SUCCEEDED,
        version__lab=lab,
        shared=True,
    )
    age = Case(When(version=lab.current_id, then=0), default=1)
    return ours.order_by(age, "-ended_at").first()


def measured_before(user: User | AnonymousUser, run: Run) -> Run | None:
    """Return a finished run of the same code, settings, seed and replicates that `user` may see: it
    shows the same numbers.

    None where times are measured: those are others every time.
    """
    if run.queue == Queue.BENCH:
        return None
    same: Mapping[str, object] = {
        "version_id": run.version_id,
        "config": run.config,
        "seed": run.seed,
        "replicates": run.replicates,
        "state": Run.State.SUCCEEDED,
    }
    seen = Q(owner_id=user.pk) | Q(owner__handle=PROJECT_HANDLE, shared=True)
    return Run.objects.filter(seen, **same).exclude(pk=run.pk).order_by("-ended_at").first()
