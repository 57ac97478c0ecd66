"""Figures of questions: SVG rendered from computed values, with colours from the stylesheet, for
both themes.

A question's `figure.py` has one function, `figure(fig)`. It asks for axes, adds marks to them, and
describes what they show:

    axes = fig.axes(x=(0, 1), y=(-2, 1), x_label={"en": "input", "zh": "输入"}, y_label=...)
    axes.line(xs, ys, name={"en": "before", "zh": "更新前"})  # dashed=True: not measured
    axes.points(xs, ys, name=...)
    axes.bars(names, heights)              # a bar for each name ({en, zh}), which label the x axis
    axes.region(y=(-2, 0), label=...)      # a shaded band
    axes.mark(x=0.5, label=...)            # a thin line across the plot, at an x or at a y
    axes.alternative(en="...", zh="...")   # the text alternative, for screen readers

`figure.py` runs in `manage.py render_figures` and in the tests, never in the web process: the SVGs
are stored beside it, and loaded as text. Nothing here needs NumPy; values may be any iterable of
numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from apps.common.number_format import format_number
from apps.common.svg_charts import (
    LINE_COLOURS,
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

Bilingual = Mapping[str, str]  # {"en", "zh"}
Range = tuple[float, float]
Point = tuple[float, float]
# px; narrow, so that its text can be read on a phone
WIDTH, PLOT_HEIGHT = 480, 270
LEFT, RIGHT, ABOVE, BELOW = 52, 14, 28, 44  # around the plot; the label of y stands above
LEGEND_ROW, SWATCH = 19, 28
MAX_LINE_POINTS = 600
MARK_ORDER = ("region", "bars", "mark", "line", "points")  # the first is rendered at the bottom
HYPHEN_MINUS = re.compile(r"(?<![\w-])-(?=[0-9])", re.ASCII)


class BadFigure(Exception):
    """A figure cannot be rendered; says what is missing or wrong."""


@dataclass(frozen=True)
class Mark:
    kind: str  # of MARK_ORDER
    arguments: tuple[object, ...]  # of the method of _Canvas that renders it

    @property
    def has_colour(self) -> bool:
        """Whether it has a colour, and a row of the legend, of its own."""
        return self.kind in ("line", "points")


@dataclass
class Axes:
    """A plot on graph paper, whose grid has real units."""

    x: Range
    y: Range
    x_label: Bilingual
    y_label: Bilingual
    marks: list[Mark] = field(default_factory=list)
    alternatives: dict[str, str] = field(default_factory=dict)

    def line(
        self, x: Iterable[float], y: Iterable[float], *, name: Bilingual, dashed: bool = False
    ) -> None:
        """Add a line; values that are not finite interrupt it."""
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        thinned = points[:: max(1, len(points) // MAX_LINE_POINTS)]
        self.marks.append(Mark("line", (thinned, _bilingual(name, "a line"), dashed)))

    def points(self, x: Iterable[float], y: Iterable[float], *, name: Bilingual) -> None:
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        self.marks.append(Mark("points", (points, _bilingual(name, "points"))))

    def bars(self, names: Sequence[Bilingual], heights: Iterable[float]) -> None:
        """Add a bar for each name, over the whole width; x then has no numbers."""
        values = [float(height) for height in heights]
        if len(values) != len(names):
            raise BadFigure("there are as many bars as names")
        labels = [_bilingual(name, "a bar") for name in names]
        self.marks.append(Mark("bars", (labels, values)))

    def region(self, *, label: Bilingual, x: Range | None = None, y: Range | None = None) -> None:
        self.marks.append(Mark("region", (x or self.x, y or self.y, _bilingual(label, "a region"))))

    def mark(self, *, label: Bilingual, x: float | None = None, y: float | None = None) -> None:
        """Add a thin line across the plot, at an x or at a y."""
        if (x is None) == (y is None):
            raise BadFigure("a mark is at an x or at a y")
        self.marks.append(Mark("mark", (x, y, _bilingual(label, "a mark"))))

    def alternative(self, *, en: str, zh: str) -> None:
        """Set the text alternative. Hyphens before numbers become minus signs, which screen readers
        read aloud.
        """
        self.alternatives = {
            "en": HYPHEN_MINUS.sub("−", en.strip()),
            "zh": HYPHEN_MINUS.sub("−", zh.strip()),
        }

    def svg(self, language: str) -> str:
        """Render the figure in a language.

        Raises:
            BadFigure: it has no text alternative, or no marks.
        """
        if not self.alternatives.get(language):
            raise BadFigure("a figure needs a text alternative: axes.alternative(en=…, zh=…)")
        if not self.marks:
            raise BadFigure("there is nothing on the axes")
        return _Canvas(self, language).svg()


class Figure:
    """The argument of `figure.py`'s function."""

    def __init__(self) -> None:
        self.current_axes: Axes | None = None

    def axes(self, *, x: Range, y: Range, x_label: Bilingual, y_label: Bilingual) -> Axes:
        """Create the figure's axes, from `x[0]` to `x[1]` and from `y[0]` to `y[1]`.

        Raises:
            BadFigure: a second pair of axes, an empty range, or a label that lacks a language.
        """
        if self.current_axes:
            raise BadFigure("a question has one figure, with one pair of axes")
        if not (x[0] < x[1] and y[0] < y[1]):
            raise BadFigure("a range goes from a smaller number to a larger one")
        if not all(math.isfinite(end) for end in (*x, *y)):
            raise BadFigure("a range has finite ends")
        self.current_axes = Axes(
            (float(x[0]), float(x[1])),
            (float(y[0]), float(y[1])),
            _bilingual(x_label, "x"),
            _bilingual(y_label, "y"),
        )
        return self.current_axes


