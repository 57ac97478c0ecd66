"""The score of a prediction."""

from __future__ import annotations


def score(confidence: int, was_right: bool) -> float:
    """Return (confidence - right) squared, in 0..1: 0 is certain and right, 1 certain and wrong,
    0.25 a coin toss.

    Args:
        confidence: in percent, 0 to 100.
    Raises:
        ValueError: the confidence lies outside.
    Source: Brier (1950), "Verification of forecasts expressed in terms of probability".
    """
    if not 0 <= confidence <= 100:
        raise ValueError(f"a confidence of {confidence}% is not between 0% and 100%")
    return (confidence / 100 - was_right) ** 2
