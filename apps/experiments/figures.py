"""Figures as SVG: what a page shows before, or without, its script. Colours come from the
stylesheet, so both themes read.

A figure's text alternative is its title and where each line ends; numbers are in a table beside it
(`rows`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.experiments.plots import Newest, fits, newest
from apps.experiments.shown import number, span

Spec = Mapping[str, Any]  # as plots.figure_specs makes them
# {arm, series, step, mean, low, high}, as selectors.points_of gives them
Curves = Sequence[Mapping[str, Any]]
WIDTH, HEIGHT = 860, 330
LEFT, TOP, BOTTOM = 56, 12, 34
# px at the right, for the names at the ends of lines: at least, at most
NAMES, MOST_NAMES = 170, 280
HANDS = 7  # colours of measured lines in the stylesheet
MOST = 300  # points drawn of a line: a screen shows no more
LINE = 16  # px between two names
MOST_LINES = 3  # of a name
WORD = re.compile(
    r"(?:[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+)[，。、：；！？）]*\s*"
)


@dataclass(frozen=True)
class Frame:
    """Where numbers lie on the paper."""

    x0: float
    x1: float
    y0: float
    y1: float
    log_x: bool
    right: float

    def x(self, value: float) -> float:
        a, b, v = (
            math.log10(n) if self.log_x else n for n in (self.x0, self.x1, max(value, self.x0))
        )
        return LEFT + (self.right - LEFT) * (v - a) / ((b - a) or 1)

    def y(self, value: float) -> float:
        inside = min(self.y1, max(self.y0, value))  # a band may reach beyond the paper
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (inside - self.y0) / (self.y1 - self.y0))


def step_of(distance: float, count: int) -> float:
    """Return the step (1, 2 or 5 times a power of ten) that cuts `distance` into about `count`
    pieces.
    """
    power = 10.0 ** math.floor(math.log10(distance / count))
    return next((n * power for n in (1, 2, 5) if n * power >= distance / count * 0.999), 10 * power)


def ticks(low: float, high: float, count: int) -> list[float]:
    step = step_of((high - low) or 1.0, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def around(low: float, high: float) -> tuple[float, float]:
    """Return a range around both that begins and ends on a tick."""
    if not low < high:
        low, high = low - 0.5, high + 0.5
    step = step_of(high - low, 6)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def reach(means: Sequence[float], edges: Sequence[float]) -> tuple[float, float]:
    """Return what a scale must reach: all means, of the bands what crushes no line, nothing below
    zero where no mean is.
    """
    low, high = min(means), max(means)
    room = (high - low) / 2
    least, most = (
        max(low - room, min(edges, default=low)),
        min(high + room, max(edges, default=high)),
    )
    return (max(0.0, min(low, least)) if low >= 0 else min(low, least)), max(high, most)


def chosen(spec: Spec, points: Curves) -> list[Mapping[str, Any]]:
    """Return the curves that a figure shows: its patterns' order first, then as they came."""
    mine = [curve for curve in points if curve["series"] == spec["series"]]
    order = [curve for pattern in spec["arms"] for curve in mine if fits(curve["arm"], [pattern])]
    return list({curve["arm"]: curve for curve in order}.values())


def draw(spec: Spec, points: Curves, baseline: Curves = ()) -> SafeString:
    """Return a figure of `points`, the baseline thin and in ink beside it."""
    return (
        bars(spec, points, baseline) if spec["kind"] == "bars" else curves(spec, points, baseline)
    )


def alternative(spec: Spec, points: Curves) -> str:
    """Return in words what a figure shows."""
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
    """Return a figure as a table: each arm with its last value, interval, and what the baseline and
    the learner said.
    """
    known, base = newest(points, spec["series"]), newest(baseline, spec["series"])
    arms = [curve["arm"] for curve in chosen(spec, points)]
    arms += [
        arm
        for arm in spec["arms"]
        if "*" not in arm and arm not in arms and (arm in base or arm in spec["drawing"])
    ]
    return [_row(spec, arm, known.get(arm), base.get(arm)) for arm in arms]


