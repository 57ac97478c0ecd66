"""What the command shows and asks: texts, tables, curves of dots, single keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradus_client.models import Curve
from gradus_client.text import printable

INKS = ("cyan", "yellow", "green", "magenta", "red", "blue")
CHART_HEIGHT = 10  # lines
MAX_CHART_WIDTH = 90
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column of a cell


def console(*, stderr: bool = False) -> Console:
    # texts of the site are no markup
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def text(words: object, style: str = "") -> Text:
    """Return words of the site as they may be printed."""
    return Text(printable(str(words)), style=style)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(head):
        # an id is to be copied whole
        shown.add_column(Text(name), no_wrap=place == 0, overflow="fold")
    for row in rows:
        shown.add_row(*(one if isinstance(one, Text) else text(one) for one in row))
    return shown


def item(mark: str, words: object, indent: int = 2, style: str = "") -> Table:
    """Return words behind a mark; their further lines begin where the first one does."""
    shown = Table.grid(padding=(0, 1, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    shown.add_row(text(" " * indent + mark, style), text(words))
    return shown


def print_json(data: Any) -> None:
    # ASCII: what a terminal would obey is escaped
    sys.stdout.write(json.dumps(data, indent=1, default=str) + "\n")


# ---------------------------------------------------------------- curves


def chart(curves: Sequence[Curve], width: int, height: int = CHART_HEIGHT) -> Text:
    """Return curves of one series as lines of braille dots, each with its own ink, with a scale and
    a legend. Where two meet, the later one is seen.
    """
    pairs = [(curve.arm, _pairs(curve)) for curve in curves]
    pairs = [(arm, points) for arm, points in pairs if points]
    if not pairs:
        return Text()
    width = max(10, min(width, MAX_CHART_WIDTH) - 11)
    xs = [x for _arm, points in pairs for x, _y in points]
    ys = [y for _arm, points in pairs for _x, y in points]
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    for place, (_arm, points) in enumerate(pairs):
        ink = INKS[place % len(INKS)]
        for column, row in _dots(points, xs, ys, 2 * width, 4 * height):
            cell = (row // 4, column // 2)
            dots = cells.get(cell, (0, ink))[0] | DOTS[row % 4][column % 2]
            cells[cell] = (dots, ink)
    lines = Text()
    for row in range(height):
        label = {0: f"{max(ys):.4g}", height - 1: f"{min(ys):.4g}"}.get(row, "")
        lines.append(f"{label:>9} │", style="dim")
        for column in range(width):
            dots, ink = cells.get((row, column), (0, ""))
            lines.append(chr(BRAILLE + dots) if dots else " ", style=ink)
        lines.append("\n")
    lines.append(f"{'':>9} └{'─' * width}\n", style="dim")
    lines.append(f"{'':>11}{min(xs):<{width // 2}.6g}{max(xs):>{width - width // 2}.6g}\n", "dim")
    for place, (arm, _points) in enumerate(pairs):
        lines.append(f"  ■ {printable(arm)}", style=INKS[place % len(INKS)])
    return lines


def _pairs(curve: Curve) -> list[tuple[float, float]]:
    return [
        (x, y)
        for x, y in zip(curve.step, curve.mean, strict=False)
        if x is not None and y is not None
    ]


def _dots(
    points: Sequence[tuple[float, float]],
    xs: Sequence[float],
    ys: Sequence[float],
    columns: int,
    rows: int,
) -> Iterable[tuple[int, int]]:
    """Yield the dots of a curve, with those between two points of it."""
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> tuple[int, int]:
        across = (x - low_x) / (high_x - low_x) if high_x > low_x else 0.5
        up = (y - low_y) / (high_y - low_y) if high_y > low_y else 0.5
        return round(across * (columns - 1)), round((1 - up) * (rows - 1))

    before: tuple[int, int] | None = None
    for x, y in points:
        dot = place(x, y)
        if before is not None:
            count = max(abs(dot[0] - before[0]), abs(dot[1] - before[1]), 1)
            for n in range(count):
                yield (
                    round(before[0] + (dot[0] - before[0]) * n / count),
                    round(before[1] + (dot[1] - before[1]) * n / count),
                )
        yield dot
        before = dot


# ---------------------------------------------------------------- questions


def is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(words: str, default: str = "") -> str:
    """Ask for a line. Raises EOFError at the end of the input."""
    shown = f"{printable(words)} [{printable(default)}] " if default else f"{printable(words)} "
    return input(shown).strip() or default


def key(words: str, keys: str) -> str:
    """Ask for one of some keys: a press where that can be read, else a line."""
    while True:
        sys.stdout.write(f"{words} ")
        sys.stdout.flush()
        pressed = _press()
        if pressed == "\x03":
            raise KeyboardInterrupt
        if pressed in ("", "\x04"):
            raise EOFError
        answer = "\n" if pressed in ("\r", "\n") else pressed.lower()
        sys.stdout.write("\n" if answer == "\n" else f"{printable(answer)}\n")
        if answer in keys:
            return answer


def _press() -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return "" if not line else (line.strip()[:1] or "\n")
    try:
        import termios
        import tty
    except ImportError:  # Windows
        import msvcrt

        return str(msvcrt.getwch())  # type: ignore[attr-defined,unused-ignore]
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setraw(number)
        return sys.stdin.read(1)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
