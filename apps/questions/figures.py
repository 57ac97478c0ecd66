"""Figures of questions: SVG from computed values, in the colours of the stylesheet, so that both themes read.

A question's `figure.py` has one function, `figure(draw)`. It asks for axes, puts marks on them, and says in words what they show:

    axes = draw.axes(x=(0, 1), y=(-2, 1), x_label={"en": "input x", "zh": "输入 x"}, y_label={"en": "z", "zh": "z"})
    axes.line(xs, ys, name={"en": "before", "zh": "更新前"})   # named at its end; dashed=True where two hands are near
    axes.points(xs, ys, name=...)
    axes.bars(names, heights)              # a bar for each name, an {en, zh} each; the numbers along x are left out
    axes.region(y=(-2, 0), label=...)      # a shaded band
    axes.mark(x=0.5, label=...)            # a thin line across, at an x or at a y
    axes.alternative(en="...", zh="...")   # for those who do not see it: what it shows

`figure.py` runs where figures are drawn (`manage.py draw_figures`) and in the tests, never in the web process: the SVGs lie beside
it, and are loaded as text. Nothing here needs NumPy; anything that iterates over numbers will do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

Both = Mapping[str, str]  # {"en", "zh"}
Range = tuple[float, float]
WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 58, 150, 14, 46
HANDS = 7  # colours of lines in the stylesheet
LINE = 16  # px between two names
MOST = 600  # points of a line
NAME_WIDTH = 20  # ems of CJK, or twice as many letters, that fit beside the plot


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

    def line(self, x: Iterable[float], y: Iterable[float], *, name: Both, dashed: bool = False) -> None:
        """Draw a line; values that are not finite interrupt it."""
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        self.marks.append(("line", (points[:: max(1, len(points) // MOST)], _both(name, "a line"), dashed)))

    def points(self, x: Iterable[float], y: Iterable[float], *, name: Both) -> None:
        self.marks.append(("points", ([(float(a), float(b)) for a, b in zip(x, y, strict=True)], _both(name, "points"))))

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
        """Say in words what the figure shows."""
        self.alternatives = {"en": en.strip(), "zh": zh.strip()}

    # ------------------------------------------------------------ places

    @property
    def right(self) -> float:
        return WIDTH - RIGHT if self._named() else WIDTH - 16

    def at_x(self, value: float) -> float:
        return LEFT + (self.right - LEFT) * (value - self.x[0]) / (self.x[1] - self.x[0])

    def at_y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.y[1] - value) / (self.y[1] - self.y[0])

    def _named(self) -> bool:
        return any(kind in ("line", "points") for kind, _what in self.marks)

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
        self.made = Axes((float(x[0]), float(x[1])), (float(y[0]), float(y[1])), _both(x_label, "x"), _both(y_label, "y"))
        return self.made


def _both(words: Both, what: str) -> Both:
    if set(words) != {"en", "zh"} or not all(words.values()):
        raise BadFigure(f"{what} is named in both languages: {{'en': …, 'zh': …}}")
    return words


# ---------------------------------------------------------------- paper


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`."""
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next((n * power for n in (1, 2, 5) if n * power >= (high - low) / count * 0.999), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


class _Sheet:
    """One drawing of axes, in one language."""

    def __init__(self, axes: Axes, language: str) -> None:
        self.axes, self.language = axes, language
        self.names: list[tuple[float, str, str]] = []  # (y, class, text) at the right

    def svg(self) -> str:
        axes, lang = self.axes, self.language
        body = [self._paper(), *self._marks(), *self._placed_names()]
        foot = HEIGHT - BOTTOM
        body.append(f'<path class="axis" d="M{LEFT} {TOP}V{foot}H{axes.right:.0f}"/>')
        body.append(f'<text class="unit" x="{LEFT + 8}" y="{TOP + 16}">{escape(axes.y_label[lang])}</text>')
        body.append(f'<text class="unit end" x="{axes.right:.0f}" y="{HEIGHT - 8}">{escape(axes.x_label[lang])}</text>')
        label = escape(axes.alternatives[lang], quote=True)
        head = f'<svg class="figure plate" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}" lang="{_tag(lang)}">'
        return head + "".join(body) + "</svg>\n"

    def _paper(self) -> str:
        axes, foot = self.axes, HEIGHT - BOTTOM
        barred = any(kind == "bars" for kind, _what in axes.marks)
        across, down = [] if barred else ticks(*axes.x, 8), ticks(*axes.y, 6)
        fine = [f"M{axes.at_x(v):.1f} {TOP}V{foot}" for v in ([] if barred else ticks(*axes.x, 40))]
        fine += [f"M{LEFT} {axes.at_y(v):.1f}H{axes.right:.0f}" for v in ticks(*axes.y, 30)]
        coarse = [f"M{axes.at_x(v):.1f} {TOP}V{foot}" for v in across] + [
            f"M{LEFT} {axes.at_y(v):.1f}H{axes.right:.0f}" for v in down
        ]
        parts = [f'<path class="minor" d="{"".join(fine)}"/>', f'<path class="major" d="{"".join(coarse)}"/>']
        parts += [f'<text class="tick" x="{LEFT - 8}" y="{axes.at_y(v) + 4:.1f}">{_number(v)}</text>' for v in down]
        parts += [f'<text class="tick mid" x="{axes.at_x(v):.1f}" y="{foot + 18}">{_number(v)}</text>' for v in across]
        return "".join(parts)

    def _marks(self) -> list[str]:
        hands = iter(range(len(self.axes.marks)))
        order = {"region": 0, "bars": 1, "mark": 2, "line": 3, "points": 4}
        drawn = []
        for kind, what in sorted(self.axes.marks, key=lambda mark: order[mark[0]]):
            hand = next(hands) % HANDS if kind in ("line", "points", "bars") else 0
            drawn.append(getattr(self, f"_{kind}")(hand, *what))
        return drawn

    def _line(self, hand: int, points: list[tuple[float, float]], name: Both, dashed: bool) -> str:
        pieces, pen, end = [], "M", None
        for x, y in points:
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            shown = min(max(y, self.axes.y[0]), self.axes.y[1])
            end = self.axes.at_y(shown)
            pieces.append(f"{pen}{self.axes.at_x(x):.1f} {end:.1f}")
            pen = "L"
        if end is not None:
            self.names.append((end, f"t{hand}", name[self.language]))
        return f'<path class="line a{hand}{" dashed" if dashed else ""}" d="{"".join(pieces)}"/>'

    def _points(self, hand: int, points: list[tuple[float, float]], name: Both) -> str:
        inside = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        if inside:
            self.names.append((self.axes.at_y(inside[-1][1]), f"t{hand}", name[self.language]))
        dots = (f'<circle cx="{self.axes.at_x(x):.1f}" cy="{self.axes.at_y(y):.1f}" r="3.5"/>' for x, y in inside)
        return f'<g class="dots d{hand}">{"".join(dots)}</g>'

    def _bars(self, _hand: int, names: list[Both], heights: list[float]) -> str:
        axes, slot = self.axes, (self.axes.right - LEFT) / len(names)
        zero, parts = axes.at_y(min(max(0.0, axes.y[0]), axes.y[1])), []
        for n, (name, height) in enumerate(zip(names, heights, strict=True)):
            left, middle, end = LEFT + slot * (n + 0.2), LEFT + slot * (n + 0.5), axes.at_y(height)
            top, tall = min(end, zero), max(abs(end - zero), 0.5)
            parts.append(f'<rect class="measured" x="{left:.1f}" y="{top:.1f}" width="{slot * 0.6:.1f}" height="{tall:.1f}"/>')
            parts.append(f'<text class="value" x="{middle:.1f}" y="{top - 6:.1f}">{_number(height, 3)}</text>')
            text = escape(name[self.language])
            parts.append(f'<text class="tick mid" x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}">{text}</text>')
        return "".join(parts)

    def _region(self, _hand: int, x: Range, y: Range, label: Both) -> str:
        left, right, top, bottom = self.axes.at_x(x[0]), self.axes.at_x(x[1]), self.axes.at_y(y[1]), self.axes.at_y(y[0])
        area = f'<rect class="region" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
        return area + f'<text class="unit" x="{left + 8:.1f}" y="{bottom - 8:.1f}">{escape(label[self.language])}</text>'

    def _mark(self, _hand: int, x: float | None, y: float | None, label: Both) -> str:
        if x is not None:
            place, line = (self.axes.at_x(x) + 6, TOP + 34.0), f"M{self.axes.at_x(x):.1f} {TOP}V{HEIGHT - BOTTOM}"
        else:
            at = self.axes.at_y(y or 0.0)
            place, line = (LEFT + 8.0, at - 6), f"M{LEFT} {at:.1f}H{self.axes.right:.0f}"
        text = f'<text class="unit" x="{place[0]:.1f}" y="{place[1]:.1f}">{escape(label[self.language])}</text>'
        return f'<path class="mark" d="{line}"/>{text}'

    def _placed_names(self) -> list[str]:
        """Names at the ends of the lines, on lines of text of their own, pushed apart where they would overlap."""
        blocks = [(y, colour, _wrapped(text)) for y, colour, text in sorted(self.names)]
        top, placed = float(TOP), []
        for y, colour, lines in blocks:
            top = max(top, y - LINE * (len(lines) - 1) / 2)
            placed.append((top, colour, lines))
            top += LINE * len(lines) + 4
        over = max(0.0, top - (HEIGHT - BOTTOM))
        drawn, x = [], self.axes.right + 10
        for y, colour, lines in placed:
            spans = "".join(f'<tspan x="{x:.0f}" dy="{LINE if n else 0}">{escape(line)}</tspan>' for n, line in enumerate(lines))
            drawn.append(f'<text class="end-name {colour}" x="{x:.0f}" y="{max(y - over, TOP + 4) + 4:.1f}">{spans}</text>')
        return drawn


def _wrapped(text: str) -> list[str]:
    """Return a name in lines that fit beside the plot."""
    lines: list[str] = []
    line, wide = "", 0
    for word in text.split(" ") if " " in text else list(text):
        size = sum(2 if ord(c) > 0x2E80 else 1 for c in word) + (1 if " " in text else 0)
        if line and wide + size > NAME_WIDTH:
            lines, line, wide = [*lines, line.rstrip()], "", 0
        line, wide = line + word + (" " if " " in text else ""), wide + size
    return [*lines, line.rstrip()]


def _number(value: float, digits: int = 6) -> str:
    return format(value, f".{digits}g").replace("-", "−")


def _tag(language: str) -> str:
    return "zh-Hans" if language == "zh" else "en"
