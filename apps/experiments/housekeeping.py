"""What housekeep does now and then: fetch, and call one service.

Any number of copies may run; each housekeeping job holds a lock while it works.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from apps.common import wakeup
from apps.experiments import services
from apps.experiments.models import Run

log = logging.getLogger(__name__)


def requeue_silent_runs() -> int:
    """Give up the run attempts whose worker fell silent, each in its own transaction, so that one
    fault does not hold up the rest.
    """
    return sum(_each(services.requeue_if_silent, pk) for pk in services.silent_run_attempts())


def end_overdue_runs() -> int:
    """End the run attempts that passed their limit or stand still."""
    return sum(_each(services.end_if_overdue, pk) for pk in services.overdue_run_attempts())


def end_outdated_runs() -> int:
    """End the runs that wait for code which no machine has any more."""
    return sum(_each(services.end_if_outdated, pk) for pk in services.outdated_runs())


def wake_workers_for_waiting_runs() -> int:
    """Ring each queue in which runs wait, once: wake-ups may have been lost."""
    queues = list(
        Run.objects.waiting().order_by("queue").values_list("queue", flat=True).distinct()
    )
    for queue in queues:
        wakeup.wake_workers(queue)
    return len(queues)


RUN_JOBS = (requeue_silent_runs, end_overdue_runs, end_outdated_runs, wake_workers_for_waiting_runs)


def _each(service: Callable[..., bool], pk: Any) -> bool:
    try:
        return service(pk=pk)
    except Exception:
        log.exception("%s of %s failed; the next round tries again", service.__name__, pk)
        return False
