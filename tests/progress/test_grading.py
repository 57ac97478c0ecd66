"""The rule of product.md: what was checked grades itself by the first check, a hint costs a step,
the lowest part counts.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from apps.progress import calibration, rating_rules
from apps.progress.calibration import Bin
from apps.progress.interleaving import interleaved
from apps.progress.memory import AGAIN, GOOD, HARD


@pytest.mark.parametrize(
    ("right", "hints", "grade"),
    [(True, 0, GOOD), (True, 1, HARD), (True, 3, HARD), (False, 0, AGAIN), (False, 2, AGAIN)],
)
def test_the_first_check_decides(right: bool, hints: int, grade: int) -> None:
    assert rating_rules.of_check(right, hints) == grade


@pytest.mark.parametrize(
    ("ticked", "of", "hints", "grade"),
    [
        (4, 4, 0, GOOD),
        (4, 4, 1, HARD),
        (3, 4, 0, HARD),
        (2, 4, 0, HARD),
        (1, 4, 0, AGAIN),
        (0, 4, 0, AGAIN),
        (0, 0, 0, AGAIN),
        (1, 1, 0, GOOD),
    ],
)
def test_key_points_grade_what_was_written(ticked: int, of: int, hints: int, grade: int) -> None:
    assert rating_rules.of_points(ticked, of, hints) == grade


def test_more_points_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        rating_rules.of_points(3, 2)


def test_of_several_parts_the_lowest_counts() -> None:
    assert rating_rules.of_parts([GOOD, None, AGAIN, HARD]) == AGAIN
    assert rating_rules.of_parts([None, GOOD, HARD]) == HARD
    assert rating_rules.of_parts([None]) is None


def test_calibration_counts_by_confidence_and_scores_like_brier() -> None:
    bins = [Bin(50, 0, 2), Bin(95, 3, 4)]
    assert [(row.confidence, row.right, row.of) for row in bins] == [(50, 0, 2), (95, 3, 4)]
    assert calibration.brier_score(bins) == pytest.approx((2 * 0.25 + 3 * 0.05**2 + 0.95**2) / 6)
    assert calibration.brier_score([]) is None


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = Bin(75, 8, 10).interval
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    low, high = Bin(95, 3, 3).interval
    assert high == 1.0 and 0.4 < low < 0.5


def test_nobody_is_called_too_sure_after_nine_answers() -> None:
    assert calibration.overconfidence([Bin(95, 0, 9)]) is None
    assert calibration.overconfidence([Bin(95, 0, 10)]) == pytest.approx(0.95)


def test_topics_follow_each_other_where_they_can() -> None:
    assert interleaved([(1, "a"), (2, "a"), (3, "a"), (4, "b")]) == [1, 4, 2, 3]
    assert sorted(interleaved([(n, "abc"[n % 3]) for n in range(20)])) == list(range(20))
    topics = {n: "abc"[n % 3] for n in range(20)}
    order = interleaved(list(topics.items()))
    assert all(topics[a] != topics[b] for a, b in pairwise(order))
