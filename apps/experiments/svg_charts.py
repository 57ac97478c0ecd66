"""A run's points as SVG charts: what a page shows before, or without, its script.

A chart's text alternative is its title and where each line ends; numbers are in a table beside it
(`rows`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.common.svg_charts import (
    LINE,
    LINE_COLOURS,
    Frame,
    Scale,
    apart,
    around,
    bar,
    broken,
    decades,
    document,
    dot,
    margin,
    onward,
    path,
    px,
    reach,
    settled,
    text,
    text_lines,
    text_width,
    tick_labels,
    ticks,
)
from apps.common.text import join_sentences
from apps.experiments.chart_specs import Newest, chosen, newest
from apps.experiments.presenters import number, span

Spec = Mapping[str, Any]  # as chart_specs.figure_specs returns them
# {arm, series, step, mean, low, high}, as selectors.points_of returns them
Curves = Sequence[Mapping[str, Any]]
WIDTH, HEIGHT = 860, 330
LEFT, TOP, BOTTOM = 56, 12, 34
MIN_NAME_WIDTH, MAX_NAME_WIDTH = 170, 280  # px at the right, for names at the ends of lines
MAX_LINE_POINTS = 150  # of one line: what is seen before the script draws all, or without
MAX_SMALL_NAMES = 10  # of lines, that fit beside a small chart
PHONE = 1.3  # how much larger letters in a small chart are on a phone, where the chart shrinks
BOLD = 1.15  # how much wider a name in a small chart is, bold and of 13 px, than `text_width` says


@dataclass(frozen=True)
class Size:
    """How large a chart is drawn (px), and how much stands on its paper."""

    width: int
    height: int
    left: int  # at least, for the numbers at the axis
    names: tuple[int, int]  # at least and at most, at the right
    columns: int  # about how many ticks
    rows: int
    is_small: bool = False

    @property
    def css_class(self) -> str:
        return " small" if self.is_small else ""


PAGE = Size(WIDTH, HEIGHT, LEFT, (MIN_NAME_WIDTH, MAX_NAME_WIDTH), 10, 6)
SMALL = Size(440, 200, 40, (70, 180), 5, 4, is_small=True)


@dataclass(frozen=True)
class Mark:
    """A point to point at."""

    step: float
    value: float | None
    words: str  # for the text alternative


def render(
    spec: Spec,
    points: Curves,
    baseline: Curves = (),
    *,
    size: Size = PAGE,
    mark: Mark | None = None,
) -> SafeString:
    """Return a figure of `points`, and of the baseline in a thin line or mark.

    Args:
        mark: a point of a figure with curves.
    """
    if spec["kind"] == "bars":
        return bars(spec, points, baseline, size=size)
    return curves(spec, points, baseline, size=size, mark=mark)


def alternative(spec: Spec, points: Curves) -> str:
    """Return the text alternative of a figure."""
    title = (
        _("%(title)s, by %(x)s.") % {"title": spec["title"], "x": spec["x"]}
        if spec["kind"] == "curves"
        else f"{spec['title']}."
    )
    ends = [
        _("%(arm)s: %(value)s") % {"arm": row["name"], "value": row["value"]}
        for row in rows(spec, points)
    ]
    return " ".join(
        [
            title,
            _("No measurements yet.")
            if not ends
            else _("At the end: %(ends)s.") % {"ends": "; ".join(ends)},
        ]
    )


def rows(spec: Spec, points: Curves, baseline: Curves = ()) -> list[dict[str, Any]]:
    """Return a figure as a table: each arm with its last value, its interval, the baseline's value
    and the sketched one.
    """
    measured, base = newest(points, spec["series"]), newest(baseline, spec["series"])
    arms = [curve["arm"] for curve in chosen(spec, points)]
    arms += [
        arm
        for arm in spec["arms"]
        if "*" not in arm and arm not in arms and (arm in base or arm in spec["sketch"])
    ]
    size = _size(measured.values())
    return [_row(spec, arm, measured.get(arm), base.get(arm), size) for arm in arms]


def _size(values: Iterable[Newest]) -> float:
    """Return the size of the largest value."""
    return max((abs(one.mean) for one in values), default=0.0)


def _value(spec: Spec, value: float, size: float) -> str:
    """Return a value as a chart writes it, beside others of a size."""
    if value == spec.get("not_found"):
        return str(spec["not_found_word"])
    return number(settled(value, size))


def _row(
    spec: Spec, arm: str, now: Newest | None, base: Newest | None, size: float = 0.0
) -> dict[str, Any]:
    return {
        "arm": arm,
        "name": spec["labels"].get(arm, arm),
        "value": _value(spec, now.mean, size) if now else "–",
        "interval": span(now.low, now.high) if now else "",
        "baseline": _value(spec, base.mean, size) if base else "",
        "drawn": number(spec["sketch"].get(arm)) if arm in spec["sketch"] else "",
    }


# ---------------------------------------------------------------- curves


def curves(
    spec: Spec,
    points: Curves,
    baseline: Curves = (),
    *,
    size: Size = PAGE,
    mark: Mark | None = None,
) -> SafeString:
    measured, base = chosen(spec, points), chosen(spec, baseline)
    frame = _frame(spec, [*measured, *base], size)
    scale = frame.x
    columns = (decades if scale.log else ticks)(scale.low, scale.high, size.columns)
    fine = columns if scale.log else ticks(scale.low, scale.high, 5 * size.columns)
    body = _paper(frame, columns, fine, size)
    body += [path("l-base", _line(frame, curve)) for curve in base]
    for n, curve in enumerate(measured):
        body.append(path(f"band b{n % LINE_COLOURS}", _band(frame, curve)))
        body.append(path(f"line a{n % LINE_COLOURS}", _line(frame, curve)))
    for value in spec["sketch"].values():
        body.append(path("l-pred", f"M{frame.right - 40} {frame.y(value):.1f}H{frame.right}"))
    if mark is not None:
        body += _marked(frame, mark)
    body += _names(spec, frame, measured, size)
    body.append(text("unit", frame.left + 8, TOP + 16, spec["unit"]))
    body.append(text("unit beside", frame.right + 24, frame.foot + 20, spec["x"]))
    label = alternative(spec, points)
    if mark is not None:
        label = join_sentences(label, _("Marked: %(point)s.") % {"point": mark.words})
    return document(f"figure curves{size.css_class}", size.width, size.height, label, body)


def _marked(frame: Frame, mark: Mark) -> list[str]:
    if not frame.x.has(mark.step):
        return []
    x = frame.x(mark.step)
    parts = [path("guide", f"M{x:.1f} {px(frame.top)}V{px(frame.foot)}")]
    if mark.value is not None and frame.y.has(mark.value):
        parts.append(dot(x, frame.y(mark.value), 5, "marked"))
    return parts


def _frame(spec: Spec, shown: Curves, size: Size) -> Frame:
    log = bool(spec["log_x"])
    steps = [s for curve in shown for s in curve["step"] if s is not None and (s > 0 or not log)]
    means = [v for curve in shown for v in curve["mean"] if v is not None] + [
        *spec["sketch"].values(),
        *(spec["y"] or []),
    ]
    edges = [
        v
        for curve in shown
        for side in ("low", "high")
        for v in curve[side]
        if v is not None and not spec["y"]
    ]
    low, high = min(steps, default=1.0 if log else 0.0), max(steps, default=10.0)
    high = max(high, spec["to"] or high)
    y0, y1 = around(*reach(means, edges)) if means else (0.0, 1.0)
    longest = max(
        (text_width(spec["labels"].get(curve["arm"], curve["arm"])) for curve in shown),
        default=0.0,
    )
    least, most = size.names
    # and their numbers
    right = size.width - round(min(most, max(least, 70 + 1.1 * longest)))
    x0, x1 = (low, high) if log else onward(low, high)
    numbers = tick_labels(ticks(y0, y1, size.rows))
    left = margin(numbers, size.left)
    if size.is_small:
        left = max(left, round(PHONE * max(map(text_width, numbers), default=0.0)) + 10)
    return Frame(Scale(x0, x1, left, right, log), Scale(y0, y1, size.height - BOTTOM, TOP))


def _paper(frame: Frame, columns: Sequence[float], fine: Sequence[float], size: Size) -> list[str]:
    low, high = frame.y.low, frame.y.high
    rows = ticks(low, high, size.rows)
    return [
        frame.grid("minor", fine, ticks(low, high, 5 * size.rows)),
        frame.grid("major", columns, rows),
        *frame.row_labels(rows, tick_labels(rows)),
        *frame.column_labels(columns, tick_labels(columns)),
    ]


def _thin(curve: Mapping[str, Any]) -> range:
    return range(0, len(curve["step"]), max(1, len(curve["step"]) // MAX_LINE_POINTS))


def _line(frame: Frame, curve: Mapping[str, Any]) -> str:
    places = sorted({*_thin(curve), len(curve["step"]) - 1})
    return frame.line((curve["step"][n], curve["mean"][n]) for n in places)


def _band(frame: Frame, curve: Mapping[str, Any]) -> str:
    if frame.x.log:
        return ""
    low, high = (
        [(curve["step"][n], curve[side][n]) for n in _thin(curve) if n < len(curve[side])]
        for side in ("low", "high")
    )
    return frame.band(low, high)


def _names(spec: Spec, frame: Frame, measured: Curves, size: Size) -> list[str]:
    """Names at the ends of the lines, pushed apart where they would overlap."""
    values = newest(measured, spec["series"])
    if size.is_small and len(values) > MAX_SMALL_NAMES:
        return []
    ends = sorted(
        (frame.y(values[curve["arm"]].mean), n, curve["arm"])
        for n, curve in enumerate(measured)
        if curve["arm"] in values
    )
    result = []
    size_of_values = _size(values.values())
    heights = apart([y for y, _n, _arm in ends], float(frame.foot))
    for y, (_y, n, arm) in zip(heights, ends, strict=True):
        label, value = spec["labels"].get(arm, arm), _value(spec, values[arm].mean, size_of_values)
        if size.is_small:  # on a phone the name stands alone, in larger letters
            room = size.width - frame.right - 12
            beside_value = room / BOLD - text_width(f"{value}0")
            label = _cut(label, min(beside_value, room / (BOLD * PHONE)))
            value = f'<tspan class="end-value">{value}</tspan>'
        name = escape(label)
        place = f'x="{frame.right + 10}" y="{y + 4:.1f}"'
        result.append(
            f'<text class="end-name t{n % LINE_COLOURS}" {place}>'
            f"<tspan>{name}</tspan> {value}</text>"
        )
    return result


def _cut(name: str, room: float) -> str:
    """Return a name that is no wider than `room` (px): its middle is left out, since the ends tell
    names apart.
    """
    if text_width(name) <= room:
        return name
    kept = len(name) - 1
    while kept > 1 and text_width(_ends(name, kept)) > room:
        kept -= 1
    return _ends(name, kept)


def _ends(name: str, kept: int) -> str:
    tail = kept // 2
    return f"{name[: kept - tail].rstrip()}…{name[len(name) - tail :].lstrip()}"


# ---------------------------------------------------------------- bars


def bars(spec: Spec, points: Curves, baseline: Curves = (), *, size: Size = PAGE) -> SafeString:
    shown = rows(spec, points, baseline)
    measured, base = newest(points, spec["series"]), newest(baseline, spec["series"])
    if not shown:  # no points yet: the arms that the spec names
        shown = [_row(spec, arm, None, None) for arm in spec["arms"] if "*" not in arm]
    bounds = [one.mean for one in [*measured.values(), *base.values()]]
    means = [mean for mean in bounds if mean != spec.get("not_found")] + [
        *spec["sketch"].values(),
        *(spec["y"] or [spec["foot"]]),
    ]
    edges = [
        v
        for one in measured.values()
        for v in (one.low, one.high)
        if v is not None and not spec["y"]
    ]
    low, high = reach(means, edges)
    # room for the number over the tallest bar
    y0, y1 = around(low, high if spec["y"] else high + (high / 12 - low / 12))
    left = margin(tick_labels(ticks(y0, y1, size.rows)), size.left)
    x, y = Scale(0, 1, left, size.width - 16), Scale(y0, y1, size.height - BOTTOM, TOP)
    frame, slot = Frame(x, y), (x.end - left) / max(1, len(shown))
    body = _paper(frame, [], ticks(0, 1, 5 * size.columns), size)
    names = [broken(row["name"], slot) for row in shown]
    for n, row in enumerate(shown):
        arm, begin = row["arm"], left + slot * n
        drawn = spec["sketch"].get(arm)
        body += _bar(
            spec, frame, begin, slot, measured.get(arm), drawn, base.get(arm), row["value"]
        )
        body.append(text_lines("name", begin + slot / 2, frame.foot + 20, names[n]))
    if y0 < spec["foot"] < y1:
        body.append(frame.grid("foot", [], [spec["foot"]]))
    body.append(text("unit", left + 8, TOP + 16, spec["unit"]))
    height = size.height + LINE * max((len(lines) - 1 for lines in names), default=0)
    label, parts = alternative(spec, points), _hatched(spec, body)
    return document(f"figure bars{size.css_class}", size.width, height, label, parts)


def _bar(
    spec: Spec,
    frame: Frame,
    x: float,
    slot: float,
    now: Newest | None,
    drawn: float | None,
    base: Newest | None,
    value: str,
) -> list[str]:
    """Return the bars of one arm, measured, sketched and recorded, which stand on the `foot` of
    their series (1 for a ratio).

    Args:
        value: what was measured, as it is written at its bar.
    """
    wide = min(slot * 0.62, 96)
    left, middle, zero = x + (slot - wide) / 2, x + slot / 2, frame.y(spec["foot"])
    none = spec.get("not_found")
    parts = []
    if now and now.mean == none:
        parts.append(text("value none", middle, zero - 7, value))
    elif now:
        parts.append(bar("measured", left + wide * 0.12, wide * 0.76, frame.y(now.mean), zero))
        if drawn is not None:
            parts.append(bar("gap", left, wide, frame.y(now.mean), frame.y(drawn), "url(#hatch)"))
        if now.low is not None and now.high is not None:
            whisker = f"M{middle - 6:.1f} {frame.y(now.low):.1f}h12m-6 0V{frame.y(now.high):.1f}"
            parts.append(path("whisker", f"{whisker}m-6 0h12"))
        top = frame.y(now.mean if now.high is None else max(now.mean, now.high))
        parts.append(text("value", middle, max(TOP + 10.0, top - 7), value))
    if base and base.mean != none:
        parts.append(path("base", f"M{left:.1f} {frame.y(base.mean):.1f}h{wide:.1f}"))
    if drawn is not None:
        parts.append(bar("drawn", left, wide, frame.y(drawn), zero))
    return parts


HATCH = (
    '<defs><pattern id="{}" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V7"/></pattern></defs>'
)


def _hatched(spec: Spec, body: Sequence[str]) -> list[str]:
    """Return the parts with their own hatch pattern, if they use it: an id is unique in a page."""
    if not any("url(#hatch)" in part for part in body):
        return list(body)
    name = "hatch-" + "".join(c if c.isalnum() else "-" for c in spec["series"])
    return [HATCH.format(name), *(part.replace("url(#hatch)", f"url(#{name})") for part in body)]
