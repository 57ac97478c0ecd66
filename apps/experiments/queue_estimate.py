"""An honest queue: how many go first, when a run may start, and why it waits. Pure: numbers in,
numbers out.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PENALTY = 30.0  # compute-seconds that a claim adds, as in the claim itself


@dataclass(frozen=True)
class WaitingRun:
    """A run that waits."""

    run: str
    owner: int
    lab: str


@dataclass(frozen=True)
class Place:
    """Where a run stands: how many go before it, and a range in seconds for its start (None: nobody
    can say).
    """

    ahead: int
    soonest: float | None
    latest: float | None
    reason: str  # a code: "starting", "queue", "slots", "no-worker", "other-code"


def fair_order(
    waiting: Sequence[WaitingRun], going: Mapping[int, int], used: Mapping[int, float]
) -> list[WaitingRun]:
    """Return `waiting` (oldest first) in the order in which fair share would take them, if none
    joined and none ended.

    Args:
        going: runs that each owner has running.
        used: compute-seconds each owner used lately.
    """
    queues: dict[int, list[WaitingRun]] = {}
    for run in waiting:
        queues.setdefault(run.owner, []).append(run)
    ages = {run.run: age for age, run in enumerate(waiting)}
    turns = [
        (going.get(o, 0), used.get(o, 0.0), ages[runs[0].run], o) for o, runs in queues.items()
    ]
    heapq.heapify(turns)
    order: list[WaitingRun] = []
    while turns:
        running, seconds, _, owner = heapq.heappop(turns)
        order.append(queues[owner].pop(0))
        if queues[owner]:
            heapq.heappush(
                turns, (running + 1, seconds + PENALTY, ages[queues[owner][0].run], owner)
            )
    return order


def start_range(
    ahead: Iterable[str],
    running: Iterable[str],
    took: Mapping[str, tuple[float, float]],
    slots: int,
) -> tuple[float, float]:
    """Return the soonest and the latest start in seconds, from what runs of the same labs took
    lately.

    Args:
        ahead, running: the labs of the runs that go first, and of those that run now (on
            average half done).
        took: per lab the lower and the upper quartile of its seconds.
    """
    labs_ahead, labs_running = Counter(ahead), Counter(running)
    low = sum(n * took[lab][0] for lab, n in labs_ahead.items())
    high = sum(n * took[lab][1] for lab, n in labs_ahead.items())
    if sum(labs_running.values()) >= slots:  # else one is free now
        high += sum(n * took[lab][1] for lab, n in labs_running.items())
    return low / max(slots, 1), high / max(slots, 1)
