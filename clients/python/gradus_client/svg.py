"""A small chart for notebooks, without any package for charts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gradus_client.models import Curve

WIDTH, HEIGHT, MARGIN = 480, 220, 8
MAX_POINTS = 400  # of a curve
INKS = ("#0b6e99", "#b3400f", "#4f7a28", "#7a4fa3", "#8a6d00", "#a3334f")


def chart(curves: Sequence[Curve]) -> str:
    """Return the first series of `curves` as SVG; empty without points."""
    shown = [curve for curve in curves if curve.series == curves[0].series]
    lines = [(curve.arm, _line(curve)) for curve in shown]
    lines = [(arm, line) for arm, line in lines if line]
    if not lines:
        return ""
    xs = [x for _arm, line in lines for x, _y in line]
    ys = [y for _arm, line in lines for _x, y in line]
    paths = []
    for place, (arm, line) in enumerate(lines):
        ink = INKS[place % len(INKS)]
        places = " ".join(
            f"{_scaled(x, xs, WIDTH):.1f},{HEIGHT - _scaled(y, ys, HEIGHT):.1f}" for x, y in line
        )
        paths.append(
            f'<polyline points="{places}" fill="none" stroke="{ink}" stroke-width="1.5">'
            f"<title>{escape(arm)}</title></polyline>"
        )
    legend = " · ".join(
        f'<span style="color:{INKS[place % len(INKS)]}">{escape(arm)}</span>'
        for place, (arm, _line_) in enumerate(lines)
    )
    label = escape(f"{shown[0].series}: {min(ys):g} to {max(ys):g}", quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{label}">{"".join(paths)}</svg><p>{label}<br>{legend}</p>'
    )


def _line(curve: Curve) -> list[tuple[float, float]]:
    pairs = [
        (x, y)
        for x, y in zip(curve.step, curve.mean, strict=False)
        if x is not None and y is not None
    ]
    return pairs[:: max(1, len(pairs) // MAX_POINTS)]


def _scaled(value: float, values: Sequence[float], size: int) -> float:
    low, high = min(values), max(values)
    share = 0.5 if high == low else (value - low) / (high - low)
    return MARGIN + share * (size - 2 * MARGIN)
