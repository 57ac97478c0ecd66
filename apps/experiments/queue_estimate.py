"""Where a waiting run stands, why it waits, and when it may start: an estimate, without a database.
The order of each queue is `scheduling`'s; here it is played through what workers do with it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import count

from apps.experiments.scheduling import BENCH_PATIENCE_SECONDS, WaitingRun, Work

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
    """A worker as the replay goes on."""

    def __init__(self, worker: ConnectedWorker, bound: int) -> None:
        self.worker = worker
        self.running = Counter(run.queue for run in worker.running)
        self.ready_at = worker.ready_in[bound]

    @property
    def is_idle(self) -> bool:
        return not self.running.total()

    def can_lease(self, now: float) -> bool:
        has_room = self.running.total() < self.worker.slots and not self.running[BENCH]
        return has_room and now >= self.ready_at


@dataclass(order=True, frozen=True)
class _Event:
    """A run ends on a worker, or the worker becomes ready to lease."""

    at: float
    order: int  # so that two events at one time are not compared further
    machine: _Machine = field(compare=False)
    ended: tuple[int, str] | None = field(compare=False)  # owner and queue of the run


class _Replay:
    """What workers do with what waits, from now on.

    Args:
        queues: the waiting runs of each, in the order of `scheduling.lease_order`.
        durations: of the work of each run, in seconds.
        max_running: runs that a person may have running in a queue.
        bound: 0: everything takes the least time that it may, 1: the most.
    """

    def __init__(
        self,
        queues: Mapping[str, Sequence[WaitingRun]],
        workers: Sequence[ConnectedWorker],
        durations: Mapping[Work, Range],
        max_running: int,
        bound: int,
    ) -> None:
        self._waiting = {queue: list(runs) for queue, runs in queues.items()}
        self._machines = [_Machine(worker, bound) for worker in workers]
        self._running = Counter((run.owner, run.queue) for w in workers for run in w.running)
        self._durations, self._max_running, self._bound = durations, max_running, bound
        self._now, self._events, self._order = 0.0, list[_Event](), count()
        for machine in self._machines:
            for run in machine.worker.running:
                self._expect(run.left[bound], machine, (run.owner, run.queue))
            if machine.ready_at:
                self._expect(machine.ready_at, machine)

    def leases(self) -> Iterator[tuple[float, WaitingRun, ConnectedWorker]]:
        """Yield what is leased: when, in seconds from now, and by which worker."""
        while True:
            for machine in self._machines:
                while run := self._next_for(machine):
                    yield self._now, run, machine.worker
                    self._lease(run, machine)
            if not self._events:
                return
            self._go_on(heapq.heappop(self._events))

    def _expect(self, at: float, machine: _Machine, ended: tuple[int, str] | None = None) -> None:
        heapq.heappush(self._events, _Event(at, next(self._order), machine, ended))

    def _next_for(self, machine: _Machine) -> WaitingRun | None:
        if not machine.can_lease(self._now):
            return None
        bench = self._first(BENCH, machine.worker)
        if bench and machine.is_idle:
            return bench
        if bench and self._has_overdue_bench_run(machine.worker):
            return None
        return self._first(LABS, machine.worker)

    def _first(self, queue: str, worker: ConnectedWorker) -> WaitingRun | None:
        runs = (run for run in self._waiting.get(queue, ()) if worker.can_take(run))
        return next(
            (run for run in runs if self._running[run.owner, queue] < self._max_running), None
        )

    def _has_overdue_bench_run(self, worker: ConnectedWorker) -> bool:
        return any(
            run.waited + self._now > BENCH_PATIENCE_SECONDS
            for run in self._waiting[BENCH]
            if worker.can_take(run)
        )

    def _lease(self, run: WaitingRun, machine: _Machine) -> None:
        self._waiting[run.queue].remove(run)
        machine.running[run.queue] += 1
        self._running[run.owner, run.queue] += 1
        seconds = max(self._durations[run.work][self._bound], 0.1)
        self._expect(self._now + seconds, machine, (run.owner, run.queue))

    def _go_on(self, event: _Event) -> None:
        self._now, machine = event.at, event.machine
        if event.ended is None:
            return
        _owner, queue = event.ended
        self._running[event.ended] -= 1
        machine.running[queue] -= 1
        if queue == BENCH:  # nothing was imported beside it
            machine.ready_at = self._now + PREPARING_SECONDS[self._bound]
            self._expect(machine.ready_at, machine)


def forecast(run: WaitingRun, replay: _Replay) -> Forecast | None:
    """Play through what workers lease until it is the turn of `run`; None if it never is."""
    ahead: list[WaitingRun] = []
    for seconds, leased, worker in replay.leases():
        if leased.run == run.run:
            return Forecast(seconds, tuple(ahead))
        if worker.can_take(run):
            ahead.append(leased)
    return None


def place(
    run: WaitingRun,
    queues: Mapping[str, Sequence[WaitingRun]],
    workers: Iterable[ConnectedWorker],
    durations: Mapping[Work, Range],
    max_running: int,
) -> Place:
    """Return where a run stands whose code a connected worker has.

    Args:
        queues, durations, max_running: as in `_Replay`; `run` is one of those that wait.
        workers: all that are connected, some of which can take it.
    """
    workers = list(workers)
    low, high = (
        forecast(run, _Replay(queues, workers, durations, max_running, bound)) for bound in (0, 1)
    )
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
    far, else as long as such a run usually does.
    """
    if done and expected:
        left = elapsed * max(expected - done, 0) / done
        return left, left
    return max(usual[0] - elapsed, 0.0), max(usual[1] - elapsed, 1.0)
