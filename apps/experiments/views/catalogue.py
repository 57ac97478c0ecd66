"""What there is to try: the door of the site, and the table of labs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.topics import topic_title
from apps.experiments import chart_specs, presenters, selectors, svg_charts
from apps.experiments.models import Lab
from apps.experiments.views.lab import pending_prediction_of

FILTERS = ("topic", "kind")


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    rows = table_rows(request)
    first = next(
        (row for row in rows if row["lab"].slug == selectors.FIRST_LAB), rows[0] if rows else None
    )
    figure = _recorded(first["lab"]) if first else {}
    return render(
        request,
        "experiments/home.html",
        {"rows": rows, "first": first, "pending": pending_prediction_of(request), **figure},
    )


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    rows = table_rows(request)
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    fitting = [
        row
        for row in rows
        if all(not value or getattr(row["lab"], name) == value for name, value in chosen.items())
    ]
    choices = {
        "topics": [
            (slug, topic_title(slug)) for slug in sorted({row["lab"].topic for row in rows})
        ],
        "kinds": [(kind.value, kind.label) for kind in Lab.Kind],
    }
    shown_to = {
        "rows": fitting,
        "chosen": chosen,
        "pending": pending_prediction_of(request),
        "any": bool(rows),
        **choices,
    }
    return render(request, "experiments/catalogue.html", shown_to)


def table_rows(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the labs as the table shows them."""
    return [
        {
            "lab": lab,
            "words": lab.current.words,
            "topic": topic_title(lab.topic),
            "seconds": presenters.seconds(
                lab.current.words.get("profile", {}).get("standard", {}).get("seconds")
            ),
            "score": presenters.number(lab.mean_score, ".2f"),  # type: ignore[attr-defined] # annotated
        }
        for lab in selectors.catalogue(request.user)
        if lab.current is not None
    ]


def _recorded(lab: Lab) -> dict[str, Any]:
    """Return the recorded curve at the door: of a series that nobody is asked to predict, since
    that would give it away.
    """
    run, spec = selectors.standard_run(lab.slug), _teaser(lab)
    if run is None or spec is None:
        return {}
    _seq, points = selectors.points_of(run, [spec["series"]])
    return {
        "figure": svg_charts.curves(spec, points),
        "spec": spec,
        "ends": svg_charts.rows(spec, points),
        "run": run,
    }


def _teaser(lab: Lab) -> dict[str, Any] | None:
    assert lab.current is not None
    words = lab.current.words
    predict = words.get("predict", {})
    free = [name for name in words.get("series", {}) if name != predict.get("series")]
    series = "loss" if "loss" in free else next(iter(free), None)
    if series is None:
        return None
    figure = {"series": series, "arms": predict.get("arms") or "*", "x": _axis(words)}
    return chart_specs.figure_specs({**words, "figures": [figure]}, {})[0]


def _axis(words: presenters.Words) -> Any:
    return next((figure["x"] for figure in words.get("figures", []) if "x" in figure), {})