def _row(spec: Spec, arm: str, now: Newest | None, base: Newest | None) -> dict[str, Any]:
    return {
        "arm": arm,
        "name": spec["labels"].get(arm, arm),
        "value": number(now.mean) if now else "–",
        "interval": span(now.low, now.high) if now else "",
        "baseline": number(base.mean) if base else "",
        "drawn": number(spec["drawing"].get(arm)) if arm in spec["drawing"] else "",
    }


# ---------------------------------------------------------------- curves


def curves(spec: Spec, points: Curves, baseline: Curves = ()) -> SafeString:
    own, base = chosen(spec, points), chosen(spec, baseline)
    frame = _frame(spec, [*own, *base])
    body = [
        _paper(
            frame, ticks(frame.x0, frame.x1, 10) if not frame.log_x else decades(frame.x0, frame.x1)
        )
    ]
    body += [f'<path class="l-base" d="{_path(frame, curve)}"/>' for curve in base]
    for n, curve in enumerate(own):
        body.append(f'<path class="band b{n % HANDS}" d="{_band(frame, curve)}"/>')
        body.append(f'<path class="line a{n % HANDS}" d="{_path(frame, curve)}"/>')
    for value in spec["drawing"].values():
        body.append(
            f'<path class="l-pred" d="M{frame.right - 40:.0f} '
            f'{frame.y(value):.1f}H{frame.right:.0f}"/>'
        )
    body.append(_names(spec, frame, own))
    body.append(f'<text class="unit" x="{LEFT + 8}" y="{TOP + 16}">{escape(spec["unit"])}</text>')
    body.append(
        f'<text class="unit beside" x="{frame.right + 24:.0f}" '
        f'y="{HEIGHT - BOTTOM + 20}">{escape(spec["x"])}</text>'
    )
    return _svg(spec, points, body)


def _frame(spec: Spec, shown: Curves) -> Frame:
    steps = [
        s
        for curve in shown
        for s in curve["step"]
        if s is not None and (s > 0 or not spec["log_x"])
    ]
    means = [v for curve in shown for v in curve["mean"] if v is not None] + [
        *spec["drawing"].values(),
        *(spec["y"] or []),
    ]
    edges = [
        v
        for curve in shown
        for side in ("low", "high")
        for v in curve[side]
        if v is not None and not spec["y"]
    ]
    low, high = min(steps, default=1.0 if spec["log_x"] else 0.0), max(steps, default=10.0)
    y0, y1 = around(*reach(means, edges)) if means else (0.0, 1.0)
    longest = max(
        (wide(spec["labels"].get(curve["arm"], curve["arm"])) for curve in shown), default=0.0
    )
    names = min(MOST_NAMES, max(NAMES, 70 + 1.1 * longest))  # and their numbers
    return Frame(low, max(high, spec["to"] or high), y0, y1, bool(spec["log_x"]), WIDTH - names)


