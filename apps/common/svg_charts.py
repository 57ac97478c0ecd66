"""Charts as SVG for all apps: scales, ticks, axes, lines, bands, bars and labels. Colours come from
the stylesheet by class, for both themes; a chart has a text alternative.

`platform/frontend/js/chart-scale.js` computes the same ticks for charts in the browser; one test
compares both. Numbers may be any finite doubles: a scale ends at `MAX_COORDINATE`, and is wide
enough for its labels to differ.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.common.number_format import significant

MAX_COORDINATE = 5e307  # so that the distance of two ends is finite
MIN_DISTANCE = 1e-300  # of two ends, so that no tick between is a subnormal number
MIN_RELATIVE_DISTANCE = 1e-4  # of two ends, by the larger: their labels of six digits differ
MIN_RELATIVE_STEP = 1e-10  # of two ticks, by the larger end
ROUNDING = 1e-9  # of a step: an end that is this close to a tick is on it
NOISE = 1e-13  # relative to the largest number of a chart: below it there are only rounding errors
TICK_DIGITS = 6
LINE_COLOURS = 8  # of measured lines, in the stylesheet
LINE = 16  # px between two lines of text
MAX_NAME_LINES = 3
WORD = re.compile(
    r"(?:[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+)[，。、：；！？）]*\s*"
)
Point = tuple[float | None, float | None]


# ---------------------------------------------------------------- ticks


def _decimal(n: int, power: int) -> float:
    """Return n times ten to the power, the nearest double: in JavaScript, too."""
    return float(f"{n}e{power}")


def _power_of(value: float) -> int:
    """Return the exponent of a positive number in scientific notation. Logarithms differ between
    machines, digits do not.
    """
    return int(f"{value:.16e}".partition("e")[2])


def _step(low: float, high: float, count: int) -> tuple[int, int]:
    """Return the step (1, 2 or 5, and a power of ten) that makes about `count` pieces."""
    size = max(abs(low), abs(high))
    piece = min(
        max(high / count - low / count, size * MIN_RELATIVE_STEP, MIN_DISTANCE), sys.float_info.max
    )
    power = _power_of(piece)
    return next(
        ((n, power) for n in (1, 2, 5) if _decimal(n, power) >= piece * 0.999), (1, power + 1)
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers from `low` to `high` (1, 2 or 5 times a power of ten apart), in order:
    at least one, at most `count` + 1. Where no round number lies in so narrow a range, it is `low`.
    """
    low, high = min(low, high), max(low, high)
    n, power = _step(low, high, count)
    step = _decimal(n, power)
    first, last = math.ceil(low / step - ROUNDING), math.floor(high / step + ROUNDING)
    return [_decimal(n * k, power) for k in range(first, last + 1)] or [low]


def decades(low: float, high: float, count: int = 10) -> list[float]:
    """Return powers of ten from `low` to `high` (both above zero), evenly spaced: at least one, at
    most `count` + 1. Within one decade these are `ticks`.
    """
    low, high = min(low, high), max(low, high)
    first, last = _power_of(low), _power_of(high) + 1
    every = max(1, math.ceil((last - first) / count))
    powers = range(math.ceil(first / every) * every, last + 1, every)
    return [v for v in (_decimal(1, p) for p in powers) if low <= v <= high] or ticks(
        low, high, count
    )


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return each tick as it is read, with as many digits as tell them apart."""
    for digits in (TICK_DIGITS, 9, 12):
        labels = [significant(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that can be drawn; what is too narrow lies in its middle."""
    low, high = (
        max(min(low, MAX_COORDINATE), -MAX_COORDINATE),
        max(min(high, MAX_COORDINATE), -MAX_COORDINATE),
    )
    size = max(abs(low), abs(high))
    least = max(size * MIN_RELATIVE_DISTANCE, MIN_DISTANCE)
    if high - low >= least:
        return low, high
    half = least / 2
    if low == high:
        half = 0.5 if half < 0.5 else size / 2
    middle = low / 2 + high / 2
    return middle - half, middle + half


def settled(value: float, size: float) -> float:
    """Return `value`, or 0 where it is nothing but a rounding error.

    Args:
        size: of the largest number that it stands beside.
    """
    return 0.0 if abs(value) < abs(size) * NOISE else value


def around(low: float, high: float) -> tuple[float, float]:
    """Return a range around both that begins and ends on a tick."""
    low, high = widened(low, high)
    n, power = _step(low, high, 6)
    step = _decimal(n, power)
    first, last = math.floor(low / step + ROUNDING), math.ceil(high / step - ROUNDING)
    return _decimal(n * first, power), _decimal(n * last, power)


def onward(low: float, high: float) -> tuple[float, float]:
    """Return a range of steps that can be drawn; a single step is its beginning."""
    if low < high:
        return widened(low, high)
    low = max(min(low, MAX_COORDINATE), -MAX_COORDINATE)
    return low, low + max(1.0, abs(low) * MIN_RELATIVE_DISTANCE)


def reach(means: Sequence[float], edges: Sequence[float]) -> tuple[float, float]:
    """Return what a scale must reach: all means, of the bands what crushes no line, nothing below
    zero where no mean is.
    """
    low, high = min(means), max(means)
    room = high / 2 - low / 2
    least = max(low - room, min(edges, default=low))
    most = min(high + room, max(edges, default=high))
    return (max(0.0, min(low, least)) if low >= 0 else min(low, least)), max(high, most)


# ---------------------------------------------------------------- paper


