"""Ratings: the first check of a part decides, a hint costs a step, the lowest part counts."""

from __future__ import annotations

import pytest

from apps.progress import rating_rules
from apps.progress.memory import AGAIN, GOOD, HARD


@pytest.mark.parametrize(
    ("right", "hints", "rating"),
    [(True, 0, GOOD), (True, 1, HARD), (True, 3, HARD), (False, 0, AGAIN), (False, 2, AGAIN)],
)
def test_the_first_check_decides(right: bool, hints: int, rating: int) -> None:
    assert rating_rules.of_check(right, hints) == rating


@pytest.mark.parametrize(
    ("ticked", "of", "hints", "rating"),
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
def test_key_points_rate_what_was_written(ticked: int, of: int, hints: int, rating: int) -> None:
    assert rating_rules.of_points(ticked, of, hints) == rating


def test_more_points_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        rating_rules.of_points(3, 2)


@pytest.mark.parametrize(
    ("hints", "checked", "ratings"),
    [
        (0, None, [AGAIN, HARD, GOOD]),
        (1, None, [AGAIN, HARD, HARD]),
        (0, HARD, [AGAIN, HARD, HARD]),
        (0, AGAIN, [AGAIN, AGAIN, AGAIN]),
    ],
)
def test_each_number_of_ticks_has_the_rating_that_ticking_gives(
    hints: int, checked: int | None, ratings: list[int]
) -> None:
    assert rating_rules.by_ticks(2, hints, checked) == ratings
    assert ratings == [
        rating_rules.of_parts([rating_rules.of_points(n, 2, hints), checked]) for n in range(3)
    ]


def test_of_several_parts_the_lowest_counts() -> None:
    assert rating_rules.of_parts([GOOD, None, AGAIN, HARD]) == AGAIN
    assert rating_rules.of_parts([None, GOOD, HARD]) == HARD
    assert rating_rules.of_parts([None]) is None
