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
    """Return the context of the page: the table of labs, the lab to begin with, and a chart of its
    recorded run.

    Args:
        pending: the prediction that the visitor committed to before signing up.
    """
    labs = list(selectors.catalogue(reader.user))
    accesses = selectors.verdict_accesses(reader, map(selectors.default_subject, labs))
    rows = [presenters.lab_row(lab, accesses) for lab in labs]
    first = next((row for row in rows if row["lab"].slug == selectors.FIRST_LAB), None)
    if first is None and rows:
        first = rows[0]
    chart = _recorded_chart(first["lab"]) if first else {}
    return {"rows": rows, "first": first, "pending": pending, **chart}


def _recorded_chart(lab: Lab) -> dict[str, Any]:
    """Return the chart of a recorded run, of a series that nobody is asked to predict: the
    predicted one would give the answer away.
    """
    run, spec = selectors.standard_run(lab.slug), _unpredicted_spec(lab)
    if run is None or spec is None:
        return {}
    _seq, points = selectors.points_of(run, [spec["series"]])
    return {
        "figure": svg_charts.curves(spec, points),
        "spec": spec,
        "ends": svg_charts.rows(spec, points),
        "run": run,
    }


def _unpredicted_spec(lab: Lab) -> dict[str, Any] | None:
    words = lab.current_version.words
    predict = words.get("predict", {})
    names = [name for name in words.get("series", {}) if name != predict.get("series")]
    if not names:
        return None
    figure: dict[str, Any] = {
        "series": "loss" if "loss" in names else names[0],
        "arms": predict.get("arms") or "*",
        "x": next((other["x"] for other in words.get("figures", []) if "x" in other), {}),
    }
    return chart_specs.figure_specs({**words, "figures": [figure]}, {})[0]
