"""Calibration: whether someone is right as often as they are confident."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MIN_ANSWERS = 10  # below this, no bias is reported
Z_95 = 1.959963984540054  # standard normal quantile of a 95 % interval


@dataclass(frozen=True)
class Bin:
    """Answers given with the same confidence."""

    confidence: int  # percent
    right: int
    of: int

    @property
    def fraction(self) -> float:
        return self.right / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the fraction, by Wilson (1927): within 0 and 1, and valid for few
        answers.
        """
        centre = (self.right + Z_95**2 / 2) / (self.of + Z_95**2)
        spread = math.sqrt(self.right * (self.of - self.right) / self.of + Z_95**2 / 4)
        half = Z_95 * spread / (self.of + Z_95**2)
        return max(0.0, centre - half), min(1.0, centre + half)


def brier_score(bins: Iterable[Bin]) -> float | None:
    """Return the mean of (confidence - right) squared, 0 to 1: less is better; none without
    answers. Source: Brier (1950).
    """
    total, answers = 0.0, 0
    for row in bins:
        confidence = row.confidence / 100
        total += row.right * (1 - confidence) ** 2 + (row.of - row.right) * confidence**2
        answers += row.of
    return total / answers if answers else None


def overconfidence(bins: Iterable[Bin]) -> float | None:
    """Return mean confidence minus the fraction that was right (-1 to 1); none below `MIN_ANSWERS`
    answers.
    """
    rows = list(bins)
    answers = sum(row.of for row in rows)
    if answers < MIN_ANSWERS:
        return None
    return sum(row.confidence / 100 * row.of - row.right for row in rows) / answers
