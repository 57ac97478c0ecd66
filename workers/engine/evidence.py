"""From points to verdicts: intervals over replicates, regions of effects, rules of claims."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special

from workers.engine.points import Points, as_numbers

log = logging.getLogger(__name__)

MIN_FINITE_REPLICATES = 3  # fewer decide nothing, and have no interval


@dataclass(frozen=True)
class Range:
    """A closed interval of effects."""

    low: float = -math.inf
    high: float = math.inf

    def logs(self) -> Range:
        """Return the range of the logarithms of the positive numbers in this range."""
        low, high = (math.log(x) if x > 0 else -math.inf for x in (self.low, self.high))
        return Range(low, high)


NEVER = Range(math.inf, math.inf)  # no effect lies here
ANYWHERE = Range()


def above(bound: float) -> Range:
    return Range(low=bound)


def below(bound: float) -> Range:
    return Range(high=bound)


def within(low: float, high: float) -> Range:
    return Range(low, high)


@dataclass(frozen=True)
class Verdict:
    """What a rule returns. If a claim has parts, effect and interval are those of the first."""

    outcome: str  # holds, does_not_hold, depends, inconclusive
    effect: float | None  # None when too few replicates are finite
    low: float | None  # of the 95 % interval; None for an exact verdict
    high: float | None
    replicates: int  # finite ones
    diverged: int = 0  # replicates without a finite value, which are left out
    exact: bool = False  # known in closed form: no replicates, no interval
    parts: tuple[tuple[str, Verdict], ...] = ()  # name (as in the lab's .toml) and verdict of each


UNDECIDED = Verdict("inconclusive", None, None, None, 0)  # there is nothing to compare


def decide(effect: Any, holds: Range, fails: Range, possible: Range = ANYWHERE) -> Verdict:
    """Return in which region the mean effect lies, if the data can tell.

    The line is cut into `holds`, `fails` and the rest ("depends"). The outcome is the region that
    contains the whole 95 % interval of the mean. An interval that crosses a border is inconclusive:
    more replicates would make it narrower. A rule therefore names the smallest effect that matters,
    never a multiple of the standard error.

    Args:
        effect: one value per replicate (replicates,); paired differences where arms share seeds.
            Values that are not finite (the replicate diverged, or there was nothing to count) are
            left out and counted as diverged; fewer than three finite ones are inconclusive.
        possible: where the mean can lie, such as 0 to 1 for a fraction: the interval is cut off
            there.
    Source: Kruschke (2018), "Rejecting or accepting parameter values",
    https://doi.org/10.1177/2515245918771304
    """
    values = as_numbers(effect)
    finite = values[np.isfinite(values)]
    diverged = len(values) - len(finite)
    mean, low, high = describe(finite)
    if low is None or high is None:
        return Verdict("inconclusive", None, None, None, len(finite), diverged)
    low, high = max(low, possible.low), min(high, possible.high)
    regions = {"holds": holds, "does_not_hold": fails}
    inside = [name for name, r in regions.items() if r.low <= low and high <= r.high]
    overlapping = [name for name, r in regions.items() if low <= r.high and r.low <= high]
    outcome = inside[0] if inside else "inconclusive" if overlapping else "depends"
    return Verdict(outcome, mean, low, high, len(finite), diverged)


def decide_ratio(ratio: Any, holds: Range, fails: Range) -> Verdict:
    """Decide on the geometric mean of positive ratios (replicates,), in which 2 and 1/2 balance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        verdict = decide(np.log(as_numbers(ratio)), holds.logs(), fails.logs())
    if verdict.effect is None or verdict.low is None or verdict.high is None:
        return verdict
    effect, low, high = (math.exp(x) for x in (verdict.effect, verdict.low, verdict.high))
    return replace(verdict, effect=effect, low=low, high=high)


def exact(effect: Any, holds: Range, depends: Range = NEVER) -> Verdict:
    """Return in which region a number known in closed form lies; outside both it does not hold.

    A number that is not finite is inconclusive.

    Args:
        effect: a number, or an array of one.
    """
    value = float(as_numbers(effect).item())
    if not math.isfinite(value):
        return replace(UNDECIDED, exact=True)
    regions = {"holds": holds, "depends": depends}
    inside = [name for name, r in regions.items() if r.low <= value <= r.high]
    return Verdict(inside[0] if inside else "does_not_hold", value, None, None, 1, exact=True)


def all_of(**parts: Verdict) -> Verdict:
    """Return the verdict on a claim that holds only if all its parts do, the main part first.

    The outcome is that of the weakest part. Effect, interval and the numbers of replicates are
    those of the first part. If the first part has no effect, the claim is inconclusive: there would
    be no number to state.
    """
    weakest_first = ("does_not_hold", "inconclusive", "depends", "holds")
    main, *_ = parts.values()
    weakest = min((part.outcome for part in parts.values()), key=weakest_first.index)
    return replace(
        main,
        outcome="inconclusive" if main.effect is None else weakest,
        exact=all(part.exact for part in parts.values()),
        parts=tuple(parts.items()),
    )


def unanimous(main: Verdict, **parts: Verdict) -> Verdict:
    """Return the verdict on a claim that may hold in some parts only, with the effect of `main`.

    If all parts have the same outcome, it is that one. If some hold and some do not, it depends,
    whatever the others are. Otherwise it is inconclusive.
    """
    outcomes = {part.outcome for part in parts.values()}
    mixed = "depends" if {"holds", "does_not_hold"} <= outcomes else "inconclusive"
    outcome = outcomes.pop() if len(outcomes) == 1 else mixed
    return replace(main, outcome=outcome, parts=tuple(parts.items()))


def describe(values: Any) -> tuple[float | None, float | None, float | None]:
    """Return the mean of the finite values, and low and high of its 95 % interval (Student's).

    Low and high are None for fewer than three finite values; the mean is None if there is none.
    """
    numbers = as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None, None, None
    mean = float(finite.mean())
    if len(finite) < MIN_FINITE_REPLICATES:
        return mean, None, None
    # The mean of equal numbers may be off by a rounding, and so cross a border.
    if (finite == finite[0]).all():
        return (float(finite[0]),) * 3
    half_width = _t_quantile(len(finite)) * float(finite.std(ddof=1)) / math.sqrt(len(finite))
    return mean, mean - half_width, mean + half_width


@lru_cache
def _t_quantile(replicates: int) -> float:
    return float(special.stdtrit(replicates - 1, 0.975))


Rule = Callable[[Points], Verdict]
RULES: dict[str, Rule] = {}


def claim(slug: str) -> Callable[[Rule], Rule]:
    """Register the rule of a claim: a pure function from the points of a run to a verdict."""

    def register(rule: Rule) -> Rule:
        RULES[slug] = rule
        return rule

    return register


def evaluate_claims(points: Points, claims: Sequence[str]) -> list[tuple[str, Verdict]]:
    """Return each claim with its verdict; if a rule raises, its claim is inconclusive, and the log
    has the traceback.

    Raises:
        KeyError: no loaded lab has registered a rule for a claim.
    """
    verdicts = []
    for slug, rule in [(slug, RULES[slug]) for slug in claims]:
        try:
            verdicts.append((slug, rule(points)))
        except Exception:
            log.exception("the rule of %s raised; its claim is inconclusive", slug)
            verdicts.append((slug, UNDECIDED))
    return verdicts
