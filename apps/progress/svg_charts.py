"""A learner's charts as SVG: calendar, mastery of a topic, recall by week, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.common.number_format import percent
from apps.common.svg_charts import Frame, Scale, document, dot, margin, path, text
from apps.common.text import is_chinese
from apps.progress.calibration import Bin
from apps.progress.days import week_of
from apps.progress.forecasting import Expected

CELL, GAP, LEFT, TOP = 17, 3, 30, 20
SHADES = (0, 8, 20, 35)  # minutes above which a day has the next darker shade


def calendar(
    minutes: Mapping[date, float],
    due: Mapping[date, int],
    today: date,
    weeks: tuple[int, int],
    interview: date | None,
) -> SafeString:
    """Return the calendar: days studied (filled), days on which cards fall due (outlined), and the
    interview (a diamond).

    Args:
        weeks: back, this week included, and ahead.
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
    return document("cal", width, height, label, parts, is_sized=True)


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


def stair(fraction: float, name: str, later: float | None = None) -> SafeString:
    """Return a topic as five steps, each a fifth of its questions, filled to `fraction` (0 to 1).

    Args:
        name: makes the id of its clip path unique on the page.
        later: where a dashed mark stands, if any.
    """
    points = "0,40 0,32 100,32 100,24 200,24 200,16 300,16 300,8 400,8 400,0 500,0 500,40"
    svg = (
        '<svg class="stair" viewBox="0 -4 500 48" preserveAspectRatio="none" aria-hidden="true">'
        '<defs><clipPath id="c-{0}"><rect x="0" y="-4" width="{1}" height="48"/></clipPath></defs>'
        '<polygon class="track" points="{2}"/><polygon class="fill" points="{2}" '
        'clip-path="url(#c-{0})"/>{3}</svg>'
    )
    mark = format_html('<path class="later" d="M{} -4V44"/>', f"{500 * later:.0f}") if later else ""
    return format_html(svg, name, f"{500 * fraction:.0f}", points, mark)


WIDTH, HEIGHT, EDGE = 460, 220, 50
ANCHORS = ("start", "mid", "end")


def recall(fractions: Sequence[tuple[date, float]], target: float) -> SafeString:
    """Return recall by week as a line, and the target as a dashed one. The scale begins at 0.5."""
    first, last = fractions[0][0], max(fractions[-1][0], fractions[0][0] + timedelta(weeks=1))
    frame = Frame(Scale(0, (last - first).days, EDGE, WIDTH - 12), Scale(0.5, 1, HEIGHT - 30, 10))
    points = [((day - first).days, fraction) for day, fraction in fractions]
    tenths = [n / 10 for n in range(5, 11)]
    parts = [
        frame.grid("grid", [], tenths),
        *frame.row_labels(tenths, map(percent, tenths), 6),
        frame.grid("aim", [], [target]),
        path("found", frame.line(points)),
        *(dot(frame.x(day), frame.y(fraction), name="dot") for day, fraction in points),
    ]
    for (day, _fraction), anchor in ((fractions[0], "start"), (fractions[-1], "end"))[
        : len(fractions)
    ]:
        words = formats.date_format(day, "MONTH_DAY_FORMAT")
        parts.append(text(f"tick {anchor}", frame.x((day - first).days), HEIGHT - 8, words))
    label = _("Recall by week, from %(first)s to %(last)s; the target is %(aim)s.") % {
        "first": percent(fractions[0][1]),
        "last": percent(fractions[-1][1]),
        "aim": percent(target),
    }
    return document("plate recall", WIDTH, HEIGHT, label, parts)


@dataclass(frozen=True)
class Forecasted:
    """A row of a forecast."""

    title: str
    expected: Expected
    with_more: Expected  # with more minutes a day


ROW = 26  # px


def forecast(rows: Sequence[Forecasted], label: str) -> SafeString:
    """Return what will be recalled, a row for each topic: a dot with its band, and a ring for more
    minutes a day.
    """
    left = min(230, round(1.25 * margin((row.title for row in rows), 60)))
    frame = Frame(Scale(0, 1, left, WIDTH - 26), Scale(0, len(rows), 10 + ROW * len(rows), 10))
    quarters = [n / 4 for n in range(5)]
    parts = [
        frame.grid("grid", quarters, []),
        *frame.column_labels(quarters, map(percent, quarters)),
    ]
    for n, row in enumerate(rows):
        low, high = row.expected.band
        y = frame.y(len(rows) - n - 0.5)
        parts += [
            text("tick", left - 8, y + 4, row.title),
            path("band", f"M{frame.x(low):.1f} {y:.1f}H{frame.x(high):.1f}"),
            dot(frame.x(row.with_more.fraction), y, 7, "with-more"),
            dot(frame.x(row.expected.fraction), y, 3.5, "dot"),
        ]
    return document("plate forecast", WIDTH, frame.foot + 30, label, parts)


def calibration(bins: Sequence[Bin], name: str) -> SafeString:
    """Return how often someone was right by confidence: dots with intervals, and the diagonal."""
    side = 220
    frame = Frame(Scale(0, 1, EDGE, side - 10), Scale(0, 1, side - 30, 10))
    quarters, halves = [n / 4 for n in range(5)], [0.0, 0.5, 1.0]
    parts = [
        frame.grid("grid", quarters, quarters),
        *frame.row_labels(halves, map(percent, halves), 6),
        *(
            text(f"tick {anchor}", frame.x(half), side - 10, percent(half))
            for half, anchor in zip(halves, ANCHORS, strict=True)
        ),
        path("aim", frame.line([(0, 0), (1, 1)])),
    ]
    for row in bins:
        low, high = row.interval
        x = frame.x(row.confidence / 100)
        parts.append(path("band", f"M{x:.1f} {frame.y(low):.1f}V{frame.y(high):.1f}"))
        parts.append(dot(x, frame.y(row.fraction), min(8, 3 + row.of**0.5 / 2), "dot"))
    label = "; ".join(
        _("%(sure)s sure: %(right)s of %(of)s right")
        % {"sure": percent(row.confidence / 100), "right": row.right, "of": row.of}
        for row in bins
    )
    return document("plate calibration", side, side, f"{name}. {label}", parts)
