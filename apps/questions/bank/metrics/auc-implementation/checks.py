"""The reference against scikit-learn, each step of the rank formula, and how each wrong solution is
caught.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).parent
Auc = Callable[[np.ndarray, np.ndarray], float]


def solution(file: str) -> Auc:
    return runpy.run_path(str(HERE / file))["auc"]


REFERENCE = solution("reference.py")
INPUTS = {  # the names that question.toml gives to what catches a wrong solution
    "four": ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]),
    "ties": ([0.5, 0.5, 0.5, 0.9], [0, 1, 1, 0]),
    "no positives": ([0.2, 0.7], [0, 0]),
    "no negatives": ([0.2, 0.7], [1, 1]),
}


def given(name: str) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = INPUTS[name]
    return np.array(scores), np.array(labels)


def variant(rng: np.random.Generator, n: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of that many levels (n,) and labels with both classes (n,)."""
    return rng.integers(0, levels, n) / levels, rng.permutation(
        np.r_[0, 1, rng.integers(0, 2, n - 2)]
    )


def by_pairs(scores: np.ndarray, labels: np.ndarray) -> float:
    difference = scores[labels == 1][:, None] - scores[labels == 0]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def by_trapezoids(scores: np.ndarray, labels: np.ndarray, grouped: bool = True) -> float:
    """Integrate the ROC curve; without grouping, each example makes a step of its own, in the order
    of the input.
    """
    order = np.argsort(-scores, kind="stable")
    ends = (
        np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
        if grouped
        else np.arange(len(scores))
    )
    up, right = (
        np.r_[0, np.cumsum(labels[order] == one)[ends]] / (labels == one).sum() for one in (1, 0)
    )
    return float(np.trapezoid(up, right))


def test_the_four_scores_give_three_quarters() -> None:
    assert REFERENCE(*given("four")) == 0.75


def test_the_reference_equals_scikit_learn_on_300_random_cases() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        scores, labels = variant(rng, int(rng.integers(2, 200)), int(rng.choice([3, 20, 10**6])))
        assert REFERENCE(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_ranks_pairs_and_trapezoids_agree() -> None:
    rng = np.random.default_rng(1)
    for levels in (2, 5, 50, 10**6):
        scores, labels = variant(rng, 300, levels)
        p, q = (labels == 1).sum(), (labels == 0).sum()
        by_ranks = (rankdata(scores)[labels == 1].sum() - p * (p + 1) / 2) / (p * q)
        assert by_ranks == pytest.approx(by_pairs(scores, labels), abs=1e-12)
        assert by_ranks == pytest.approx(by_trapezoids(scores, labels), abs=1e-12)
        assert by_ranks == pytest.approx(REFERENCE(scores, labels), abs=1e-12)


def test_without_ties_the_positives_among_themselves_make_p_times_p_plus_one_half() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.permutation(50), np.r_[np.ones(12), np.zeros(38)]
    positives = scores[labels == 1]
    among_themselves = sum(1 + (positives < s).sum() for s in positives)
    assert among_themselves == 12 * 13 / 2
    assert rankdata(scores)[labels == 1].sum() - among_themselves == sum(
        (scores[labels == 0] < s).sum() for s in positives
    )


def test_the_average_rank_of_a_group_lies_half_of_the_others_above_what_is_below() -> None:
    for m, g in ((0, 1), (3, 4), (10, 7)):
        ranks = (
            rankdata([0.0] * m + [1.0] * g) if m == 0 else rankdata(list(range(-m, 0)) + [1.0] * g)
        )
        assert (ranks[m:] == m + (g + 1) / 2).all() and m + (g + 1) / 2 == 1 + m + (g - 1) / 2


def test_stepping_through_a_tie_depends_on_the_order_of_the_rows() -> None:
    scores, labels = given("ties")
    first = {one: np.argsort(labels != one, kind="stable") for one in (0, 1)}
    up_first, right_first = (
        by_trapezoids(scores[first[one]], labels[first[one]], grouped=False) for one in (1, 0)
    )
    assert right_first < REFERENCE(scores, labels) < up_first
    assert (
        by_trapezoids(scores[::-1], labels[::-1])
        == by_trapezoids(scores, labels)
        == REFERENCE(scores, labels)
    )


def test_a_histogram_is_off_by_at_most_half_of_the_pairs_that_share_a_bin() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 5000)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.15), 0, 0.999)
    bins = np.floor(scores * 200)
    together = (bins[labels == 1][:, None] == bins[labels == 0]).mean()
    gap = abs(REFERENCE(bins, labels) - REFERENCE(scores, labels))
    assert 0 < gap <= together / 2 < 0.01


def test_every_rank_sum_of_the_variant_can_occur() -> None:
    """Any whole number between the sums of the lowest and of the highest p ranks is the sum of some
    p of them.
    """
    for n in (20, 24, 30):
        for p in (4, 5, 6):
            assert p * (p + 1) / 2 <= 46 and sum(range(n - p + 1, n + 1)) >= 66


@pytest.mark.parametrize("file", sorted(path.name for path in (HERE / "wrong").glob("*.py")))
def test_wrong_solutions_are_right_where_nothing_is_tied_or_missing(file: str) -> None:
    assert solution(f"wrong/{file}")(*given("four")) == pytest.approx(0.75)


@pytest.mark.parametrize("file", ["ignores_ties", "counts_ties_as_wins"])
def test_two_are_wrong_about_ties(file: str) -> None:
    assert REFERENCE(*given("ties")) == 0.25
    assert solution(f"wrong/{file}.py")(*given("ties")) == pytest.approx(0.5)


def test_one_leaves_its_input_sorted() -> None:
    scores, labels = given("four")
    solution("wrong/mutates_its_input.py")(scores, labels)
    assert not np.array_equal(scores, given("four")[0])
    REFERENCE(*(kept := given("four")))
    assert np.array_equal(kept[0], given("four")[0]) and np.array_equal(kept[1], given("four")[1])


@pytest.mark.parametrize("name", ["no positives", "no negatives"])
def test_one_answers_a_half_where_a_class_is_missing(name: str) -> None:
    assert solution("wrong/returns_half_without_positives.py")(*given(name)) == 0.5
    with pytest.raises(ValueError, match="both classes"):
        REFERENCE(*given(name))


class Counted(np.ndarray):
    """An array that counts how many numbers it hands to comparisons and arithmetic."""

    handled = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        Counted.handled += max(np.size(array) for array in inputs)
        return getattr(ufunc, method)(*(np.asarray(array) for array in inputs), **options)


def work(auc: Auc, n: int) -> int:
    """Return how many numbers pass through elementwise operations on the scores of n examples."""
    rng = np.random.default_rng(4)
    Counted.handled = 0
    auc(rng.random(n).view(Counted), np.arange(n) % 2)
    return Counted.handled


def test_one_compares_all_pairs() -> None:
    all_pairs = solution("wrong/all_pairs.py")
    assert work(all_pairs, 2000) == pytest.approx(4 * work(all_pairs, 1000), rel=0.01)
    assert work(all_pairs, 1000) >= 500 * 500
    assert work(REFERENCE, 2000) <= 2.2 * work(REFERENCE, 1000) + 100