def _bilingual(text: Bilingual, what: str) -> Bilingual:
    if set(text) != {"en", "zh"} or not all(text.values()):
        raise BadFigure(f"{what} is named in both languages: {{'en': …, 'zh': …}}")
    return text


# ---------------------------------------------------------------- SVG


class _Canvas:
    """One rendering of axes, in one language: the legend, and below it the plot."""

    def __init__(self, axes: Axes, language: str) -> None:
        self.axes, self.language = axes, language
        self.coloured = [mark for mark in axes.marks if mark.has_colour]
        top = LEGEND_ROW * len(self.coloured) + ABOVE + 6
        self.frame = Frame(
            Scale(*axes.x, LEFT, WIDTH - RIGHT), Scale(*axes.y, top + PLOT_HEIGHT, top)
        )
        self.legend_rows = 0  # so far

    def svg(self) -> str:
        axes, frame = self.axes, self.frame
        body = [
            *self._grid(),
            *self._marks(),
            path("axis", f"M{frame.left} {frame.top}V{frame.foot}H{frame.right}"),
            text("unit", frame.left - 40, frame.top - 12, axes.y_label[self.language]),
            text("unit end", frame.right, frame.foot + 36, axes.x_label[self.language]),
        ]
        label = axes.alternatives[self.language]
        tag = "zh-Hans" if self.language == "zh" else "en"
        height = frame.foot + BELOW
        return document("figure plate", WIDTH, height, label, body, language=tag) + "\n"

    def _grid(self) -> list[str]:
        axes, frame = self.axes, self.frame
        has_bars = any(mark.kind == "bars" for mark in axes.marks)
        x_ticks, x_minor = ([], []) if has_bars else (ticks(*axes.x, 7), ticks(*axes.x, 35))
        y_ticks, y_minor = ticks(*axes.y, 6), ticks(*axes.y, 30)
        return [
            frame.grid("minor", x_minor, y_minor),
            frame.grid("major", x_ticks, y_ticks),
            *frame.row_labels(y_ticks, map(_with_minus, tick_labels(y_ticks)), 7),
            *frame.column_labels(x_ticks, map(_with_minus, tick_labels(x_ticks)), 17),
        ]

    def _marks(self) -> list[str]:
        """Render the marks in MARK_ORDER. Colours follow the order in which `figure.py` added the
        marks.
        """
        colours = {id(mark): n % LINE_COLOURS for n, mark in enumerate(self.coloured)}
        rendered = [
            (MARK_ORDER.index(mark.kind), self._mark(mark, colours.get(id(mark), 0)))
            for mark in self.axes.marks
        ]
        return [svg for _order, svg in sorted(rendered, key=itemgetter(0))]

    def _mark(self, mark: Mark, colour: int) -> str:
        render: Callable[..., str] = getattr(self, f"_render_{mark.kind}")
        return render(colour, *mark.arguments)

    def _legend(self, colour: int, name: Bilingual) -> tuple[int, int, str]:
        """Return where the next row of the legend has its swatch, and its text."""
        self.legend_rows += 1
        x, y = LEFT - 40, LEGEND_ROW * self.legend_rows
        label = text(f"end-name t{colour}", x + SWATCH + 8, y - 3, name[self.language])
        return x, y - 8, label

    def _render_line(self, colour: int, points: list[Point], name: Bilingual, dashed: bool) -> str:
        css_class = f"line a{colour}{' dashed' if dashed else ''}"
        x, y, label = self._legend(colour, name)
        swatch = path(css_class, f"M{x} {y}h{SWATCH}")
        return path(css_class, self.frame.line(points)) + swatch + label

    def _render_points(self, colour: int, points: list[Point], name: Bilingual) -> str:
        frame = self.frame
        dots = [dot(frame.x(x), frame.y(y)) for x, y in points if frame.x.has(x) and frame.y.has(y)]
        x, y, label = self._legend(colour, name)
        groups = ("".join(dots), dot(x + SWATCH / 2, y))
        return "".join(f'<g class="dots d{colour}">{group}</g>' for group in groups) + label

    def _render_bars(self, _colour: int, names: list[Bilingual], heights: list[float]) -> str:
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

    def _render_region(self, _colour: int, x: Range, y: Range, label: Bilingual) -> str:
        left, right = map(self.frame.x, x)
        top, bottom = self.frame.y(y[1]), self.frame.y(y[0])
        area = bar("region", left, right - left, top, bottom)
        return area + text("unit end", right - 8, bottom - 8, label[self.language])

    def _render_mark(self, _colour: int, x: float | None, y: float | None, label: Bilingual) -> str:
        frame = self.frame
        if x is not None:
            line, at = frame.grid("mark", [x], []), (frame.x(x) + 6, frame.top + 16.0)
        else:
            height = y or 0.0
            line, at = frame.grid("mark", [], [height]), (frame.left + 8.0, frame.y(height) - 6)
        return line + text("unit", *at, label[self.language])


def _with_minus(number: str) -> str:
    return number.replace("-", "−")
