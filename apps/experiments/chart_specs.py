"""The figures that a lab's words declare, as specs for a page's script and for `svg_charts`. No
queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.common.text import in_language
from apps.experiments.models import Prediction

Words = Mapping[str, Any]  # a lab's .toml


@dataclass(frozen=True)
class Newest:
    """The last finite value of an arm."""

    step: float
    mean: float
    low: float | None
    high: float | None


def newest(points: Sequence[Mapping[str, Any]], series: str) -> dict[str, Newest]:
    """Return the last finite value of each arm of `series`, in the order in which the arms came."""
    values: dict[str, Newest] = {}
    for curve in points:
        if curve["series"] != series:
            continue
        rows = [n for n, mean in enumerate(curve["mean"]) if mean is not None]
        if rows:
            n = rows[-1]
            low, high = (
                curve[side][n] if n < len(curve[side]) else None for side in ("low", "high")
            )
            values[curve["arm"]] = Newest(curve["step"][n], curve["mean"][n], low, high)
    return values


def patterns(raw: Any) -> list[str]:
    """Return a figure's arms as a list of patterns, in which * matches anything."""
    return [raw] if isinstance(raw, str) else list(raw or ["*"])


def fits(arm: str, wanted: Sequence[str]) -> bool:
    return any(fnmatchcase(arm, pattern.replace("[", "[[]")) for pattern in wanted)


def chosen(spec: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the curves that a figure shows: its patterns' order first, then as they came."""
    mine = [curve for curve in points if curve["series"] == spec["series"]]
    order = [curve for pattern in spec["arms"] for curve in mine if fits(curve["arm"], [pattern])]
    return list({curve["arm"]: curve for curve in order}.values())


def arm_labels(words: Words, arms: Iterable[str]) -> dict[str, str]:
    labels = words.get("arms", {})
    return {arm: in_language(labels.get(arm, {})) or arm for arm in arms}


def figure_specs(
    words: Words, config: Mapping[str, Any], prediction: Prediction | None = None
) -> list[dict[str, Any]]:
    """Return a spec for each of the lab's figures; one for the sketched series is added where the
    lab declares none.
    """
    predict = words.get("predict", {})
    specs = [_spec(words, figure, config, prediction) for figure in words.get("figures", [])]
    has_sketch = prediction and prediction.sketch and predict.get("form") == "bars"
    if has_sketch and not any(
        spec["kind"] == "bars" and spec["series"] == predict["series"] for spec in specs
    ):
        beside = _spec(
            words,
            {"kind": "bars", "series": predict["series"], "arms": predict["arms"]},
            config,
            prediction,
        )
        specs.insert(
            1,
            beside | {"title": _("%(title)s, next to the sketch") % {"title": beside["title"]}},
        )
    return specs


def first_spec(words: Words, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the spec of the figure that stands for a run: the first with curves, else the first;
    None where the lab has no figures.
    """
    figures = words.get("figures", [])
    curves = (figure for figure in figures if figure.get("kind", "curves") == "curves")
    figure = next(curves, figures[0] if figures else None)
    return _spec(words, figure, config, None) if figure else None


def curve_spec(words: Words, series: str, arm: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of the first figure with curves of a series that shows an arm; where there is
    none, of that curve alone.
    """
    for figure in words.get("figures", []):
        is_of_series = (figure.get("kind", "curves"), figure["series"]) == ("curves", series)
        if is_of_series and fits(arm, patterns(figure.get("arms"))):
            return _spec(words, figure, config, None)
    return _spec(words, {"series": series, "arms": [arm]}, config, None)


def series_name(words: Words, series: str) -> str:
    """Return a series in words; its name where the lab has none for it."""
    return in_language(words.get("series", {}).get(series, {})) or series


def prediction_spec(words: Words) -> dict[str, Any] | None:
    """Return the spec of the figure to sketch on; None where the lab asks for no sketch."""
    predict = words.get("predict", {})
    if predict.get("form") != "bars":
        return None
    return _spec(
        words, {"kind": "bars", "series": predict["series"], "arms": predict["arms"]}, {}, None
    )


def _spec(
    words: Words, figure: Words, config: Mapping[str, Any], prediction: Prediction | None
) -> dict[str, Any]:
    predict, series = words.get("predict", {}), str(figure["series"])
    about = words.get("series", {}).get(series, {})
    predicted = predict.get("series") == series
    end = figure.get("to")
    limits = predict.get("range") if predicted else None
    limits = limits or about.get("range")
    return {
        "kind": figure.get("kind", "curves"),
        "series": series,
        "arms": patterns(figure.get("arms")),
        "title": in_language(figure, "title") or capfirst(in_language(about) or series),
        "unit": in_language(about, "unit"),
        "x": in_language(figure, "x") or _("step"),
        "log_x": bool(figure.get("log_x")),
        "y": list(limits) if limits else None,
        "to": config.get(end) if isinstance(end, str) else end,
        "foot": float(about.get("foot", 0.0)),
        "not_found": about.get("not_found"),
        "not_found_word": _("none found"),
        "sketch": dict(prediction.sketch) if prediction and predicted else {},
        "labels": arm_labels(words, words.get("arms", {})),
    }