def decades(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [10.0**power for power in powers if low <= 10.0**power <= high]


def _paper(frame: Frame, columns: Sequence[float]) -> str:
    """Graph paper whose squares are real units."""
    down, foot = ticks(frame.y0, frame.y1, 6), HEIGHT - BOTTOM
    fine_y = ticks(frame.y0, frame.y1, 30)
    fine_x = columns if frame.log_x else ticks(frame.x0, frame.x1, 50)
    parts = [_grid("minor", frame, fine_x, fine_y), _grid("major", frame, columns, down)]
    parts += [
        f'<text class="tick" x="{LEFT - 8}" y="{frame.y(v) + 4:.1f}">{number(v, "g")}</text>'
        for v in down
    ]
    parts += [
        f'<text class="tick mid" x="{frame.x(v):.1f}" y="{foot + 20}">{number(v, "g")}</text>'
        for v in columns
    ]
    return "".join(parts)


def _grid(name: str, frame: Frame, xs: Iterable[float], ys: Iterable[float]) -> str:
    lines = [f"M{frame.x(v):.1f} {TOP}V{HEIGHT - BOTTOM}" for v in xs] + [
        f"M{LEFT} {frame.y(v):.1f}H{frame.right:.0f}" for v in ys
    ]
    return f'<path class="{name}" d="{"".join(lines)}"/>'


def _thin(curve: Mapping[str, Any]) -> range:
    return range(0, len(curve["step"]), max(1, len(curve["step"]) // MOST))


def _path(frame: Frame, curve: Mapping[str, Any]) -> str:
    pieces, pen = [], "M"
    for n in sorted({*_thin(curve), len(curve["step"]) - 1}):
        step, value = curve["step"][n], curve["mean"][n]
        if step is None or value is None or (frame.log_x and step <= 0):
            pen = "M"
            continue
        pieces.append(f"{pen}{frame.x(step):.1f} {frame.y(value):.1f}")
        pen = "L"
    return "".join(pieces)


def _band(frame: Frame, curve: Mapping[str, Any]) -> str:
    sides = [
        [
            (curve["step"][n], curve[side][n])
            for n in _thin(curve)
            if n < len(curve[side]) and curve[side][n] is not None
        ]
        for side in ("low", "high")
    ]
    if not sides[0] or frame.log_x:
        return ""
    outline = sides[0] + sides[1][::-1]
    return (
        "M" + "L".join(f"{frame.x(step):.1f} {frame.y(value):.1f}" for step, value in outline) + "Z"
    )


def _names(spec: Spec, frame: Frame, own: Curves) -> str:
    """Names at the ends of the lines, pushed apart where they would overlap."""
    known = newest(own, spec["series"])
    ends = [
        (frame.y(known[c["arm"]].mean), n, c["arm"]) for n, c in enumerate(own) if c["arm"] in known
    ]
    placed: list[tuple[float, int, str]] = []
    for y, n, arm in sorted(ends):
        placed.append((max(y, placed[-1][0] + LINE) if placed else y, n, arm))
    floor, result = float(HEIGHT - BOTTOM), []
    for y, n, arm in reversed(placed):
        floor = min(y, floor)
        name, value = escape(spec["labels"].get(arm, arm)), number(known[arm].mean)
        place = f'x="{frame.right + 10:.0f}" y="{floor + 4:.1f}"'
        result.append(
            f'<text class="end-name t{n % HANDS}" {place}><tspan>{name}</tspan> {value}</text>'
        )
        floor -= LINE
    return "".join(result)


# ---------------------------------------------------------------- bars


def bars(spec: Spec, points: Curves, baseline: Curves = ()) -> SafeString:
    shown, known, base = (
        rows(spec, points, baseline),
        newest(points, spec["series"]),
        newest(baseline, spec["series"]),
    )
    if not shown:  # nothing yet: the places of the arms that are known by name
        shown = [_row(spec, arm, None, None) for arm in spec["arms"] if "*" not in arm]
    means = [one.mean for one in [*known.values(), *base.values()]] + [
        *spec["drawing"].values(),
        *(spec["y"] or [spec["foot"]]),
    ]
    edges = [
        v for one in known.values() for v in (one.low, one.high) if v is not None and not spec["y"]
    ]
    low, high = reach(means, edges)
    # room for the number over the tallest bar
    y0, y1 = around(low, high if spec["y"] else high + (high - low) / 12)
    frame = Frame(0, 1, y0, y1, False, WIDTH - 16)
    body, slot = [_paper(frame, [])], (frame.right - LEFT) / max(1, len(shown))
    names = [broken(row["name"], slot) for row in shown]
    for n, row in enumerate(shown):
        drawn = spec["drawing"].get(row["arm"])
        body.append(
            _bar(
                frame,
                LEFT + slot * n,
                slot,
                known.get(row["arm"]),
                drawn,
                base.get(row["arm"]),
                spec["foot"],
            )
        )
        body.append(_name(LEFT + slot * (n + 0.5), names[n]))
    if y0 < spec["foot"] < y1:
        body.append(
            f'<path class="foot" d="M{LEFT} {frame.y(spec["foot"]):.1f}H{frame.right:.0f}"/>'
        )
    body.append(f'<text class="unit" x="{LEFT + 8}" y="{TOP + 16}">{escape(spec["unit"])}</text>')
    return _svg(
        spec, points, body, HEIGHT + LINE * max((len(lines) - 1 for lines in names), default=0)
    )


def broken(text: str, slot: float) -> list[str]:
    """Return a name in as many lines as fit its slot (px); Chinese may break anywhere."""
    lines: list[str] = []
    for word in WORD.findall(text):
        if len(lines) == MOST_LINES or (lines and wide(lines[-1] + word) <= slot - 4):
            lines[-1] += word
        else:
            lines.append(word)
    return [line.strip() for line in lines] or [text]


def wide(text: str) -> float:
    return sum(12.5 if c > "\u2fff" else 6.4 for c in text.strip())


def _name(x: float, lines: Sequence[str]) -> str:
    pieces = "".join(
        f'<tspan x="{x:.1f}" dy="{LINE if n else 0}">{escape(line)}</tspan>'
        for n, line in enumerate(lines)
    )
    return f'<text class="name" x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}">{pieces}</text>'


def _bar(
    frame: Frame,
    x: float,
    slot: float,
    now: Newest | None,
    drawn: float | None,
    base: Newest | None,
    foot: float,
) -> str:
    """Return one arm: what was measured, drawn and recorded, standing on `foot` (a ratio stands on
    1).
    """
    wide = min(slot * 0.62, 96)
    left, middle, zero = (
        x + (slot - wide) / 2,
        x + slot / 2,
        frame.y(min(max(foot, frame.y0), frame.y1)),
    )
    parts = []
    if now:
        parts.append(_box("measured", left + wide * 0.12, wide * 0.76, frame.y(now.mean), zero))
        if drawn is not None:
            parts.append(_box("gap", left, wide, frame.y(now.mean), frame.y(drawn)))
        if now.low is not None and now.high is not None:
            parts.append(
                f'<path class="whisker" d="M{middle - 6:.1f} {frame.y(now.low):.1f}h12m-6 '
                f'0V{frame.y(now.high):.1f}m-6 0h12"/>'
            )
        top = frame.y(
            max(
                v for v in (now.mean, now.high, drawn, base.mean if base else None) if v is not None
            )
        )
        parts.append(
            f'<text class="value" x="{middle:.1f}" '
            f'y="{max(TOP + 10, top - 7):.1f}">{number(now.mean)}</text>'
        )
    if base:
        parts.append(f'<path class="base" d="M{left:.1f} {frame.y(base.mean):.1f}h{wide:.1f}"/>')
    if drawn is not None:
        parts.append(_box("drawn", left, wide, frame.y(drawn), zero))
    return "".join(parts)


def _box(name: str, x: float, width: float, a: float, b: float) -> str:
    fill = ' fill="url(#hatch)"' if name == "gap" else ""
    return (
        f'<rect class="{name}"{fill} x="{x:.1f}" width="{width:.1f}" y="{min(a, b):.1f}" '
        f'height="{max(0.5, abs(a - b)):.1f}"/>'
    )


HATCH = (
    '<defs><pattern id="{}" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)">'
    '<path class="hatch" d="M0 0V7"/></pattern></defs>'
)


def _svg(spec: Spec, points: Curves, body: Sequence[str], height: int = HEIGHT) -> SafeString:
    drawing = "".join(body)
    if "url(#hatch)" in drawing:  # a page has several figures: each its own hatch
        name = "hatch-" + "".join(c if c.isalnum() else "-" for c in spec["series"])
        drawing = HATCH.format(name) + drawing.replace("url(#hatch)", f"url(#{name})")
    inside = mark_safe(drawing)  # noqa: S308 - numbers of ours, and text that was escaped
    return format_html(
        '<svg class="figure {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        spec["kind"],
        WIDTH,
        height,
        alternative(spec, points),
        inside,
    )
