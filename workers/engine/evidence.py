"""From points to verdicts: intervals over replicates, regions of effects, rules."""

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

MIN_FINITE_REPLICATES = 3  # finite replicates: fewer decide nothing, and show no interval


@dataclass(frozen=True)
class Range:
    low: float = -math.inf
    high: float = math.inf

    def logs(self) -> Range:
        """Return the range of the logarithms of what lies in this range."""
        return Range(
            *(math.log(bound) if bound > 0 else -math.inf for bound in (self.low, self.high))
        )


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
    """What a rule says. Of a claim with several parts, effect and interval are those of the
    first.
    """

    outcome: str  # holds, does_not_hold, depends, inconclusive
    # None when too few replicates are finite: the page then says so in place of the claim's words
    effect: float | None
    low: float | None  # of the 95 % interval; None for an exact verdict
    high: float | None
    replicates: int  # finite ones
    diverged: int = 0  # without a finite value: left out
    exact: bool = False  # closed form: no replicates, no interval
    # name (a key of the lab's words) and verdict of each condition
    parts: tuple[tuple[str, Verdict], ...] = ()


UNDECIDED = Verdict("inconclusive", None, None, None, 0)  # there was nothing to compare


def decide(effect: Any, holds: Range, fails: Range, possible: Range = ANYWHERE) -> Verdict:
    """Say in which region the mean effect lies, if the data can tell.

    The line is cut into `holds`, `fails` and the rest ("depends"). The outcome is the region that
    the whole 95 % interval of the mean lies in; an interval across a border is inconclusive: the
    cure is more replicates. A rule therefore names the smallest effect that matters, never a
    multiple of the standard error.

    Args:
        effect: one value per replicate (replicates,); paired differences where arms share seeds.
            Values that are not finite (the replicate diverged, or had nothing to show) are left
            out and counted; below three finite ones it is inconclusive.
        possible: what a mean can be, say 0 to 1 for a share: the interval ends there, or it would
            tell of impossible means.
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
    touched = [name for name, r in regions.items() if low <= r.high and r.low <= high]
    outcome = inside[0] if inside else "inconclusive" if touched else "depends"
    return Verdict(outcome, mean, low, high, len(finite), diverged)


def decide_ratio(ratio: Any, holds: Range, fails: Range) -> Verdict:
    """Decide on the geometric mean of positive ratios (replicates,): their logarithms are averaged,
    so 2 and 1/2 balance.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        verdict = decide(np.log(as_numbers(ratio)), holds.logs(), fails.logs())
    if verdict.effect is None or verdict.low is None or verdict.high is None:
        return verdict
    return replace(
        verdict,
        effect=math.exp(verdict.effect),
        low=math.exp(verdict.low),
        high=math.exp(verdict.high),
    )


def exact(effect: Any, holds: Range, depends: Range = NEVER) -> Verdict:
    """Say in which region a number known in closed form lies: what is in neither does not hold.

    One that is not finite decides nothing.

    Args:
        effect: a number, or an array that holds one.
    """
    value = float(as_numbers(effect).item())
    if not math.isfinite(value):
        return replace(UNDECIDED, exact=True)
    inside = [
        name for name, r in {"holds": holds, "depends": depends}.items() if r.low <= value <= r.high
    ]
    return Verdict(inside[0] if inside else "does_not_hold", value, None, None, 1, exact=True)


def all_of(**parts: Verdict) -> Verdict:
    """Return the verdict on a claim of several parts, the main one first: it holds only where all
    do.

    The outcome is that of the weakest part; effect, interval and replicates, also those left out,
    are the first part's. A first part that has no numbers leaves the whole claim undecided, since
    nothing could be said about what it is about.
    """
    order = ("does_not_hold", "inconclusive", "depends", "holds")
    main, *_ = parts.values()
    weakest = min((part.outcome for part in parts.values()), key=order.index)
    return replace(
        main,
        outcome="inconclusive" if main.effect is None else weakest,
        exact=all(part.exact for part in parts.values()),
        parts=tuple(parts.items()),
    )


def unanimous(main: Verdict, **parts: Verdict) -> Verdict:
    """Return the verdict on a claim that may be right in one place and wrong in another, with the
    effect of `main`.

    All parts hold: it holds. None does: it does not. Some hold and some do not: it depends,
    whatever the others say. Otherwise it is inconclusive.
    """
    said = {part.outcome for part in parts.values()}
    mixed = "depends" if {"holds", "does_not_hold"} <= said else "inconclusive"
    return replace(
        main, outcome=said.pop() if len(said) == 1 else mixed, parts=tuple(parts.items())
    )


def describe(values: Any) -> tuple[float | None, float | None, float | None]:
    """Return mean, low and high: the 95 % interval of the mean over the finite values, as verdicts
    use it.

    Low and high are None for fewer than three finite values, the mean too where there is none.
    """
    numbers = as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None, None, None
    mean = float(finite.mean())
    if len(finite) < MIN_FINITE_REPLICATES:
        return mean, None, None
    # the mean of equal numbers may be off by a rounding, and lie across a border
    if (finite == finite[0]).all():
        return (float(finite[0]),) * 3
    half = _t_quantile(len(finite)) * float(finite.std(ddof=1)) / math.sqrt(len(finite))
    return mean, mean - half, mean + half


@lru_cache
def _t_quantile(replicates: int) -> float:
    return float(special.stdtrit(replicates - 1, 0.975))


Rule = Callable[[Points], Verdict]
RULES: dict[str, Rule] = {}


def claim(slug: str) -> Callable[[Rule], Rule]:
    """Register a rule: a pure function from the points of a run to a verdict."""

    def register(rule: Rule) -> Rule:
        RULES[slug] = rule
        return rule

    return register


def evaluate_claims(points: Points, claims: Sequence[str]) -> list[tuple[str, Verdict]]:
    """Return the verdict on each claim. A rule that raises leaves its own claim undecided, and says
    why in the log.

    Raises:
        KeyError: no lab that was loaded has registered a rule for a claim.
    """
    verdicts = []
    for slug, rule in [(slug, RULES[slug]) for slug in claims]:
        try:
            verdicts.append((slug, rule(points)))
        except Exception:
            log.exception("the rule of %s raised; its claim is inconclusive", slug)
            verdicts.append((slug, UNDECIDED))
    return verdicts
