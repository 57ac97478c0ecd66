"""The scheduling policy: whose run is leased next. Pure: what leases runs and what tells learners
their place both sort by it, so the two cannot disagree.

A second policy is one class with the methods of `Policy`; `POLICY` names the one in use.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

ENTRY_PENALTY_SECONDS = 30.0  # compute-seconds that a lease adds, settled when the run ends
HALF_LIFE = timedelta(days=1)  # of compute usage
PATIENCE_SECONDS = 30 * 60  # after which an owner who had no turn goes first
# after which workers that could run a queued bench run lease no labs runs until they are idle
BENCH_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class WaitingOwner:
    """A person whose runs wait in a queue, at one moment."""

    owner: int
    queue: str
    running: int  # runs of theirs in this queue
    slots: int  # how many they may have running in it
    usage: float  # compute-seconds, decayed
    waited: float  # seconds, of their oldest waiting run
    since_turn: float  # seconds since their last lease or settlement, in any queue

    @property
    def has_free_slot(self) -> bool:
        return self.running < self.slots


class Work(NamedTuple):
    """What a run does, by which it takes its time."""

    lab: str
    config_hash: str = ""
    replicates: int = 0


@dataclass(frozen=True)
class WaitingRun:
    """A queued run."""

    run: str
    owner: int
    lab: str
    waited: float  # seconds
    queue: str = "labs"
    code: str = ""  # hash of the lab's code: a worker must have it
    config_hash: str = ""
    replicates: int = 0

    @property
    def work(self) -> Work:
        return Work(self.lab, self.config_hash, self.replicates)


class Policy(Protocol):
    """How owners are ordered. Owners, not runs: the cost grows with the people who wait."""

    def key(self, owner: WaitingOwner) -> tuple[Any, ...]:
        """Return what owners with a free slot are sorted by: the smallest goes first."""

    def after_lease(self, owner: WaitingOwner, waited: float) -> WaitingOwner:
        """Return `owner` once a run of theirs was leased, and the next one has waited `waited`."""


class FairShare:
    """First who has waited longer than `PATIENCE_SECONDS` without a turn; then the fewest running,
    the lowest compute usage, the longest wait.

    Age alone does not suffice: a long queue of one owner would be served before everybody else's.
    """

    def key(self, owner: WaitingOwner) -> tuple[Any, ...]:
        overlooked = min(owner.waited, owner.since_turn) > PATIENCE_SECONDS
        return (not overlooked, owner.running, owner.usage, -owner.waited)

    def after_lease(self, owner: WaitingOwner, waited: float) -> WaitingOwner:
        return replace(
            owner,
            running=owner.running + 1,
            usage=owner.usage + ENTRY_PENALTY_SECONDS,
            waited=waited,
            since_turn=0.0,
        )


POLICY: Policy = FairShare()


def next_owner(owners: Iterable[WaitingOwner], policy: Policy = POLICY) -> WaitingOwner | None:
    """Return the owner whose oldest run is leased next; None where nobody has a slot free."""
    return min(
        (owner for owner in owners if owner.has_free_slot),
        key=lambda owner: _turn(owner, policy),
        default=None,
    )


def lease_order(
    owners: Iterable[WaitingOwner], waiting: Iterable[WaitingRun], policy: Policy = POLICY
) -> list[WaitingRun]:
    """Return runs in the order in which they are leased, if no run is queued and none ends
    meanwhile. Those whose owners have no slot free come last.

    Args:
        owners: of all of `waiting`; their waits are those of their oldest runs.
        waiting: oldest first.
    """
    runs_of: defaultdict[int, deque[WaitingRun]] = defaultdict(deque)
    for run in waiting:
        runs_of[run.owner].append(run)
    turns = [(_turn(owner, policy), owner) for owner in owners if runs_of[owner.owner]]
    heapq.heapify(turns)
    order: list[WaitingRun] = []
    while turns:
        _key, owner = heapq.heappop(turns)
        runs = runs_of[owner.owner]
        order.append(runs.popleft())
        if runs:
            after = policy.after_lease(owner, runs[0].waited)
            heapq.heappush(turns, (_turn(after, policy), after))
    return order


def _turn(owner: WaitingOwner, policy: Policy) -> tuple[Any, ...]:
    """Return the key of a turn: no two owners have the same."""
    return (not owner.has_free_slot, policy.key(owner), owner.owner)
