"""The slots of a worker: when to lease a run, for which queues, and what runs in each slot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from workers.pipe import Ready
from workers.reporter import Reporter
from workers.run_attempt import RunAttempt
from workers.settings import SIGN_SECONDS, Settings
from workers.spool import Spool
from workers.warm_pool import WarmPool
from workers.wire import LeaseRequest

log = logging.getLogger(__name__)


class Supervisor:
    """Fills the slots with runs of the site: at each wake-up, and every few seconds in any case.

    Taking a run has a fixed order: take a slot, wait for a warm lab process, lease a run (one
    request at a time), start a `RunAttempt`. So no time of a lease is spent on imports. If nothing
    is queued, the slot is freed and the process stays ready.

    The poller gives the worker's signs of life (`Settings.give_sign`): without it no run is found
    while the broker is away. It goes round while labs compute, and while the site does not answer,
    whose requests time out. Where it waits for the warm pool, the wait gives them.

    A run of the queue "bench" has the worker to itself. It is asked for only while nothing else
    runs, and then first; while it runs, nothing is leased and no process is started.
    """

    def __init__(self, settings: Settings, on_free_slot: Callable[[], None] = lambda: None) -> None:
        """Create a supervisor that does nothing before `start`.

        Args:
            settings: of the worker.
            on_free_slot: called whenever a slot has become free, from any thread.
        """
        self._settings = settings
        self._on_free_slot = on_free_slot
        self._reporter = Reporter(settings)
        self._spool = Spool(settings.data / "spool", self._reporter)
        self._warm_pool = WarmPool(settings)
        # one lease at a time: a bench run must find the worker empty
        self._leasing = threading.Lock()
        self._changed = threading.Condition()
        self._taken_slots = 0
        self._running: set[RunAttempt] = set()
        self._has_bench_run = self._closing = self._poll_now = False
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        """Start the spool, the first lab process and the poller."""
        self._spool.start()
        self._warm_pool.start()
        self._poller.start()

    def has_room(self) -> bool:
        """Return whether a slot is free for another run."""
        return (
            self._taken_slots < self._settings.slots
            and not self._has_bench_run
            and not self._closing
        )

    def drain(self) -> int:
        """Run what is queued until nothing is left or no slot is free; return how many runs."""
        runs = 0
        while (run_attempt := self._take_run_attempt()) is not None:
            self._run(run_attempt)
            runs += 1
        return runs

    def close(self) -> None:
        """Lease no more, kill the lab processes, release their runs; return when all is done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            running = list(self._running)
        for run_attempt in running:
            run_attempt.give_up()
        self._warm_pool.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._taken_slots)
        self._spool.close()

    def _poll(self) -> None:
        """Try to lease a run every few seconds, and at once when there may be more of them."""
        while not self._closing:
            asked_to = self._wait_to_poll()
            try:
                if not asked_to:
                    self._warm_pool.refresh()
                if (run_attempt := self._take_run_attempt()) is not None:
                    self._start(run_attempt)
            except Exception:  # files that are being replaced, no threads left: poll again
                log.exception("polling for work failed; trying again")

    def _wait_to_poll(self) -> bool:
        """Wait until it is time to poll, or somebody asks for it; return whether somebody did."""
        due = time.monotonic() + self._settings.poll_seconds
        with self._changed:
            while not (self._closing or self._poll_now) and (left := due - time.monotonic()) > 0:
                self._settings.give_sign()
                self._changed.wait(min(left, SIGN_SECONDS))
            asked_to = self._closing or self._poll_now
            self._poll_now = False
        self._settings.give_sign()
        return asked_to

    def _start(self, run_attempt: RunAttempt) -> None:
        """Do a run, and what is queued then, in a thread of their own."""
        try:
            threading.Thread(target=self._run_and_drain, args=[run_attempt], daemon=True).start()
        except RuntimeError:  # no threads left: the lease expires, and the site requeues the run
            self._end(run_attempt)
            raise

    def _run_and_drain(self, run_attempt: RunAttempt) -> None:
        self._run(run_attempt)
        self.drain()

    def _take_run_attempt(self) -> RunAttempt | None:
        """Take a slot and lease a run for it; None, and no slot is taken, if either fails."""
        with self._changed:
            if not self.has_room():
                return None
            self._taken_slots += 1
        run_attempt = None
        try:
            with self._leasing:
                run_attempt = self._lease_run_attempt()
        finally:
            if run_attempt is None:
                self._free_slot()
        return run_attempt

    def _lease_run_attempt(self) -> RunAttempt | None:
        """Wait for a warm process and lease a run for it; None if nothing is queued."""
        spare = self._warm_pool.wait()
        if spare is None or self._has_bench_run:
            return None
        lease = self._reporter.lease(self._request(spare.ready))
        if lease is None:
            return None
        self._warm_pool.take(spare)
        # The next process is started after the first report, which its imports would delay; beside
        # a bench run none is started, since it would disturb the timings.
        on_first_report = (lambda: None) if lease.queue == "bench" else self._prepare_and_poll
        run_attempt = RunAttempt(lease, spare, self._reporter, self._spool, on_first_report)
        with self._changed:
            self._has_bench_run = lease.queue == "bench"
            self._running.add(run_attempt)
            if self._closing:
                run_attempt.give_up()
        return run_attempt

    def _request(self, ready: Ready) -> LeaseRequest:
        slots = self._settings.slots
        return LeaseRequest(
            queues=["labs"] if self._running else ["bench", "labs"],
            slots=slots - len(self._running),
            all_slots=slots,
            device=ready.device,
            labs=ready.labs,
            engine=ready.engine,
            versions=ready.versions,
        )

    def _run(self, run_attempt: RunAttempt) -> None:
        """Do a run in the slot that was taken for it, and free the slot."""
        try:
            run_attempt.go(threads=1 if run_attempt.lease.queue == "bench" else 0)
        except Exception:  # a bug: the lease expires, and the site requeues the run
            log.exception("run %s was dropped", run_attempt.lease.run)
        finally:
            self._end(run_attempt)

    def _end(self, run_attempt: RunAttempt) -> None:
        """Kill the process of a run, if it still runs, and free its slot."""
        run_attempt.kill()
        with self._changed:
            self._running.discard(run_attempt)
            if run_attempt.lease.queue == "bench":
                self._has_bench_run = False
        self._free_slot()
        self._prepare_and_poll()

    def _prepare_and_poll(self) -> None:
        """Have the next process started, and poll at once: there may be more for free slots."""
        self._warm_pool.prepare()
        with self._changed:
            self._poll_now = True
            self._changed.notify_all()

    def _free_slot(self) -> None:
        with self._changed:
            self._taken_slots -= 1
            self._changed.notify_all()
        self._on_free_slot()
