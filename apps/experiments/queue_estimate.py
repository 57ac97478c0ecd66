"""When a waiting run may start: an estimate, without a database. The order is `scheduling`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a run stands: how many go before it, and when it may start, in seconds from now (None:
    unknown).
    """

    ahead: int
    soonest: float | None
    latest: float | None
    reason: str  # a code: "starting", "queue", "slots", "no-worker", "other-code"


def start_range(
    ahead: Iterable[str],
    running: Iterable[str],
    durations: Mapping[str, tuple[float, float]],
    slots: int,
) -> tuple[float, float]:
    """Return the soonest and the latest start in seconds, from the usual durations of the labs.

    Args:
        ahead: the labs of the runs that go first.
        running: the labs of the runs that are running, of which nobody knows how much is left.
        durations: of each lab, the lower and the upper quartile in seconds.
    """
    labs_ahead, labs_running = Counter(ahead), Counter(running)
    soonest = sum(count * durations[lab][0] for lab, count in labs_ahead.items())
    latest = sum(count * durations[lab][1] for lab, count in labs_ahead.items())
    if sum(labs_running.values()) >= slots:  # no slot is free now
        latest += sum(count * durations[lab][1] for lab, count in labs_running.items())
    return soonest / max(slots, 1), latest / max(slots, 1)
