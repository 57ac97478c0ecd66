"""Read the sketch of a prediction, by the lab's own words: a value for each arm that was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.experiments import lab_config


def arms(words: Mapping[str, Any]) -> list[str]:
    """Return the arms that are drawn; none where the lab asks for no bars."""
    predict = words.get("predict", {})
    return list(predict["arms"]) if predict.get("form") == "bars" else []


def bounds(words: Mapping[str, Any]) -> tuple[float, float]:
    low, high = words.get("predict", {}).get("range", [0.0, 1.0])
    return float(low), float(high)


def read_mark(words: Mapping[str, Any], raw: Any) -> float:
    """Return the value of one arm, from a text or a JSON number.

    Raises:
        ValueError: it is no number within the bounds; says what would be right.
    """
    low, high = bounds(words)
    message = _("Enter a number from %(low)s to %(high)s.") % {
        "low": f"{low:g}",
        "high": f"{high:g}",
    }
    value = lab_config.number(raw, message)
    if not low <= value <= high:
        raise ValueError(message)
    return value
