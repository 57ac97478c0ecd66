"""What the home page (`apps/progress/views/home.py`) shows of labs. The table of labs is the
catalogue's, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.experiments import chart_specs, presenters, selectors, svg_charts
from apps.experiments.models import Lab
from apps.experiments.selectors import Reader

MAX_LABS = 12  # that it lists; the catalogue has all


def home_context(reader: Reader, pending: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the lab to begin with, the chart on which its outcome is predicted, and the first labs
    of the catalogue.

    Args:
        pending: the prediction that the visitor committed to before signing up.
    """
    first = selectors.first_lab()
    labs = list(selectors.catalogue()[:MAX_LABS])
    chart = _prediction_chart(reader, first) if first else {}
    return {"rows": lab_rows(reader, labs), "first": first, "pending": pending, **chart}


def lab_rows(reader: Reader, labs: Sequence[Lab]) -> list[dict[str, Any]]:
    """Return labs as a table shows them to `reader` (three queries)."""
    accesses = selectors.verdict_accesses(reader, map(selectors.default_subject, labs))
    runs, scores = selectors.runs_done(reader.user, labs), selectors.mean_scores(reader.user, labs)
    return [presenters.lab_row(lab, accesses, runs, scores) for lab in labs]


def _prediction_chart(reader: Reader, lab: Lab) -> dict[str, Any]:
    """Return the chart on which a lab's outcome is predicted: with what the recorded run measured
    for whoever may see that, empty for anybody else; none where the lab asks for no sketch.
    """
    spec = chart_specs.prediction_spec(lab.current_version.words)
    if spec is None:
        return {}
    run = selectors.standard_run(lab.slug)
    if run is not None and not selectors.shows_verdict(reader, run):
        run = None
    points = selectors.points_of(run, [spec["series"]])[1] if run else []
    return {"figure": svg_charts.render(spec, points), "spec": spec, "run": run}
