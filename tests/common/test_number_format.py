"""Numbers as a page shows them: short, whatever their size."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.common.number_format import MAX_DIGITS, format_number, significant

TINY = Fraction(5e-324)  # the smallest double above zero
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPECS = st.sampled_from(
    ["", ".3g", "g", ".1g", ".17g", ".0f", ".6f", ".0%", ".1%", "+z.0%", "z.3f", ".40f", "e"]
)


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (3.3306690738754696e-16, ".3g", "3.33e-16"),
        (3.3306690738754696e-16, "", "3.33e-16"),
        (3.3306690738754696e-16, ".32f", "3.33e-16"),
        (3.3306690738754696e-16, ".1g", "3e-16"),
        (3.3306690738754696e-16, ".6f", "0.000000"),
        (0.66, ".0%", "66%"),
        (0.0312, ".1%", "3.1%"),
        (1e300, ".1%", "1e302%"),
        (1e300, "+z.0%", "+1e302%"),
        (-1e300, "+z.0%", "-1e302%"),
        (sys.float_info.max, ".2f", "1.8e308"),
        (1.5, ".2f", "1.50"),
        (-1e-9, "z.3f", "0.000"),
        (-0.004, ".0%", "0%"),
        (-0.0, ".0%", "0%"),
        (-0.0001, ".1%", "0.0%"),
        (-0.004, "+.0%", "+0%"),
        (-1e-9, ".2f", "0.00"),
        (-0.006, ".0%", "-1%"),
        (-0.04, ".2f", "-0.04"),
        (0.0, ".3g", "0"),
        (-0.0, ".3g", "0"),
        (1234.5, ".3g", "1235"),
        (999_999.0, ".3g", "999999"),
        (1e6, "g", "1e6"),
        (1e16, ".2e", "1.00e16"),
        (0.0001, ".3g", "0.0001"),
        (0.00001, ".3g", "1e-5"),
        (0.1 + 0.2, ".3g", "0.3"),
        (5e-324, ".3g", "4.94e-324"),
        (None, ".0%", "–"),
        (math.inf, ".2f", "–"),
        (math.nan, ".3g", "–"),
    ],
)
def test_a_number_reads_as_a_person_would_write_it(
    value: float | None, spec: str, expected: str
) -> None:
    assert format_number(value, spec) == expected


@given(FINITE, SPECS)
def test_no_number_fills_a_line(value: float, spec: str) -> None:
    assert len(format_number(value, spec)) <= MAX_DIGITS + len("+.e-308%")


@given(FINITE, st.integers(1, MAX_DIGITS))
@example(1.5e308, 1)
def test_a_number_keeps_its_significant_digits(value: float, digits: int) -> None:
    # as fractions: 1.5e308 with one digit is 2e308, which is no double
    error = abs(Fraction(significant(value, digits)) - Fraction(value))
    assert error <= max(abs(Fraction(value)) * Fraction(51, 100) / 10 ** (digits - 1), TINY)


def test_a_spec_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        format_number(1.0, "q")
