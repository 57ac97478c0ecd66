"""Sites that go without a rule, which chaos must notice. The patch is applied in a process of the
site before it serves; the product has no place for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.apps import AppConfig


def without_token_check() -> None:
    """A worker that was given up goes on writing."""
    from apps.experiments import worker_services
    from apps.experiments.models import Run

    def lock_run(worker: Any, run_attempt_id: int, token: str) -> Run:
        runs = Run.objects.select_for_update(of=("self",))
        return runs.get(run_attempts__pk=run_attempt_id)

    worker_services._lock_run = lock_run


def without_reconciler() -> None:
    """Nobody requeues the runs of silent workers."""
    from apps.experiments import services

    services.silent_run_attempts = list


def without_state_guard() -> None:
    """A press of "stop" ends a run, whatever its state is by then."""
    from apps.experiments import services
    from apps.experiments.models import Run

    def request_cancel(*, run: Run) -> None:
        run.cancel_requested = True
        services.end_run(run, Run.State.CANCELLED)

    services.request_cancel = request_cancel


def without_listening_mark() -> None:
    """A lease runs out while nobody could have heard its worker."""
    from django.conf import settings
    from django.db.models import Q

    from apps.common.clock import Clock
    from apps.experiments import listening
    from apps.experiments.models import RunAttemptQuerySet

    def is_silent() -> Q:
        return Q(last_heartbeat_at__lt=Clock() - timedelta(seconds=settings.LEASE_SECONDS))

    RunAttemptQuerySet._is_silent = staticmethod(is_silent)
    listening.renew = lambda: 0.0


MUTANTS: dict[str, Callable[[], None]] = {
    "no token check": without_token_check,
    "no reconciler": without_reconciler,
    "no state guard": without_state_guard,
    "no listening mark": without_listening_mark,
}


class Mutants(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        MUTANTS[os.environ["GRADUS_MUTANT"]]()
