"""Reads that join models, or check who may see: of runs, of labs, of the queue."""

from apps.experiments.selectors.labs import (
    FIRST_LAB,
    OwnRuns,
    catalogue,
    evidence_counts,
    lab_for,
    own_runs,
    seen_default_run,
    standard_run,
    standard_runs,
)
from apps.experiments.selectors.queue import (
    ONLINE_WINDOW,
    QueueLength,
    durations,
    queue_length,
    queue_position,
    waiting_owners,
    worker_with_token,
)
from apps.experiments.selectors.runs import (
    COPY_KEY_PREFIX,
    batches_after,
    measured_before,
    own_run,
    points_of,
    run_for,
    runs_of,
    visible_runs,
)

__all__ = [
    "COPY_KEY_PREFIX",
    "FIRST_LAB",
    "ONLINE_WINDOW",
    "OwnRuns",
    "QueueLength",
    "batches_after",
    "catalogue",
    "durations",
    "evidence_counts",
    "lab_for",
    "measured_before",
    "own_run",
    "own_runs",
    "points_of",
    "queue_length",
    "queue_position",
    "run_for",
    "runs_of",
    "seen_default_run",
    "standard_run",
    "standard_runs",
    "visible_runs",
    "waiting_owners",
    "worker_with_token",
]
