"""A verdict is the region in which the whole interval lies, and never more than the data can
tell.
"""

import logging
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats

from workers.engine import (
    NEVER,
    RULES,
    Curve,
    Point,
    Points,
    Verdict,
    above,
    all_of,
    below,
    claim,
    decide,
    decide_ratio,
    describe,
    evaluate_claims,
    exact,
    unanimous,
    within,
)


def around(mean: float, spread: float = 0.02, replicates: int = 16) -> np.ndarray:
    """Return replicates whose mean is exactly as given."""
    noise = np.random.default_rng(0).normal(size=replicates)
    return mean + spread * (noise - noise.mean())


@pytest.mark.parametrize(
    ("mean", "outcome"),
    [
        (0.5, "holds"),
        (0.2, "depends"),
        (0.02, "does_not_hold"),
        (0.3, "inconclusive"),
        (0.1, "inconclusive"),
    ],
)
def test_the_outcome_is_the_region_of_the_whole_interval(mean: float, outcome: str) -> None:
    verdict = decide(around(mean), holds=above(0.3), fails=below(0.1))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(mean)
    assert (
        verdict.low is not None and verdict.high is not None and verdict.low < mean < verdict.high
    )


def test_no_difference_is_as_provable_as_a_difference() -> None:
    assert decide(around(0.0), holds=within(-0.05, 0.05), fails=above(0.05)).outcome == "holds"
    assert (
        decide(around(0.0, spread=1.0), holds=within(-0.05, 0.05), fails=above(0.05)).outcome
        == "inconclusive"
    )


@pytest.mark.parametrize("replicates", [3, 5, 16, 64])
def test_the_interval_is_students(replicates: int) -> None:
    values = np.random.default_rng(1).normal(3, 2, replicates)
    low, high = stats.t.interval(0.95, replicates - 1, values.mean(), stats.sem(values))
    assert describe(values) == pytest.approx((values.mean(), low, high), rel=1e-12)


@pytest.mark.slow
def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(2).normal(size=(4000, 16))
    covered = np.mean([low <= 0 <= high for _, low, high in map(describe, draws)])
    assert covered == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


def test_values_that_are_not_finite_are_left_out_and_counted() -> None:
    values = torch.tensor([torch.nan, torch.inf, 0.5, 0.6, 0.7])
    verdict = decide(values, holds=above(0.1), fails=below(0.0))
    assert (verdict.replicates, verdict.diverged) == (3, 2)
    assert verdict.effect == pytest.approx(0.6)
    assert describe(values)[0] == pytest.approx(0.6)


@pytest.mark.parametrize("finite", [0, 1, 2])
def test_too_few_finite_replicates_decide_nothing_and_show_no_interval(finite: int) -> None:
    values = [0.5] * finite + [math.nan] * 14
    verdict = decide(values, holds=above(0.3), fails=below(0.1))
    assert (verdict.outcome, verdict.effect, verdict.replicates, verdict.diverged) == (
        "inconclusive",
        None,
        finite,
        14,
    )
    assert describe(values) == ((0.5 if finite else None), None, None)


def test_equal_values_have_an_interval_without_width_and_without_rounding() -> None:
    assert describe([0.1] * 7) == (0.1, 0.1, 0.1)
    assert decide([0.1] * 7, holds=below(0.1), fails=above(0.2)).outcome == "holds"


def test_an_interval_ends_where_no_mean_can_be() -> None:
    fractions = [0.0, 0.0, 0.1]
    assert decide(fractions, holds=above(0.3), fails=below(0.2)).low < 0  # type: ignore[operator]
    verdict = decide(fractions, holds=above(0.3), fails=below(0.2), possible=within(0, 1))
    assert (verdict.low, verdict.high) == (
        0,
        decide(fractions, holds=above(0.3), fails=below(0.2)).high,
    )
    assert decide([0.9, 1, 1], holds=above(0.6), fails=below(0.2), possible=within(0, 1)).high == 1


@pytest.mark.parametrize(
    ("ratio", "outcome"), [(2.0, "holds"), (1.1, "depends"), (1.0, "does_not_hold")]
)
def test_ratios_are_averaged_as_logarithms(ratio: float, outcome: str) -> None:
    verdict = decide_ratio(ratio * np.exp(around(0, 0.01)), holds=above(1.2), fails=below(1.05))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(ratio)
    assert verdict.low is not None and verdict.high is not None
    assert verdict.low * verdict.high == pytest.approx(ratio**2)


