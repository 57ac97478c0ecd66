"""Where a waiting run stands, why it waits, and when it may start: an estimate, without a database.
The order of each queue is `scheduling`'s; here it is played through what workers do with it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import count

from apps.experiments.scheduling import BENCH_PATIENCE_SECONDS, WaitingRun

Range = tuple[float, float]  # the least and the most seconds
LABS, BENCH = "labs", "bench"
# that a worker imports PyTorch before it leases a run: after a bench run, beside which it may not
PREPARING_SECONDS: Range = (1.0, 10.0)


class Reason(StrEnum):
    """Why a run has no points yet."""

    STARTING = "starting"  # a worker is free
    PREPARING = "preparing"  # a worker is connected that is not ready to lease
    QUEUE = "queue"  # other runs, queued or running, are before it
    FAIR_SHARE = "fair-share"  # some of them were queued later
    SLOTS = "slots"  # its owner has as many running as one may
    BENCH = "bench"  # a benchmark is before it, or running
    ALONE = "alone"  # it is a benchmark, and other runs are running
    OTHER_CODE = "other-code"
    NO_WORKER = "no-worker"
    SITE_AWAY = "site-away"  # nobody could have been heard: workers come back
    LEASED = "leased"  # a worker has it, and the lab is starting
    CANCELLING = "cancelling"


@dataclass(frozen=True)
class Place:
    """The facts of a run that waits, from which its words are made (`queue_words`)."""

    reason: Reason
    ahead: int = 0  # waiting runs that go first, of both queues
    soonest: float | None = None  # seconds from now; None: unknown
    latest: float | None = None
    benches_ahead: int = 0  # of `ahead`
    benches_running: int = 0
    passed_by: int = 0  # of `ahead`, those that were queued later
    running: int = 0  # runs that must end first: of its owner, or all, by the reason
    since: datetime | None = None  # no worker was heard, or the site is back

    @property
    def seconds(self) -> float | None:
        """The estimate as one figure."""
        if self.soonest is None or self.latest is None:
            return None
        return (self.soonest + self.latest) / 2


@dataclass(frozen=True)
class RunningRun:
    """A run that a worker works on."""

    owner: int
    queue: str
    left: Range


@dataclass(frozen=True)
class ConnectedWorker:
    """A worker that the site hears."""

    queues: frozenset[str]
    codes: frozenset[str]  # hashes of its labs
    slots: int
    running: tuple[RunningRun, ...] = ()
    ready_in: Range = (0.0, 0.0)  # it leases nothing before

    def can_take(self, run: WaitingRun) -> bool:
        return run.queue in self.queues and run.code in self.codes

    @property
    def has_bench_run(self) -> bool:
        return any(run.queue == BENCH for run in self.running)

    @property
    def has_room(self) -> bool:
        return len(self.running) < self.slots and not self.has_bench_run

    @property
    def is_ready(self) -> bool:
        return self.ready_in[1] == 0


@dataclass(frozen=True)
class Forecast:
    """When a run is leased, in seconds from now, and which runs a worker that could have taken it
    leases before.
    """

    seconds: float
    ahead: tuple[WaitingRun, ...]


class _Machine:
    """A worker as the forecast goes on."""

    def __init__(self, worker: ConnectedWorker, bound: int) -> None:
        self.worker = worker
        self.running = Counter(run.queue for run in worker.running)
        self.ready_at = worker.ready_in[bound]

    @property
    def taken_slots(self) -> int:
        return self.running.total()


def forecast(
    run: WaitingRun,
    queues: Mapping[str, Sequence[WaitingRun]],
    workers: Sequence[ConnectedWorker],
    durations: Mapping[str, Range],
    max_running: int,
    bound: int,
) -> Forecast | None:
    """Play through what the workers lease, until it is the turn of `run`; None if it never is.

    Args:
        queues: the waiting runs of each, in the order of `scheduling.lease_order`; `run` is one.
        durations: of each lab, in seconds.
        max_running: runs that a person may have running in a queue.
        bound: 0: everything takes the least time that it may, 1: the most.
    """
    waiting = {queue: list(runs) for queue, runs in queues.items()}
    machines = [_Machine(worker, bound) for worker in workers]
    of_owner = Counter((one.owner, one.queue) for worker in workers for one in worker.running)
    ahead: list[WaitingRun] = []
    order = count()  # so that two events at one time are not compared further
    events: list[tuple[float, int, _Machine, tuple[int, str] | None]] = []

    def first(queue: str, worker: ConnectedWorker) -> WaitingRun | None:
        return next(
            (
                one
                for one in waiting.get(queue, ())
                if worker.can_take(one) and of_owner[one.owner, queue] < max_running
            ),
            None,
        )

    def leased_next(machine: _Machine, now: float) -> WaitingRun | None:
        worker = machine.worker
        if machine.running[BENCH] or machine.taken_slots >= worker.slots or now < machine.ready_at:
            return None
        bench = first(BENCH, worker)
        if bench and not machine.taken_slots:
            return bench
        overdue = bench and any(
            one.waited + now > BENCH_PATIENCE_SECONDS
            for one in waiting[BENCH]
            if worker.can_take(one)
        )
        return None if overdue and machine.taken_slots else first(LABS, worker)

    for machine in machines:
        for one in machine.worker.running:
            event = one.left[bound], next(order), machine, (one.owner, one.queue)
            heapq.heappush(events, event)
        if machine.ready_at:
            heapq.heappush(events, (machine.ready_at, next(order), machine, None))
    now = 0.0
    while True:
        for machine in machines:
            while leased := leased_next(machine, now):
                if leased.run == run.run:
                    return Forecast(now, tuple(ahead))
                waiting[leased.queue].remove(leased)
                machine.running[leased.queue] += 1
                of_owner[leased.owner, leased.queue] += 1
                if machine.worker.can_take(run):
                    ahead.append(leased)
                end = now + max(durations[leased.lab][bound], 0.1)
                heapq.heappush(events, (end, next(order), machine, (leased.owner, leased.queue)))
        if not events:
            return None
        now, _, machine, ended = heapq.heappop(events)
        if ended is None:
            continue
        of_owner[ended] -= 1
        machine.running[ended[1]] -= 1
        if ended[1] == BENCH:  # nothing was imported beside it
            machine.ready_at = now + PREPARING_SECONDS[bound]
            heapq.heappush(events, (machine.ready_at, next(order), machine, None))


def place(
    run: WaitingRun,
    queues: Mapping[str, Sequence[WaitingRun]],
    workers: Iterable[ConnectedWorker],
    durations: Mapping[str, Range],
    max_running: int,
) -> Place:
    """Return where a run stands whose code a connected worker has.

    Args:
        queues, durations, max_running: as in `forecast`.
        workers: all that are connected, some of which can take it.
    """
    workers = list(workers)
    low, high = (forecast(run, queues, workers, durations, max_running, bound) for bound in (0, 1))
    able = [worker for worker in workers if worker.can_take(run)]
    theirs = sum(
        (one.owner, one.queue) == (run.owner, run.queue)
        for worker in workers
        for one in worker.running
    )
    if high is None or low is None:  # its owner's runs are with a worker that nobody hears
        ahead = queues[run.queue].index(run)
        return Place(Reason.SLOTS if theirs >= max_running else Reason.QUEUE, ahead, running=theirs)
    runs = high.ahead
    facts = Place(
        Reason.QUEUE,
        ahead=len(runs),
        soonest=min(low.seconds, high.seconds),
        latest=max(low.seconds, high.seconds),
        benches_ahead=sum(one.queue == BENCH for one in runs),
        benches_running=sum(worker.has_bench_run for worker in able),
        passed_by=sum(
            one.waited < run.waited and one.owner != run.owner and one.queue == run.queue
            for one in runs
        ),
        running=sum(len(worker.running) for worker in able),
    )
    return _with_reason(facts, run, able, theirs, max_running)


def _with_reason(
    facts: Place,
    run: WaitingRun,
    able: Sequence[ConnectedWorker],
    theirs: int,
    max_running: int,
) -> Place:
    if theirs >= max_running:
        return replace(facts, reason=Reason.SLOTS, running=theirs)
    if not facts.latest:
        return replace(facts, reason=Reason.STARTING)
    has_room = [
        worker for worker in able if worker.has_room and (run.queue == LABS or not worker.running)
    ]
    if not facts.ahead and has_room and not any(worker.is_ready for worker in has_room):
        return replace(facts, reason=Reason.PREPARING)
    if facts.benches_ahead or facts.benches_running:
        return replace(facts, reason=Reason.BENCH)
    if run.queue == BENCH and not facts.ahead:
        return replace(facts, reason=Reason.ALONE)
    if facts.passed_by:
        return replace(facts, reason=Reason.FAIR_SHARE)
    return facts


def time_left(elapsed: float, done: int, expected: int, usual: Range) -> Range:
    """Return how long a run still takes that has been running for `elapsed` seconds: at its pace so
    far, else as long as its lab usually does.
    """
    if done and expected:
        left = elapsed * max(expected - done, 0) / done
        return left, left
    return max(usual[0] - elapsed, 0.0), max(usual[1] - elapsed, 1.0)
