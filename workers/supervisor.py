"""The machine's slots: who may claim, what for, and what runs in them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from workers.pipe import Ready
from workers.reporter import Reporter
from workers.run_attempt import RunAttempt
from workers.settings import Settings
from workers.spool import Spool
from workers.warm_pool import WarmPool
from workers.wire import LeaseRequest

log = logging.getLogger(__name__)


class Supervisor:
    """Fills the slots from the site, when a wake-up rings and every few seconds anyway.

    A run is claimed only when a warm process waits for it, so that no lease runs while something is
    imported.
    """

    def __init__(self, settings: Settings, on_room: Callable[[], None] = lambda: None) -> None:
        """Prepare; `on_room` is called whenever a slot has become free."""
        self._settings = settings
        self._on_room = on_room
        self._reporter = Reporter(settings)
        self._spool = Spool(settings.data / "spool", self._reporter)
        self._keeper = WarmPool(settings)
        # one claim at a time: a bench run must find the machine empty
        self._claiming = threading.Lock()
        self._changed = threading.Condition()
        self._taken = 0  # slots
        self._live: set[RunAttempt] = set()
        self._bench = self._closing = self._look = False
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        """Start the first spare, deliver what an earlier worker left, begin to look for work."""
        self._spool.start()
        self._keeper.start()
        self._poller.start()

    def has_room(self) -> bool:
        """Say whether a wake-up could lead to a run here."""
        return self._taken < self._settings.slots and not self._bench and not self._closing

    def drain(self) -> int:
        """Run what is waiting until nothing is left or no slot is free; return how many runs that
        were.
        """
        ran = 0
        while (run_attempt := self._take_run_attempt()) is not None:
            self._run(run_attempt)
            ran += 1
        return ran

    def close(self) -> None:
        """Stop claiming, end the lab processes, give their tries back; return when that is done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            live = list(self._live)
        for run_attempt in live:
            run_attempt.give_up()
        self._keeper.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
        self._spool.close()

    def _poll(self) -> None:
        """Look for work every few seconds, and at once when a claim shows that there may be
        more.
        """
        while not self._closing:
            with self._changed:
                looked_for = self._changed.wait_for(
                    lambda: self._closing or self._look, self._settings.poll_seconds
                )
                self._look = False
            try:
                if not looked_for:
                    self._keeper.refresh()
                if (run_attempt := self._take_run_attempt()) is not None:
                    threading.Thread(
                        target=self._run_and_drain, args=[run_attempt], daemon=True
                    ).start()
            # files that are being replaced, a machine without threads: whatever it is, look again
            except Exception:
                log.exception("could not look for work; trying again")

    def _run_and_drain(self, run_attempt: RunAttempt) -> None:
        self._run(run_attempt)
        self.drain()

    def _take_run_attempt(self) -> RunAttempt | None:
        """Return a run attempt, with a slot taken and a warm process for it; None when one of them
        is not to be had.
        """
        with self._changed:
            if not self.has_room():
                return None
            self._taken += 1
        run_attempt = None
        try:
            with self._claiming:
                run_attempt = self._claim()
        finally:
            if run_attempt is None:
                self._free_slot()
        return run_attempt

    def _claim(self) -> RunAttempt | None:
        spare = self._keeper.wait()
        if spare is None or self._bench:
            return None
        claim = self._reporter.claim(self._request(spare.ready))
        if claim is None:
            return None
        self._keeper.take(spare)
        # The next spare is started after the first point, which it would delay; after a bench run,
        # whose numbers it would disturb.
        on_first = (lambda: None) if claim.queue == "bench" else self._look_further
        run_attempt = RunAttempt(claim, spare, self._reporter, self._spool, on_first)
        with self._changed:
            self._bench = claim.queue == "bench"
            self._live.add(run_attempt)
            if self._closing:
                run_attempt.give_up()
        return run_attempt

    def _request(self, ready: Ready) -> LeaseRequest:
        slots = self._settings.slots
        return LeaseRequest(
            # A bench run wants the machine to itself: ask for one only when nothing runs, and then
            # first.
            queues=["labs"] if self._live else ["bench", "labs"],
            slots=slots - len(self._live),
            all_slots=slots,
            device=ready.device,
            labs=ready.labs,
            engine=ready.engine,
            versions=ready.versions,
        )

    def _run(self, run_attempt: RunAttempt) -> None:
        """Do a run in the slot that is taken, and free the slot."""
        is_bench = run_attempt.claim.queue == "bench"
        try:
            run_attempt.go(threads=1 if is_bench else 0)
        except Exception:  # a bug: the lease ends, and another worker has the run
            log.exception("run %s was dropped", run_attempt.claim.run)
        finally:
            run_attempt.kill()
            with self._changed:
                self._live.discard(run_attempt)
                if is_bench:
                    self._bench = False
            self._free_slot()
            self._look_further()

    def _look_further(self) -> None:
        """Have the next spare, and see whether there is more to do for the slots that are free."""
        self._keeper.prepare()
        with self._changed:
            self._look = True
            self._changed.notify_all()

    def _free_slot(self) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()
        self._on_room()
