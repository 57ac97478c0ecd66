"""Waiting for a condition, with a deadline and a message for when it is not met."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
PAUSE = 0.02  # seconds between two calls


def until(
    condition: Callable[[], Value], seconds: float = 120.0, what: str | Callable[[], str] = "it"
) -> Value:
    """Call `condition` until its value is true; return that value.

    Raises:
        AssertionError: it was not true in time; the message says that `what` did not happen.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(PAUSE)
    return value