@dataclass(frozen=True)
class Scale:
    """Where numbers from `low` to `high` lie along one side of the paper, from `start` to `end`
    (px); what is beyond stands at the end.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        low, high, at = (
            # halves: the distance of two doubles may be larger than the largest
            (math.log10(number) if self.log else number / 2)
            for number in (self.low, self.high, inside)
        )
        part = (at - low) / ((high - low) or 1)
        return self.start + (self.end - self.start) * part

    def has(self, value: float | None) -> bool:
        """Whether a number has a place on the scale, or beside its ends."""
        return value is not None and math.isfinite(value) and (value > 0 or not self.log)


@dataclass(frozen=True)
class Frame:
    """Graph paper, whose squares are real units; y grows upwards."""

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        return self.x.start

    @property
    def right(self) -> float:
        return self.x.end

    @property
    def top(self) -> float:
        return self.y.end

    @property
    def foot(self) -> float:
        return self.y.start

    def grid(self, name: str, xs: Iterable[float], ys: Iterable[float]) -> str:
        columns = [f"M{self.x(v):.1f} {px(self.top)}V{px(self.foot)}" for v in xs]
        rows = [f"M{px(self.left)} {self.y(v):.1f}H{px(self.right)}" for v in ys]
        return path(name, "".join(columns + rows))

    def row_labels(self, ys: Iterable[float], labels: Iterable[str], gap: int = 8) -> list[str]:
        """Return the labels left of the paper."""
        return [
            text("tick", self.left - gap, self.y(v) + 4, label)
            for v, label in zip(ys, labels, strict=True)
        ]

    def column_labels(self, xs: Iterable[float], labels: Iterable[str], gap: int = 20) -> list[str]:
        """Return the labels below the paper."""
        return [
            text("tick mid", self.x(v), self.foot + gap, label)
            for v, label in zip(xs, labels, strict=True)
        ]

    def line(self, points: Iterable[Point]) -> str:
        """Return the path through points; what is no number interrupts it."""
        pieces, pen = [], "M"
        for x, y in points:
            if x is None or y is None or not (self.x.has(x) and self.y.has(y)):
                pen = "M"
                continue
            pieces.append(f"{pen}{self.x(x):.1f} {self.y(y):.1f}")
            pen = "L"
        return "".join(pieces)

    def band(self, low: Iterable[Point], high: Iterable[Point]) -> str:
        """Return the path around what lies between two lines; nothing where one has no number."""
        sides = [
            [(x, y) for x, y in side if x is not None and self.x.has(x) and y is not None]
            for side in (low, high)
        ]
        if not all(sides):
            return ""
        outline = sides[0] + sides[1][::-1]
        return "M" + "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in outline) + "Z"


# ---------------------------------------------------------------- marks


def px(value: float) -> str:
    """Return a coordinate: one decimal is finer than a screen."""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def path(name: str, d: str) -> str:
    return f'<path class="{name}" d="{d}"/>'


def text(name: str, x: float, y: float, words: str) -> str:
    return f'<text class="{name}" x="{px(x)}" y="{px(y)}">{escape(words)}</text>'


def bar(name: str, x: float, width: float, a: float, b: float, fill: str = "") -> str:
    """Return a bar between two heights (px), never too flat to be seen."""
    filled = f' fill="{fill}"' if fill else ""
    return (
        f'<rect class="{name}"{filled} x="{x:.1f}" y="{min(a, b):.1f}" width="{width:.1f}" '
        f'height="{max(0.5, abs(a - b)):.1f}"/>'
    )


def dot(x: float, y: float, r: float = 3.5, name: str = "") -> str:
    named = f' class="{name}"' if name else ""
    return f'<circle{named} cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>'


def document(
    name: str,
    width: float,
    height: float,
    label: str,
    parts: Iterable[str],
    *,
    is_sized: bool = False,
    language: str = "",
) -> SafeString:
    """Return a chart, with what it shows in words; as large as it was drawn if it is sized, else as
    wide as its place.
    """
    size = format_html(' width="{}" height="{}"', width, height) if is_sized else ""
    lang = format_html(' lang="{}"', language) if language else ""
    return format_html(
        '<svg class="{}"{} viewBox="0 0 {} {}" role="img" aria-label="{}"{}>{}</svg>',
        name,
        size,
        width,
        height,
        label,
        lang,
        mark_safe("".join(parts)),  # noqa: S308 - numbers of ours, and text that was escaped
    )


# ---------------------------------------------------------------- names


def text_width(words: str) -> float:
    """Return about how wide a text is (px, at 12 px): a Chinese character is square."""
    return sum(12.5 if c > "\u2fff" else 6.4 for c in words.strip())


def broken(name: str, slot: float) -> list[str]:
    """Return a name in as many lines as fit its slot (px); Chinese may break anywhere."""
    lines: list[str] = []
    for word in WORD.findall(name):
        fits = bool(lines) and text_width(lines[-1] + word) <= slot - 4
        if fits or len(lines) == MAX_NAME_LINES:
            lines[-1] += word
        else:
            lines.append(word)
    return [line.strip() for line in lines] or [name]


def text_lines(name: str, x: float, y: float, lines: Sequence[str]) -> str:
    pieces = "".join(
        f'<tspan x="{x:.1f}" dy="{LINE if n else 0}">{escape(line)}</tspan>'
        for n, line in enumerate(lines)
    )
    return f'<text class="{name}" x="{x:.1f}" y="{px(y)}">{pieces}</text>'


def margin(labels: Iterable[str], at_least: int) -> int:
    """Return the room (px) left of the paper that its labels need."""
    return max([at_least, *(math.ceil(text_width(label)) + 10 for label in labels)])


def apart(heights: Sequence[float], foot: float) -> list[float]:
    """Return heights (px, from the top down) moved so that no two lines of text overlap, none
    below `foot` as long as there is room above.
    """
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + LINE) if placed else height)
    floor, result = foot, list[float]()
    for height in reversed(placed):
        result.append(min(height, floor))
        floor = result[-1] - LINE
    return result[::-1]
