"""Whether someone is as often right as they are sure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MIN_ANSWERS = 10  # answers before a sentence is made of them
Z = 1.959963984540054  # of a 95 % interval


@dataclass(frozen=True)
class Bin:
    """Answers given with one confidence."""

    confidence: int  # percent
    right: int
    of: int

    @property
    def fraction(self) -> float:
        return self.right / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share, by Wilson (1927): it stays within 0 and 1, and is honest
        for few answers.
        """
        centre = (self.right + Z**2 / 2) / (self.of + Z**2)
        half = (
            Z
            * math.sqrt(self.right * (self.of - self.right) / self.of + Z**2 / 4)
            / (self.of + Z**2)
        )
        return max(0.0, centre - half), min(1.0, centre + half)


def bins(answers: Iterable[tuple[int, bool, int]]) -> list[Bin]:
    """Return bins by confidence, from (confidence, was right, how many)."""
    found: dict[int, list[int]] = {}
    for confidence, was_right, count in answers:
        both = found.setdefault(confidence, [0, 0])
        both[0] += count if was_right else 0
        both[1] += count
    return [Bin(confidence, right, of) for confidence, (right, of) in sorted(found.items()) if of]


def score(found: Iterable[Bin]) -> float | None:
    """Return the mean of (confidence - right) squared, 0 to 1: less is better; none without
    answers. Source: Brier (1950).
    """
    total, of = 0.0, 0
    for each in found:
        sure = each.confidence / 100
        total += each.right * (1 - sure) ** 2 + (each.of - each.right) * sure**2
        of += each.of
    return total / of if of else None


def lean(found: Iterable[Bin]) -> float | None:
    """Return how much surer than right someone is (-1 to 1); none below `MIN_ANSWERS` answers."""
    given = list(found)
    of = sum(each.of for each in given)
    if of < MIN_ANSWERS:
        return None
    return sum(each.confidence / 100 * each.of - each.right for each in given) / of
