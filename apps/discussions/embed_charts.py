"""The small charts of cited runs and points: measured curves with their bands, and a point marked.

A run that has ended draws the same chart for everybody who may see it: it is kept in the memory of
the process (the cache `charts`), so that another version of the renderer begins with none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import caches
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.discussions.citations import Cited, Kind
from apps.experiments import chart_specs, selectors, series, svg_charts
from apps.experiments.models import Run
from apps.experiments.presenters import number, span
from apps.experiments.svg_charts import Curves, Mark, Spec

CACHE = "charts"
MAX_PAIRS = 40  # min-max pairs of a line: a small chart shows no more


@dataclass(frozen=True)
class Chart:
    """A chart as it is shown. Without points there is a title alone."""

    title: str
    svg: SafeString
    point: str = ""  # the cited point in words
    value: str = ""
    interval: str = ""
    is_missing: bool = False  # the run has no such point


def charts(wanted: Iterable[tuple[Run, Cited]]) -> dict[Cited, Chart]:
    """Return the chart of each citation of a run or a point, by one query at most.

    Args:
        wanted: runs with their words and labs, whose points the reader may see.
    """
    runs = {cited: run for run, cited in wanted}
    keys = {cited: _key(run, cited) for cited, run in runs.items()}
    cached = caches[CACHE].get_many(list(keys.values()))
    kept = {cited: cached[key] for cited, key in keys.items() if key in cached}
    specs = {cited: _spec(run, cited) for cited, run in runs.items() if cited not in kept}
    points = selectors.whole_curves(
        {(cited.run, spec["series"]) for cited, spec in specs.items() if spec}
    )
    drawn = {
        cited: _chart(runs[cited], cited, spec, points.get(cited.run, []))
        for cited, spec in specs.items()
    }
    ended = {keys[cited]: chart for cited, chart in drawn.items() if runs[cited].is_over}
    caches[CACHE].set_many(ended)
    return kept | drawn


def point_values(wanted: Iterable[Cited]) -> dict[Cited, Mapping[str, float | None] | None]:
    """Return the mean of each cited point, with its interval (`low`, `high`), by one query at most;
    None: the run has no such point.

    Args:
        wanted: citations of points that the reader may see.
    """
    points = list(wanted)
    curves = selectors.whole_curves({(cited.run, cited.series) for cited in points})
    return {cited: _point(cited, curves.get(cited.run, [])) for cited in points}


def _key(run: Run, cited: Cited) -> str:
    """Return by what a chart is kept: it changes with the words of the lab, and when the points of
    an old run are thinned.
    """
    parts = (cited, run.state, run.thinned_at, run.version.words_row.updated_at, get_language())
    return hashlib.sha256(repr([str(part) for part in parts]).encode()).hexdigest()


def _spec(run: Run, cited: Cited) -> dict[str, Any] | None:
    words = run.version.words
    extents = {**run.config, "replicates": run.replicates}  # what `to` of a figure may name
    if cited.kind == Kind.POINT:
        return chart_specs.curve_spec(words, cited.series, cited.arm, extents)
    return chart_specs.first_spec(words, extents)


def _chart(run: Run, cited: Cited, spec: Spec | None, points: Curves) -> Chart:
    if spec is None:
        return Chart("", SafeString())
    if cited.kind == Kind.POINT:
        return _chart_with_point(run, cited, spec, points)
    return Chart(spec["title"], _svg(spec, points))


def _svg(spec: Spec, points: Curves, mark: Mark | None = None) -> SafeString:
    shown = chart_specs.chosen(spec, points)
    if not shown:
        return SafeString()
    thin = [series.thin(dict(curve), MAX_PAIRS) for curve in shown]
    return svg_charts.render(spec, thin, size=svg_charts.SMALL, mark=mark)


def _chart_with_point(run: Run, cited: Cited, spec: Spec, points: Curves) -> Chart:
    point = _point(cited, points)
    if point is None:
        return Chart(spec["title"], SafeString(), is_missing=True)
    value, interval = number(point["mean"]), span(point["low"], point["high"])
    words = _("%(point)s %(value)s") % {"point": point_words(run, cited), "value": value}
    svg = _svg(spec, points, Mark(float(cited.step), point["mean"], words))
    return Chart(spec["title"], svg, point_words(run, cited), value, interval)


def _point(cited: Cited, points: Curves) -> Mapping[str, float | None] | None:
    step = float(cited.step)
    for curve in points:
        if (curve["arm"], curve["series"]) == (cited.arm, cited.series) and step in curve["step"]:
            n = curve["step"].index(step)
            sides = ("mean", "low", "high")
            return {side: curve[side][n] if n < len(curve[side]) else None for side in sides}
    return None


def point_words(run: Run, cited: Cited) -> str:
    """Return where a point stands: its arm, its step and its series, without its value."""
    words = run.version.words
    spec = chart_specs.curve_spec(words, cited.series, cited.arm, run.config)
    return _("%(arm)s, %(x)s %(step)s: %(series)s") % {
        "arm": spec["labels"].get(cited.arm, cited.arm),
        "x": spec["x"],
        "step": number(float(cited.step), ".6g"),
        "series": chart_specs.series_name(words, cited.series),
    }
