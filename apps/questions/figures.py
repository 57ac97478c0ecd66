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

`figure.py` runs where figures are drawn (`manage.py draw_figures`) and in the tests, never in the
web process: the SVGs lie beside it, and are loaded as text. Nothing here needs NumPy; anything that
iterates over numbers will do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

Both = Mapping[str, str]  # {"en", "zh"}
Range = tuple[float, float]
WIDTH, PLOT = 480, 270  # px; narrow, so that its text can be read on a phone
LEFT, RIGHT, ABOVE, BELOW = 52, 14, 28, 44  # around the plot; above it stands what y is
HANDS = 7  # colours of lines in the stylesheet
ROW = 19  # px of a line of the legend
SWATCH = 28
MOST = 600  # points of a line
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
            ("line", (points[:: max(1, len(points) // MOST)], _both(name, "a line"), dashed))
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
        return _Sheet(self, language).svg()


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


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers (1, 2 or 5 times a power of ten apart) from `low` to
    `high`.
    """
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(
        (n * power for n in (1, 2, 5) if n * power >= (high - low) / count * 0.999), 10 * power
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


class _Sheet:
    """One drawing of axes, in one language: the legend, and below it the plot."""

    def __init__(self, axes: Axes, language: str) -> None:
        self.axes, self.language = axes, language
        named = [what for what in axes.marks if what[0] in ("line", "points")]
        self.top = ROW * len(named) + ABOVE + 6
        self.foot = self.top + PLOT
        self.right = WIDTH - RIGHT
        self.rows = 0  # of the legend, so far

    def x(self, value: float) -> float:
        return LEFT + (self.right - LEFT) * (value - self.axes.x[0]) / (
            self.axes.x[1] - self.axes.x[0]
        )

    def y(self, value: float) -> float:
        inside = min(max(value, self.axes.y[0]), self.axes.y[1])
        return self.top + PLOT * (self.axes.y[1] - inside) / (self.axes.y[1] - self.axes.y[0])

    def svg(self) -> str:
        axes, lang = self.axes, self.language
        body = [self._paper(), *self._marks()]
        body.append(f'<path class="axis" d="M{LEFT} {self.top}V{self.foot}H{self.right}"/>')
        body.append(
            f'<text class="unit" x="{LEFT - 40}" '
            f'y="{self.top - 12}">{escape(axes.y_label[lang])}</text>'
        )
        body.append(
            f'<text class="unit end" x="{self.right}" '
            f'y="{self.foot + 36}">{escape(axes.x_label[lang])}</text>'
        )
        label = escape(axes.alternatives[lang], quote=True)
        size = f'viewBox="0 0 {WIDTH} {self.foot + BELOW}"'
        head = (
            f'<svg class="figure plate" {size} role="img" aria-label="{label}" lang="{_tag(lang)}">'
        )
        return head + "".join(body) + "</svg>\n"

    def _paper(self) -> str:
        axes = self.axes
        barred = any(kind == "bars" for kind, _what in axes.marks)
        across, down = [] if barred else ticks(*axes.x, 7), ticks(*axes.y, 6)
        fine = [] if barred else ticks(*axes.x, 35)
        parts = [self._grid("minor", fine, ticks(*axes.y, 30)), self._grid("major", across, down)]
        parts += [
            f'<text class="tick" x="{LEFT - 7}" y="{self.y(v) + 4:.1f}">{_number(v)}</text>'
            for v in down
        ]
        parts += [
            f'<text class="tick mid" x="{self.x(v):.1f}" y="{self.foot + 17}">{_number(v)}</text>'
            for v in across
        ]
        return "".join(parts)

    def _grid(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> str:
        lines = [f"M{self.x(v):.1f} {self.top}V{self.foot}" for v in xs] + [
            f"M{LEFT} {self.y(v):.1f}H{self.right}" for v in ys
        ]
        return f'<path class="{name}" d="{"".join(lines)}"/>'

    def _marks(self) -> list[str]:
        """Draw what lies below first; colours go by the order in which `figure.py` names things."""
        hands = {
            id(what): n % HANDS
            for n, what in enumerate(
                mark for mark in self.axes.marks if mark[0] in ("line", "points")
            )
        }
        order = {"region": 0, "bars": 1, "mark": 2, "line": 3, "points": 4}
        drawn = {
            id(mark): getattr(self, f"_{mark[0]}")(hands.get(id(mark), 0), *mark[1])
            for mark in self.axes.marks
        }
        return [
            drawn[id(mark)] for mark in sorted(self.axes.marks, key=lambda mark: order[mark[0]])
        ]

    def _legend(self, swatch: str, hand: int, name: Both) -> str:
        self.rows += 1
        left, line = LEFT - 40, ROW * self.rows
        text = (
            f'<text class="end-name t{hand}" x="{left + SWATCH + 8}" '
            f'y="{line - 3}">{escape(name[self.language])}</text>'
        )
        return swatch.format(x=left, y=line - 8) + text

    def _line(self, hand: int, points: list[tuple[float, float]], name: Both, dashed: bool) -> str:
        pieces, pen = [], "M"
        for x, y in points:
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            pieces.append(f"{pen}{self.x(x):.1f} {self.y(y):.1f}")
            pen = "L"
        look = f"line a{hand}{' dashed' if dashed else ''}"
        swatch = f'<path class="{look}" d="M{{x}} {{y}}h{SWATCH}"/>'
        return f'<path class="{look}" d="{"".join(pieces)}"/>' + self._legend(swatch, hand, name)

    def _points(self, hand: int, points: list[tuple[float, float]], name: Both) -> str:
        inside = ((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))
        dots = "".join(
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.5"/>' for x, y in inside
        )
        swatch = (
            f'<g class="dots d{hand}" transform="translate({SWATCH / 2:.0f})"><circle cx="{{x}}" '
            f'cy="{{y}}" r="3.5"/></g>'
        )
        return f'<g class="dots d{hand}">{dots}</g>' + self._legend(swatch, hand, name)

    def _bars(self, _hand: int, names: list[Both], heights: list[float]) -> str:
        slot, zero, parts = (self.right - LEFT) / len(names), self.y(0.0), []
        for n, (name, height) in enumerate(zip(names, heights, strict=True)):
            left, middle, end = LEFT + slot * (n + 0.2), LEFT + slot * (n + 0.5), self.y(height)
            top, tall = min(end, zero), max(abs(end - zero), 0.5)
            parts.append(
                f'<rect class="measured" x="{left:.1f}" y="{top:.1f}" '
                f'width="{slot * 0.6:.1f}" height="{tall:.1f}"/>'
            )
            parts.append(
                f'<text class="value" x="{middle:.1f}" '
                f'y="{top - 6:.1f}">{_number(height, 3)}</text>'
            )
            text = escape(name[self.language])
            parts.append(
                f'<text class="tick mid" x="{middle:.1f}" y="{self.foot + 17}">{text}</text>'
            )
        return "".join(parts)

    def _region(self, _hand: int, x: Range, y: Range, label: Both) -> str:
        left, right, top, bottom = self.x(x[0]), self.x(x[1]), self.y(y[1]), self.y(y[0])
        area = (
            f'<rect class="region" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"/>'
        )
        return area + (
            f'<text class="unit end" x="{right - 8:.1f}" '
            f'y="{bottom - 8:.1f}">{escape(label[self.language])}</text>'
        )

    def _mark(self, _hand: int, x: float | None, y: float | None, label: Both) -> str:
        if x is not None:
            place, line = (
                (self.x(x) + 6, self.top + 16.0),
                f"M{self.x(x):.1f} {self.top}V{self.foot}",
            )
        else:
            place, line = (
                (LEFT + 8.0, self.y(y or 0.0) - 6),
                f"M{LEFT} {self.y(y or 0.0):.1f}H{self.right}",
            )
        text = (
            f'<text class="unit" x="{place[0]:.1f}" '
            f'y="{place[1]:.1f}">{escape(label[self.language])}</text>'
        )
        return f'<path class="mark" d="{line}"/>{text}'


def _number(value: float, digits: int = 6) -> str:
    return format(value, f".{digits}g").replace("-", "−")


def _tag(language: str) -> str:
    return "zh-Hans" if language == "zh" else "en"
