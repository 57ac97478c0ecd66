"""Calibration: the score, intervals, and overconfidence."""

from __future__ import annotations

import pytest

from apps.progress import calibration
from apps.progress.calibration import Bin


def test_the_score_is_briers() -> None:
    bins = [Bin(50, 0, 2), Bin(95, 3, 4)]
    assert calibration.brier_score(bins) == pytest.approx((2 * 0.25 + 3 * 0.05**2 + 0.95**2) / 6)
    assert calibration.brier_score([]) is None


def test_the_interval_of_a_fraction_is_wilsons() -> None:
    low, high = Bin(75, 8, 10).interval
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    low, high = Bin(95, 3, 3).interval
    assert high == 1.0 and 0.4 < low < 0.5


def test_overconfidence_is_not_reported_below_ten_answers() -> None:
    assert calibration.overconfidence([Bin(95, 0, 9)]) is None
    assert calibration.overconfidence([Bin(95, 0, 10)]) == pytest.approx(0.95)
