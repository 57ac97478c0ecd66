"""The housekeeping jobs of runs. Each reads what is due and calls one service for each row.

Any number of copies of `manage.py housekeep` may run: a job holds an advisory lock while it works.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from apps.common import wakeup
from apps.experiments import services
from apps.experiments.models import Run

log = logging.getLogger(__name__)


def requeue_silent_runs() -> int:
    """Requeue the runs whose worker sends no heartbeat any more, each in its own transaction, so
    that one error does not hold up the rest.
    """
    return _call_for_each(services.requeue_if_silent, services.silent_run_attempts())


def end_overdue_runs() -> int:
    """End the runs that have passed their time limit or are stalled."""
    return _call_for_each(services.end_if_overdue, services.overdue_run_attempts())


def end_outdated_runs() -> int:
    """End the queued runs whose code no worker has any more."""
    return _call_for_each(services.end_if_outdated, services.outdated_runs())


def wake_workers_for_waiting_runs() -> int:
    """Send a wake-up to each queue in which runs wait: earlier ones may have been lost."""
    queues = list(
        Run.objects.waiting().order_by("queue").values_list("queue", flat=True).distinct()
    )
    for queue in queues:
        wakeup.wake_workers(queue)
    return len(queues)


def thin_old_runs() -> int:
    return _call_for_each(services.thin_points, services.runs_to_thin())


RUN_JOBS = (
    requeue_silent_runs,
    end_overdue_runs,
    end_outdated_runs,
    wake_workers_for_waiting_runs,
    thin_old_runs,
)


def _call_for_each(service: Callable[..., bool], pks: Iterable[Any]) -> int:
    """Call a service for each key; return how many times it did something."""
    done = 0
    for pk in pks:
        try:
            done += service(pk=pk)
        except Exception:
            log.exception("%s of %s failed; the next round tries again", service.__name__, pk)
    return done
