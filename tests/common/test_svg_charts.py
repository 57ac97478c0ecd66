"""Scales and ticks hold for all finite numbers, and the browser's are the same."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError
from hypothesis import example, given
from hypothesis import strategies as st

from apps.common.management.commands.assets import find_node
from apps.common.number_format import significant
from apps.common.svg_charts import (
    MAX_COORDINATE,
    Frame,
    Scale,
    apart,
    around,
    broken,
    decades,
    onward,
    reach,
    tick_labels,
    ticks,
    widened,
)

MAX, TINY = sys.float_info.max, 5e-324
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(min_value=TINY, max_value=MAX)
COUNTS = st.sampled_from([2, 5, 6, 7, 10, 30, 50])
PAIRS = [
    (0.0, 1.0),
    (0.02, 0.97),
    (3.0, 3.0),
    (0.0, 0.0),
    (-7.0, 1e6),
    (1e-9, 3e-9),
    (1e16, 1e16),
    (1e308, 1e308),
    (-1e308, 1e308),
    (-MAX, MAX),
    (MAX, MAX),
    (0.0, TINY),
    (TINY, TINY),
    (TINY, 1e-323),
    (-TINY, TINY),
    (0.0, 1e18),
    (1e18, 1e18 + 128),
    (0.9, 0.9000000000000001),
    (1e16, 1e16 + 2),
    (2.0**53, 2.0**53 + 2),
    (1e-300, MAX),
    (2.302585, 2.302586),
    (9.999999999999999e22, 1e23),
    (999.9999999999999, 1000.0),
]
VALUES = [1.125, -1.125, 0.03125, 2.5, 12345.5, 999999.5, 1e6, 1e-4, 9.99999e-5, 0.1 + 0.2, -0.0]


def examples(test: Any) -> Any:
    for pair in PAIRS:
        test = example(*pair, 6)(test)
    return test


def are_ticks(marks: Sequence[float], count: int) -> bool:
    return (
        1 <= len(marks) <= count + 1
        and all(math.isfinite(mark) for mark in marks)
        and all(one < other for one, other in pairwise(marks))
    )


@examples
@given(FINITE, FINITE, COUNTS)
def test_ticks_of_any_range_are_finite_in_order_and_few(a: float, b: float, count: int) -> None:
    marks, low, high = ticks(a, b, count), min(a, b), max(a, b)
    assert are_ticks(marks, count)
    # they lie in the range, or beside it by what the reader could not see
    slack = Fraction(max(abs(low), abs(high))) / 10**9 + Fraction(1e-300)
    assert Fraction(low) - slack <= min(marks) and max(marks) <= Fraction(high) + slack
    assert len(set(tick_labels(marks))) == len(marks)


@examples
@given(FINITE, FINITE, COUNTS)
def test_a_scale_around_any_range_has_ends_that_can_be_drawn(
    a: float, b: float, count: int
) -> None:
    low, high = around(min(a, b), max(a, b))
    assert math.isfinite(high - low) and low < high
    unseen = (high - low) / 10**8
    assert low - unseen <= max(-MAX_COORDINATE, min(a, b, MAX_COORDINATE))
    assert min(MAX_COORDINATE, max(a, b, -MAX_COORDINATE)) <= high + unseen
    marks = ticks(low, high, count)
    assert are_ticks(marks, count) and (len(marks) > 1 or count == 2)
    assert len({significant(mark, 6) for mark in ticks(low, high, 6)}) == len(ticks(low, high, 6))
    scale = Scale(low, high, 56, 844)
    assert all(56 <= scale(v) <= 844 for v in (a, b, *marks))
    places = [scale(mark) for mark in marks]
    assert places == sorted(places)


@examples
@given(FINITE, FINITE, COUNTS)
def test_steps_of_any_range_have_room(a: float, b: float, count: int) -> None:
    low, high = onward(min(a, b), max(a, b))
    assert math.isfinite(high - low) and low < high
    assert are_ticks(ticks(low, high, count), count)


@given(POSITIVE, POSITIVE, COUNTS)
@example(TINY, MAX, 10)
@example(TINY, TINY, 10)
@example(2.0, 8.0, 10)
@example(MAX, MAX, 10)
def test_decades_of_any_range_are_finite_in_order_and_few(a: float, b: float, count: int) -> None:
    marks = decades(a, b, count)
    assert are_ticks(marks, count)
    scale = Scale(min(a, b), max(a, b), 56, 844, log=True)
    assert all(56 <= scale(mark) <= 844 for mark in marks)


@given(st.lists(FINITE, min_size=1), st.lists(FINITE))
@example([-MAX, MAX], [])
@example([-MAX, MAX], [-MAX, MAX])
def test_whatever_a_scale_must_reach_can_be_drawn(means: list[float], edges: list[float]) -> None:
    low, high = reach(means, edges)
    assert low <= min(means) and max(means) <= high
    assert math.isfinite(around(low, high)[1] - around(low, high)[0])


@given(st.lists(st.tuples(FINITE | st.just(math.nan) | st.none(), FINITE | st.none())))
def test_a_line_has_no_number_that_is_not_finite(points: list[tuple[float, float]]) -> None:
    frame = Frame(Scale(-1, 1, 0, 100), Scale(*around(-MAX, MAX), 100, 0))
    drawing = frame.line(points) + frame.band(points, points)
    assert "nan" not in drawing and "inf" not in drawing


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0.0, 1.0)),
        (0.02, 0.97, (0.0, 1.0)),
        (3.0, 3.0, (2.4, 3.6)),
        (-7.0, 1e6, (-200_000.0, 1e6)),
        (1e-9, 3e-9, (1e-9, 3e-9)),
        (0.9, 0.9000000000000001, (0.89994, 0.90006)),
        (1e16, 1e16, (4e15, 1.6e16)),
    ],
)
def test_a_scale_begins_and_ends_on_a_tick(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    assert around(low, high) == expected
    marks = ticks(*around(low, high), 6)
    assert (marks[0], marks[-1]) == expected


def test_a_range_within_one_decade_has_round_numbers() -> None:
    assert decades(2, 8, 5) == [2, 4, 6, 8]
    assert decades(0.5, 2000) == [1, 10, 100, 1000]


def test_a_band_neither_crushes_the_lines_nor_leads_below_zero() -> None:
    assert reach([0.0, 1.0], [-50.0, 50.0]) == (0.0, 1.5)
    assert reach([-1.0, 1.0], [-1.5, 1.1]) == (-1.5, 1.1)
    assert reach([2.0], []) == (2.0, 2.0)


def test_names_move_apart_and_stay_on_the_paper() -> None:
    assert apart([10, 20, 90], 100) == [10, 26, 90]
    assert apart([95, 96], 100) == [84, 100]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu 1", ["relu 1"]),
        ("Leaky ReLU, rate 0.01", ["Leaky", "ReLU,", "rate 0.01"]),
        ("学习率过大", ["学习率过", "大"]),
        ("", [""]),
    ],
)
def test_a_name_is_broken_into_lines_that_fit(name: str, expected: list[str]) -> None:
    assert broken(name, 66) == expected


def test_a_name_with_chinese_in_it_keeps_its_spaces() -> None:
    assert broken("ReLU，学习率 0.1", 500) == ["ReLU，学习率 0.1"]
    assert broken("softplus，1 千", 48) == ["softplus，", "1 千"], "no line begins with a comma"


# ---------------------------------------------------------------- and in the browser

SCRIPT = """
import * as chart from "./chart-scale.js";
const { pairs, values } = JSON.parse(await new Response(process.stdin).text());
const both = (low, high) => ({
  ticks: [2, 5, 6, 10, 30, 50].map((count) => chart.ticks(low, high, count)),
  labels: chart.tickLabels(chart.ticks(low, high, 6)),
  around: chart.around(low, high), onward: chart.onward(low, high),
  widened: chart.widened(low, high), reach: chart.reach([low, high], [high, low]),
  decades: low > 0 ? chart.decades(low, high) : [],
});
console.log(JSON.stringify({
  pairs: pairs.map(([low, high]) => both(low, high)),
  values: values.map((value) => [1, 2, 3, 6, 12].map((digits) => chart.number(value, digits))),
}));
"""


def any_doubles(count: int) -> list[float]:
    """Return numbers of all sizes, the same at each call."""
    bits = random.Random(7)
    doubles = (struct.unpack("<d", bits.randbytes(8))[0] for _n in range(2 * count))
    return [value for value in doubles if math.isfinite(value)][:count]


def of_python(low: float, high: float) -> dict[str, Any]:
    return {
        "ticks": [ticks(low, high, count) for count in (2, 5, 6, 10, 30, 50)],
        "labels": tick_labels(ticks(low, high, 6)),
        "around": list(around(low, high)),
        "onward": list(onward(low, high)),
        "widened": list(widened(low, high)),
        "reach": list(reach([low, high], [high, low])),
        "decades": decades(low, high) if low > 0 else [],
    }


def test_a_script_has_the_same_ticks_and_numbers() -> None:
    try:
        node = find_node().program
    except CommandError as missing:
        pytest.skip(str(missing))
    some = any_doubles(600)
    near = [(value, math.nextafter(value, math.inf)) for value in some[:200]]
    pairs = [*PAIRS, *near, *((min(p), max(p)) for p in pairwise(some))]
    pairs = [(low, high) for low, high in pairs if math.isfinite(high)]
    values = [*VALUES, *some, *(value % 1000 for value in some if abs(value) < 1e9)]
    answer = subprocess.run(
        [node, "--input-type=module", "--eval", SCRIPT],
        cwd=settings.PLATFORM / "frontend" / "js",
        input=json.dumps({"pairs": pairs, "values": values}),
        capture_output=True,
        text=True,
        check=True,
    )
    script = json.loads(answer.stdout, parse_int=float)
    for pair, results in zip(pairs, script["pairs"], strict=True):
        assert results == of_python(*pair), pair
    for value, numbers in zip(values, script["values"], strict=True):
        assert numbers == [significant(value, digits) for digits in (1, 2, 3, 6, 12)], value
