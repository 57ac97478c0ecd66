"""Waiting for what must come to pass: a condition, a deadline, and what to say when it did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PAUSE = 0.02  # seconds between two looks


def until(
    look: Callable[[], Found], seconds: float = 120.0, what: str | Callable[[], str] = "it"
) -> Found:
    """Return what `look` returns as soon as that is true.

    Raises:
        AssertionError: it was not in time; says `what` did not happen.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, (
            f"not in {seconds:g} s: {what() if callable(what) else what}"
        )
        time.sleep(PAUSE)
    return found
