"""The pages of labs and runs, one module for each."""

from apps.experiments.views.catalogue import catalogue, home
from apps.experiments.views.claims import claims
from apps.experiments.views.lab import kept, lab
from apps.experiments.views.run import again, panel, points, run, share, stop, table
from apps.experiments.views.runs import runs

__all__ = [
    "again",
    "catalogue",
    "claims",
    "home",
    "kept",
    "lab",
    "panel",
    "points",
    "run",
    "runs",
    "share",
    "stop",
    "table",
]
