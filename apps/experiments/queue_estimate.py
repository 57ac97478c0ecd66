"""How many runs go first, and when a run may start: an estimate, without a database.

It simulates the scheduling policy that leases runs, `ComputeUsageQuerySet.fairest_first` (SQL). The
two are one policy written twice: whoever changes it changes both. The docstring of that class says
what a second policy must provide.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitingRun:
    """A queued run."""

    run: str
    owner: int
    lab: str


@dataclass(frozen=True)
class Place:
    """Where a run stands: how many go before it, and when it may start, in seconds from now (None:
    unknown).
    """

    ahead: int
    soonest: float | None
    latest: float | None
    reason: str  # a code: "starting", "queue", "slots", "no-worker", "other-code"


def fair_order(
    waiting: Sequence[WaitingRun],
    running: Mapping[int, int],
    usage: Mapping[int, float],
    *,
    entry_penalty: float,
) -> list[WaitingRun]:
    """Return `waiting` (oldest first) in the order in which the policy would lease them, if no run
    were queued and none ended meanwhile.

    It orders owners as `fairest_first` does, without its patience: a run that has waited very long
    may come earlier than this says.

    Args:
        running: how many runs each owner has running.
        usage: decayed compute-seconds of each owner.
        entry_penalty: compute-seconds that each lease adds to its owner's usage.
    """
    runs_by_owner: dict[int, list[WaitingRun]] = {}
    for run in waiting:
        runs_by_owner.setdefault(run.owner, []).append(run)
    ages = {run.run: age for age, run in enumerate(waiting)}
    turns = [
        (running.get(owner, 0), usage.get(owner, 0.0), ages[runs[0].run], owner)
        for owner, runs in runs_by_owner.items()
    ]
    heapq.heapify(turns)
    order: list[WaitingRun] = []
    while turns:
        count, seconds, _age, owner = heapq.heappop(turns)
        runs = runs_by_owner[owner]
        order.append(runs.pop(0))
        if runs:
            heapq.heappush(turns, (count + 1, seconds + entry_penalty, ages[runs[0].run], owner))
    return order


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
