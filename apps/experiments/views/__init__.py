"""The pages of labs and runs, one module for each."""

from apps.experiments.views.catalogue import catalogue
from apps.experiments.views.claims import claims, verdicts_open
from apps.experiments.views.compare import compare
from apps.experiments.views.lab import lab, pending_prediction
from apps.experiments.views.run import (
    run,
    run_csv,
    run_panel,
    run_points,
    run_rerun,
    run_stop,
    run_visibility,
    verdict_open,
)
from apps.experiments.views.runs import runs

__all__ = [
    "catalogue",
    "claims",
    "compare",
    "lab",
    "pending_prediction",
    "run",
    "run_csv",
    "run_panel",
    "run_points",
    "run_rerun",
    "run_stop",
    "run_visibility",
    "runs",
    "verdict_open",
    "verdicts_open",
]