def test_a_ratio_to_nothing_is_not_a_number() -> None:
    assert (
        decide_ratio(
            [0.0, -1.0, math.nan, 2.0, 2.0, 2.0], holds=above(1.5), fails=below(1)
        ).replicates
        == 3
    )


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(5.0, "holds"), (1.5, "depends"), (0.0, "does_not_hold"), (math.nan, "inconclusive")],
)
def test_an_exact_number_is_judged_without_replicates(value: float, outcome: str) -> None:
    verdict = exact(np.array([value]), holds=above(2), depends=within(1, 2))
    assert (verdict.outcome, verdict.exact) == (outcome, True)
    assert (verdict.low, verdict.high) == (None, None)


def verdict_of(outcome: str, effect: float | None = 0.5) -> Verdict:
    return Verdict(outcome, effect, effect, effect, 16, diverged=1)


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "depends"], "depends"),
        (["depends", "inconclusive"], "inconclusive"),
        (["inconclusive", "does_not_hold"], "does_not_hold"),
    ],
)
def test_a_claim_of_several_parts_is_as_weak_as_its_weakest(
    outcomes: list[str], whole: str
) -> None:
    verdict = all_of(main=verdict_of(outcomes[0], 0.7), other=verdict_of(outcomes[1], 0.1))
    assert (verdict.outcome, verdict.effect, verdict.diverged) == (whole, 0.7, 1)
    assert [(name, part.outcome) for name, part in verdict.parts] == [
        ("main", outcomes[0]),
        ("other", outcomes[1]),
    ]


def test_replicates_and_those_left_out_are_the_main_parts() -> None:
    main, other = (
        Verdict("holds", 1.0, 1.0, 1.0, 16, diverged=0),
        Verdict("inconclusive", None, None, None, 2, diverged=14),
    )
    assert (all_of(main=main, other=other).replicates, all_of(main=main, other=other).diverged) == (
        16,
        0,
    )


def test_a_claim_whose_main_part_has_no_numbers_is_undecided() -> None:
    assert (
        all_of(main=verdict_of("inconclusive", None), other=verdict_of("does_not_hold")).outcome
        == "inconclusive"
    )


def test_a_whole_is_exact_where_all_of_it_is() -> None:
    assert all_of(a=exact(1, holds=above(0)), b=exact(1, holds=above(0))).exact
    assert not all_of(a=exact(1, holds=above(0)), b=verdict_of("holds")).exact


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        (["holds", "holds", "holds"], "holds"),
        (["does_not_hold", "does_not_hold"], "does_not_hold"),
        (["holds", "does_not_hold", "inconclusive"], "depends"),
        (["holds", "inconclusive"], "inconclusive"),
        (["inconclusive"], "inconclusive"),
    ],
)
def test_a_claim_that_is_right_in_places_depends(outcomes: list[str], whole: str) -> None:
    parts = {f"part_{n}": verdict_of(outcome) for n, outcome in enumerate(outcomes)}
    verdict = unanimous(verdict_of("depends", 0.9), **parts)
    assert (verdict.outcome, verdict.effect, len(verdict.parts)) == (whole, 0.9, len(outcomes))


def test_nothing_lies_never() -> None:
    assert decide(around(1e300), holds=below(0), fails=NEVER).outcome == "depends"


@pytest.fixture
def rules() -> Iterator[None]:
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


def test_a_rule_that_raises_leaves_only_its_own_claim_undecided(
    rules: None, caplog: pytest.LogCaptureFixture
) -> None:
    @claim("made-up.breaks")
    def breaks(points: Points) -> Verdict:
        return decide(points.last("no such arm", "loss"), holds=above(0), fails=below(0))

    @claim("made-up.works")
    def works(points: Points) -> Verdict:
        return decide(points.last("arm", "loss"), holds=above(0), fails=below(0))

    points = Points([Point("arm", 0, {"loss": torch.ones(16)})])
    with caplog.at_level(logging.ERROR):
        verdicts = dict(evaluate_claims(points, ["made-up.breaks", "made-up.works"]))
    assert verdicts["made-up.works"].outcome == "holds"
    assert (verdicts["made-up.breaks"].outcome, verdicts["made-up.breaks"].effect) == (
        "inconclusive",
        None,
    )
    assert "made-up.breaks" in caplog.text and "no such arm" in caplog.text


def test_points_and_curves_are_read_alike() -> None:
    values = torch.arange(6.0).view(3, 2)
    single = Points(
        Point("a", step, {"s": row}) for step, row in zip((0, 1, 5), values, strict=True)
    )
    whole = Points([Curve("a", (0, 1, 5), {"s": values})])
    for points in (single, whole):
        assert points.series("a", "s").tolist() == values.tolist()
        assert points.steps("a", "s").tolist() == [0, 1, 5]
        assert points.first("a", "s").tolist() == [0, 1]
        assert points.last("a", "s").tolist() == [4, 5]
        assert ("a", "s") in points and ("a", "t") not in points
    with pytest.raises(KeyError, match="'t'"):
        whole.last("a", "t")
