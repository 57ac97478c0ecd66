"""What `experiments/home.html` shows to a visitor. `progress.views.today` renders it: `/` is
theirs, and they know this app, not the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.experiments import chart_specs, presenters, selectors, svg_charts
from apps.experiments.models import Lab
from apps.experiments.selectors import Reader


def home_context(reader: Reader, pending: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the context of the page: the table of labs, the lab to begin with, and the chart on
    which its outcome is predicted.

    Args:
        pending: the prediction that the visitor committed to before signing up.
    """
    labs = list(selectors.catalogue(reader.user))
    accesses = selectors.verdict_accesses(reader, map(selectors.default_subject, labs))
    rows = [presenters.lab_row(lab, accesses) for lab in labs]
    first = next((row for row in rows if row["lab"].slug == selectors.FIRST_LAB), None)
    if first is None and rows:
        first = rows[0]
    chart = _prediction_chart(reader, first["lab"]) if first else {}
    return {"rows": rows, "first": first, "pending": pending, **chart}


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
