"""Figures of questions: SVG from computed values, in the colours of the stylesheet, so that both
themes read.

A question's `figure.py` has one function, `figure(draw)`. It asks for axes, puts marks on them, and
says in words what they show:

    axes = draw.axes(x=(0, 1), y=(-2, 1), x_label={"en": "input", "zh": "输入"}, y_label=...)
    axes.line(xs, ys, name={"en": "before", "zh": "更新前"})  # dashed=True: not measured
    axes.points(xs, ys, name=...)
    axes.bars(names, heights)              # a bar for each name ({en, zh}), in place of numbers
    axes.region(y=(-2, 0), label=...)      # a shaded band
    axes.mark(x=0.5, label=...)            # a thin line across, at an x or at a y
    axes.alternative(en="...", zh="...")   # for those who do not see it: what it shows

`figure.py` runs where figures are drawn (`manage.py render_figures`) and in the tests, never in the
web process: the SVGs lie beside it, and are loaded as text. Nothing here needs NumPy; anything that
iterates over numbers will do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.common.number_format import format_number
from apps.common.svg_charts import (
    HANDS,
    Frame,
    Scale,
    bar,
    document,
    dot,
    path,
    text,
    tick_labels,
    ticks,
)

Both = Mapping[str, str]  # {"en", "zh"}
Range = tuple[float, float]
WIDTH, PLOT = 480, 270  # px; narrow, so that its text can be read on a phone
LEFT, RIGHT, ABOVE, BELOW = 52, 14, 28, 44  # around the plot; above it stands what y is
ROW = 19  # px of a line of the legend
SWATCH = 28
MAX_LINE_POINTS = 600  # points of a line
MINUS = re.compile(r"(?<![\w-])-(?=[0-9])", re.ASCII)


class BadFigure(Exception):
    """A figure cannot be drawn; says what is missing or wrong."""


@dataclass
class Axes:
    """A plot on graph paper, whose squares are real units."""

    x: Range
    y: Range
    x_label: Both
    y_label: Both
    marks: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    alternatives: dict[str, str] = field(default_factory=dict)

    def line(
        self, x: Iterable[float], y: Iterable[float], *, name: Both, dashed: bool = False
    ) -> None:
        """Draw a line; values that are not finite interrupt it."""
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        self.marks.append(
            (
                "line",
                (points[:: max(1, len(points) // MAX_LINE_POINTS)], _both(name, "a line"), dashed),
            )
        )

    def points(self, x: Iterable[float], y: Iterable[float], *, name: Both) -> None:
        self.marks.append(
            (
                "points",
                ([(float(a), float(b)) for a, b in zip(x, y, strict=True)], _both(name, "points")),
            )
        )

    def bars(self, names: Sequence[Both], heights: Iterable[float]) -> None:
        """Draw a bar for each name, over the whole width; the numbers along x are then left out."""
        values = [float(height) for height in heights]
        if len(values) != len(names):
            raise BadFigure("there are as many bars as names")
        self.marks.append(("bars", ([_both(name, "a bar") for name in names], values)))

    def region(self, *, label: Both, x: Range | None = None, y: Range | None = None) -> None:
        self.marks.append(("region", (x or self.x, y or self.y, _both(label, "a region"))))

    def mark(self, *, label: Both, x: float | None = None, y: float | None = None) -> None:
        """Draw a thin line across the plot, at an x or at a y."""
        if (x is None) == (y is None):
            raise BadFigure("a mark is at an x or at a y")
        self.marks.append(("mark", (x, y, _both(label, "a mark"))))

    def alternative(self, *, en: str, zh: str) -> None:
        """Say in words what the figure shows. Hyphens before numbers become minus signs, which are
        read aloud.
        """
        self.alternatives = {"en": MINUS.sub("−", en.strip()), "zh": MINUS.sub("−", zh.strip())}

    def svg(self, language: str) -> str:
        """Return the figure in a language.

        Raises:
            BadFigure: it has no text alternative, or nothing on it.
        """
        if not self.alternatives.get(language):
            raise BadFigure("a figure says in words what it shows: axes.alternative(en=…, zh=…)")
        if not self.marks:
            raise BadFigure("there is nothing on the axes")
        return _Canvas(self, language).svg()


class Draw:
    """What `figure.py` is given."""

    def __init__(self) -> None:
        self.made: Axes | None = None

    def axes(self, *, x: Range, y: Range, x_label: Both, y_label: Both) -> Axes:
        """Return the figure's axes, from `x[0]` to `x[1]` and from `y[0]` to `y[1]`.

        Raises:
            BadFigure: a second pair of axes, an empty range, or a label that lacks a language.
        """
        if self.made:
            raise BadFigure("a question has one figure, with one pair of axes")
        if not (x[0] < x[1] and y[0] < y[1]):
            raise BadFigure("a range goes from a smaller number to a larger one")
        if not all(math.isfinite(end) for end in (*x, *y)):
            raise BadFigure("a range has finite ends")
        self.made = Axes(
            (float(x[0]), float(x[1])),
            (float(y[0]), float(y[1])),
            _both(x_label, "x"),
            _both(y_label, "y"),
        )
        return self.made


def _both(words: Both, what: str) -> Both:
    if set(words) != {"en", "zh"} or not all(words.values()):
        raise BadFigure(f"{what} is named in both languages: {{'en': …, 'zh': …}}")
    return words


# ---------------------------------------------------------------- paper


class _Canvas:
    """One drawing of axes, in one language: the legend, and below it the plot."""

    def __init__(self, axes: Axes, language: str) -> None:
        self.axes, self.language = axes, language
        named = [what for what in axes.marks if what[0] in ("line", "points")]
        top = ROW * len(named) + ABOVE + 6
        self.frame = Frame(Scale(*axes.x, LEFT, WIDTH - RIGHT), Scale(*axes.y, top + PLOT, top))
        self.rows = 0  # of the legend, so far

    def svg(self) -> str:
        axes, frame = self.axes, self.frame
        body = [
            *self._paper(),
            *self._marks(),
            path("axis", f"M{frame.left} {frame.top}V{frame.foot}H{frame.right}"),
            text("unit", frame.left - 40, frame.top - 12, axes.y_label[self.language]),
            text("unit end", frame.right, frame.foot + 36, axes.x_label[self.language]),
        ]
        label, tag = axes.alternatives[self.language], "zh-Hans" if self.language == "zh" else "en"
        height = frame.foot + BELOW
        return document("figure plate", WIDTH, height, label, body, language=tag) + "\n"

    def _paper(self) -> list[str]:
        axes, frame = self.axes, self.frame
        barred = any(kind == "bars" for kind, _what in axes.marks)
        across, down = [] if barred else ticks(*axes.x, 7), ticks(*axes.y, 6)
        fine = [] if barred else ticks(*axes.x, 35)
        return [
            frame.grid("minor", fine, ticks(*axes.y, 30)),
            frame.grid("major", across, down),
            *frame.row_labels(down, map(_with_minus, tick_labels(down)), 7),
            *frame.column_labels(across, map(_with_minus, tick_labels(across)), 17),
        ]

    def _marks(self) -> list[str]:
        """Draw what lies below first; colours go by the order in which `figure.py` names things."""
        hands = {
            id(what): n % HANDS
            for n, what in enumerate(
                mark for mark in self.axes.marks if mark[0] in ("line", "points")
            )
        }
        order = {"region": 0, "bars": 1, "mark": 2, "line": 3, "points": 4}
        variant = {
            id(mark): getattr(self, f"_{mark[0]}")(hands.get(id(mark), 0), *mark[1])
            for mark in self.axes.marks
        }
        return [
            variant[id(mark)] for mark in sorted(self.axes.marks, key=lambda mark: order[mark[0]])
        ]

    def _legend(self, hand: int, name: Both) -> tuple[int, int, str]:
        """Return where the next line of the legend has its swatch, and its words."""
        self.rows += 1
        x, y = LEFT - 40, ROW * self.rows
        words = text(f"end-name t{hand}", x + SWATCH + 8, y - 3, name[self.language])
        return x, y - 8, words

    def _line(self, hand: int, points: list[tuple[float, float]], name: Both, dashed: bool) -> str:
        look = f"line a{hand}{' dashed' if dashed else ''}"
        x, y, words = self._legend(hand, name)
        return path(look, self.frame.line(points)) + path(look, f"M{x} {y}h{SWATCH}") + words

    def _points(self, hand: int, points: list[tuple[float, float]], name: Both) -> str:
        frame = self.frame
        dots = [dot(frame.x(x), frame.y(y)) for x, y in points if frame.x.has(x) and frame.y.has(y)]
        x, y, words = self._legend(hand, name)
        swatch = dot(x + SWATCH / 2, y)
        return "".join(f'<g class="dots d{hand}">{g}</g>' for g in ("".join(dots), swatch)) + words

    def _bars(self, _hand: int, names: list[Both], heights: list[float]) -> str:
        frame, parts = self.frame, list[str]()
        slot, zero = (frame.right - frame.left) / len(names), frame.y(0.0)
        for n, (name, height) in enumerate(zip(names, heights, strict=True)):
            middle, end = frame.left + slot * (n + 0.5), frame.y(height)
            value = _with_minus(format_number(height))
            parts += [
                bar("measured", frame.left + slot * (n + 0.2), slot * 0.6, end, zero),
                text("value", middle, min(end, zero) - 6, value),
                text("tick mid", middle, frame.foot + 17, name[self.language]),
            ]
        return "".join(parts)

    def _region(self, _hand: int, x: Range, y: Range, label: Both) -> str:
        left, right = map(self.frame.x, x)
        top, bottom = self.frame.y(y[1]), self.frame.y(y[0])
        area = bar("region", left, right - left, top, bottom)
        return area + text("unit end", right - 8, bottom - 8, label[self.language])

    def _mark(self, _hand: int, x: float | None, y: float | None, label: Both) -> str:
        frame = self.frame
        if x is not None:
            line, at = frame.grid("mark", [x], []), (frame.x(x) + 6, frame.top + 16.0)
        else:
            height = y or 0.0
            line, at = frame.grid("mark", [], [height]), (frame.left + 8.0, frame.y(height) - 6)
        return line + text("unit", *at, label[self.language])


def _with_minus(number: str) -> str:
    return number.replace("-", "−")
