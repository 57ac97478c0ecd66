"""Recordings as files: six digits, the same bytes each time, at most 60 kB; and which numbers count
as the same.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.experiments import recording

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NORMAL = FINITE.filter(lambda x: abs(x) > 1e-300)  # those below have fewer digits


def told(mean: list[float | None]) -> dict[str, Any]:
    batch = {"arm": "relu 1", "series": "dead", "step": [0.0], "mean": mean, "low": [], "high": []}
    verdicts = [{"claim": "a.b", "effect": 1 / 3, "replicates": 3}]
    return {"run": {"config": {"x": 0.123456789}}, "verdicts": verdicts, "batches": [batch]}


def test_points_are_rounded_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    recording.write(path, told([1 / 3, -2e-9 / 3, 1234567.8, None, 0.0]))
    expected = told([0.333333, -6.66667e-10, 1234570.0, None, 0.0])
    assert recording.read(path) == expected
    before = path.read_bytes()
    recording.write(path, recording.read(path))
    assert path.read_bytes() == before


def test_a_recording_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    path, generator = tmp_path / "a.json.gz", random.Random(0)
    with pytest.raises(ValueError, match=r"a\.json\.gz .* at most 60000"):
        recording.write(path, told([generator.random() for _ in range(30_000)]))
    assert not path.exists()


@given(NORMAL)
def test_a_number_is_the_same_as_its_recorded_form(number: float) -> None:
    assert recording.is_same(number, recording.rounded(number))
    assert not recording.is_same(number, number * 1.0001) or abs(number) < 1e-7


@given(FINITE)
def test_rounding_again_changes_nothing(number: float) -> None:
    once = recording.rounded(number)
    assert recording.rounded(once) == once


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (0.123456, 0.123457, True),
        (0.123456, 0.123459, False),
        (1.0, 1.00002, False),
        (3.3e-16, 0.0, True),
        (1e-9, 2e-9, False),
        (None, None, True),
        (None, 0.0, False),
    ],
)
def test_numbers_are_compared_at_six_digits(
    first: float | None, second: float | None, same: bool
) -> None:
    assert recording.is_same(first, second) is recording.is_same(second, first) is same
