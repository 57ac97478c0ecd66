"""Up to eight runs of one lab beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from apps.common.errors import BadRequest
from apps.common.text import clean, displayable
from apps.experiments import comparison, presenters, selectors, svg_charts
from apps.experiments.models import Run
from apps.experiments.reader import reader_of

MAX_CHOICES = 10  # runs that are offered to be added
MAX_SHOWN_ID_CHARS = 40  # of an id that is none


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """`GET /runs/compare?run=<id>&run=<id>&curve=<figure>/<arm>`"""
    runs = selectors.runs_together(request.user, _chosen(request))
    baseline, readable = _access(request, runs)
    if baseline is not None:
        prefetch_related_objects([baseline], "verdicts")
    drawn = [run for run in runs if run.pk in readable]
    chart = _chart(request, drawn, baseline) if drawn else {}
    compared = comparison.compare(
        runs,
        baseline,
        readable,
        colours=chart.get("colours", {}),
        page=request.get_full_path(),
    )
    context = {
        "lab": runs[0].version.lab,
        "words": runs[0].version.words,
        "compared": compared,
        "of_runs": [column for column in compared.columns if not column.is_baseline],
        "baseline": baseline,
        "most": selectors.MAX_COMPARED,
        "choices": [
            presenters.comparable_run(run)
            for run in selectors.runs_to_compare(reader_of(request), runs, MAX_CHOICES)
        ],
        **chart,
    }
    return render(request, "experiments/compare.html", context)


def _chosen(request: HttpRequest) -> list[UUID]:
    """Return the keys of the query.

    Raises:
        BadRequest: there are none, or one is malformed.
    """
    texts = [clean(text).strip() for text in request.GET.getlist("run")]
    texts = [text for text in texts if text]
    if not texts:
        text = _("Choose the runs to compare: %(least)s to %(most)s of one lab.")
        words = {"least": selectors.MIN_COMPARED, "most": selectors.MAX_COMPARED}
        raise BadRequest(text % words, page=reverse("experiments:runs"))
    pks = []
    for text in texts:
        try:
            pks.append(UUID(text))
        except ValueError:
            shown = displayable(text)[:MAX_SHOWN_ID_CHARS]
            message = _("“%(id)s” is not the ID of a run, which has 32 digits and letters a to f.")
            raise BadRequest(message % {"id": shown}) from None
    return pks


def _access(request: HttpRequest, runs: list[Run]) -> tuple[Run | None, set[UUID]]:
    """Return the recorded run as a baseline, if there is one that the reader may see, and that
    gives nothing of a run away that is still going on; and the keys of the runs whose verdicts the
    reader may see.
    """
    standard = selectors.standard_run(runs[0].version.lab_id)
    gives_away = any(run.at_defaults and not run.is_over for run in runs)
    if standard and (gives_away or standard.pk in {run.pk for run in runs}):
        standard = None
    asked = [*runs, standard] if standard else runs
    readable = selectors.readable_runs(reader_of(request), asked)
    return standard if standard and standard.pk in readable else None, readable


def _chart(request: HttpRequest, runs: list[Run], baseline: Run | None) -> dict[str, Any]:
    """Return the chart that is asked for, else the first, and which there are."""
    specs = comparison.figure_specs(runs)
    arms = selectors.arms_of(runs, sorted({spec["series"] for spec in specs}))
    charts = comparison.charts(specs, arms, runs)
    if not charts:
        return {}
    asked = clean(request.GET.get("curve", ""))
    chart = next((chart for chart in charts if chart.key == asked), charts[0])
    spec, drawn = chart.spec, [*runs, baseline] if baseline else runs
    points = selectors.points_together(drawn, spec["series"], chart.arm)
    curves = comparison.by_run(points, runs)
    base = list(points.get(baseline.pk, ())) if baseline else []
    base = comparison.beside_each(base, runs if spec["kind"] == "bars" else runs[:1])
    return {
        "chart": chart,
        "charts": charts,
        "figure": svg_charts.render(spec, curves, base),
        "rows": svg_charts.rows(spec, curves),  # of those that have measured something
        "colours": comparison.line_colours(spec, curves),
        "base_value": _last_value(spec, base),
        "script": _for_script(chart, runs, baseline),
    }


def _last_value(spec: Mapping[str, Any], base: comparison.Curves) -> str:
    """Return what the baseline came to, as the chart writes numbers."""
    rows = svg_charts.rows(spec, base)
    return str(rows[0]["value"]) if rows else ""


def _for_script(chart: comparison.Chart, runs: list[Run], baseline: Run | None) -> dict[str, Any]:
    """Return the config of the page's script."""
    query = urlencode({"series": chart.spec["series"]})
    along = pgettext("epochs, rounds", "Value at {x}") if chart.spec["to"] else _("Value at {x}")

    def points(run: Run) -> str:
        return f"{reverse('experiments:run-points', args=[run.pk])}?{query}"

    return {
        "spec": chart.spec,
        "arm": chart.arm,
        "runs": [{"id": str(run.pk), "points": points(run)} for run in runs],
        "baseline": points(baseline) if baseline else None,
        "say": {
            "reading": _("{x} {step}: {values}"),
            "along": along.replace("{x}", chart.spec["x"]),
        },
    }
