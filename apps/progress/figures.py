"""Figures as SVG: calendar, stairs, recall by week, calibration. Colours come from the stylesheet,
so both themes read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.common.text import is_chinese
from apps.progress.calibration import Bin
from apps.progress.days import week_of

CELL, GAP, LEFT, TOP = 17, 3, 30, 20
SHADES = (0, 8, 20, 35)  # minutes from which a day is drawn darker


def calendar(
    minutes: Mapping[date, float],
    due: Mapping[date, int],
    today: date,
    weeks: tuple[int, int],
    interview: date | None,
) -> SafeString:
    """Return past effort (filled) that runs into what falls due (outlined), up to the interview (a
    diamond).
    """
    first = week_of(today) - timedelta(weeks=weeks[0] - 1)
    length = 7 * (weeks[0] + weeks[1])
    parts = [_weekdays(first)]
    most = max([*due.values(), 1])
    for n in range(length):
        day = first + timedelta(days=n)
        x, y = LEFT + n // 7 * (CELL + GAP), TOP + n % 7 * (CELL + GAP)
        if n % 7 == 0 and (day.day <= 7 or (n == 0 and day.day <= 14)):
            parts.append(f'<text x="{x}" y="12">{_month(day)}</text>')
        if day <= today:
            shade = sum(minutes.get(day, 0) > edge for edge in SHADES)
            parts.append(f'<rect class="d{shade}" x="{x}" y="{y}" width="{CELL}" height="{CELL}"/>')
        elif due.get(day):
            side = min(CELL - 1.0, 5 + 11 * due[day] / most)
            off = (CELL - side) / 2
            parts.append(
                f'<rect class="due" x="{x + off:.1f}" y="{y + off:.1f}" width="{side:.1f}" '
                f'height="{side:.1f}"/>'
            )
        if day == today:
            parts.append(
                f'<rect class="now" x="{x - 1.5}" y="{y - 1.5}" width="{CELL + 3}" '
                f'height="{CELL + 3}"/>'
            )
        if day == interview:
            parts.append(f'<path class="exam" d="M{x + 8.5} {y - 1}l9.5 9.5-9.5 9.5-9.5-9.5z"/>')
    label = _("Minutes studied on each day of the past weeks, then cards due on each day ahead")
    width, height = LEFT + length // 7 * (CELL + GAP) + 8, TOP + 7 * (CELL + GAP) + 4
    return _svg("cal", width, height, label, parts, size=True)


def _weekdays(monday: date) -> str:
    rows = (0, 2, 4)
    names = [formats.date_format(monday + timedelta(days=row), "D") for row in rows]
    names = [name[-1] for name in names] if is_chinese() else names
    return "".join(
        f'<text x="0" y="{TOP + row * (CELL + GAP) + 13}">{name}</text>'
        for row, name in zip(rows, names, strict=True)
    )


def _month(day: date) -> str:
    return f"{day.month}月" if is_chinese() else formats.date_format(day, "M")


def stair(share: float, name: str) -> SafeString:
    """Return mastery as a flight of five steps, filled to `share` (0 to 1). `name` tells its clip
    path from others of the page.
    """
    points = "0,40 0,32 100,32 100,24 200,24 200,16 300,16 300,8 400,8 400,0 500,0 500,40"
    svg = (
        '<svg class="stair" viewBox="0 -4 500 48" preserveAspectRatio="none" aria-hidden="true">'
        '<defs><clipPath id="c-{0}"><rect x="0" y="-4" width="{1}" height="48"/></clipPath></defs>'
        '<polygon class="track" points="{2}"/><polygon class="fill" points="{2}" '
        'clip-path="url(#c-{0})"/></svg>'
    )
    return format_html(svg, name, f"{500 * share:.0f}", points)


WIDTH, HEIGHT, EDGE = 460, 220, 50
ANCHORS = ("start", "mid", "end")


def recall(shares: Sequence[tuple[date, float]], aim: float) -> SafeString:
    """Return recall by week as a line, and the aim as a dashed one. The scale begins at half."""
    low, right = 0.5, WIDTH - 12
    first, last = shares[0][0], max(shares[-1][0], shares[0][0] + timedelta(weeks=1))

    def x(day: date) -> float:
        return EDGE + (right - EDGE) * (day - first).days / (last - first).days

    def y(share: float) -> float:
        return 10 + (HEIGHT - 40) * (1 - (max(share, low) - low) / (1 - low))

    parts = [
        f'<path class="grid" d="M{EDGE} {y(n / 10):.1f}H{right}"/>'
        f'<text class="tick" x="{EDGE - 6}" y="{y(n / 10) + 4:.1f}">{10 * n} %</text>'
        for n in range(5, 11)
    ]
    parts.append(f'<path class="aim" d="M{EDGE} {y(aim):.1f}H{right}"/>')
    parts.append(
        '<path class="found" '
        f'd="M{"L".join(f"{x(day):.1f} {y(share):.1f}" for day, share in shares)}"/>'
    )
    parts += [
        f'<circle class="dot" cx="{x(day):.1f}" cy="{y(share):.1f}" r="3.5"/>'
        for day, share in shares
    ]
    for day, anchor in ((shares[0][0], "start"), (shares[-1][0], "end"))[: len(shares)]:
        parts.append(
            f'<text class="tick {anchor}" x="{x(day):.1f}" '
            f'y="{HEIGHT - 8}">{formats.date_format(day, "MONTH_DAY_FORMAT")}</text>'
        )
    label = _("Recall by week, from %(first)s %% to %(last)s %%; the target is %(aim)s %%.") % {
        "first": round(100 * shares[0][1]),
        "last": round(100 * shares[-1][1]),
        "aim": round(100 * aim),
    }
    return _svg("plate recall", WIDTH, HEIGHT, label, parts)


def calibration(bins: Sequence[Bin], name: str) -> SafeString:
    """Return how often someone was right by how sure they were: dots with intervals, beside the
    diagonal.
    """
    side = 220

    def at(share: float) -> float:
        return EDGE + (side - EDGE - 10) * share

    def up(share: float) -> float:
        return side - 30 - (side - 40) * share

    parts = [
        (
            f'<path class="grid" d="M{EDGE} {up(n / 4):.1f}H{side - 10}M{at(n / 4):.1f} '
            f'{up(0)}V{up(1)}"/>'
        )
        for n in range(5)
    ]
    parts += [
        f'<text class="tick" x="{EDGE - 6}" y="{up(n / 2) + 4:.1f}">{50 * n} %</text>'
        for n in range(3)
    ]
    parts += [
        f'<text class="tick {anchor}" x="{at(n / 2):.1f}" y="{side - 10}">{50 * n} %</text>'
        for n, anchor in enumerate(ANCHORS)
    ]
    parts.append(f'<path class="aim" d="M{at(0)} {up(0)}L{at(1)} {up(1)}"/>')
    for each in bins:
        low, high = each.interval
        x = at(each.confidence / 100)
        parts.append(f'<path class="band" d="M{x:.1f} {up(low):.1f}V{up(high):.1f}"/>')
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{up(each.share):.1f}" '
            f'r="{min(8, 3 + each.of**0.5 / 2):.1f}"/>'
        )
    told = "; ".join(
        _("%(sure)s %% sure: %(right)s of %(of)s right")
        % {"sure": each.confidence, "right": each.right, "of": each.of}
        for each in bins
    )
    return _svg("plate calibration", side, side, f"{name}. {told}", parts)


def _svg(
    name: str, width: int, height: int, label: str, parts: Iterable[str], *, size: bool = False
) -> SafeString:
    """Return a figure; with `size` it is as large as it was drawn, else as wide as its place."""
    own = format_html(' width="{}" height="{}"', width, height) if size else ""
    frame = '<svg class="{}"{} viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return format_html(frame, name, own, width, height, label, mark_safe("".join(parts)))  # noqa: S308 - numbers, and names of months
