"""One try at a run, from the claim to the acknowledged result."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from workers.lab_process import Gone, LabProcess
from workers.pipe import Batch, Ended, Message, Start
from workers.reporter import Away, Refusal, Reporter
from workers.send_buffer import Lost, SendBuffer
from workers.spool import Spool, SpooledResult, deliver
from workers.wire import EndState, EventsReply, Lease, Result

log = logging.getLogger(__name__)
REPORT_SECONDS = 0.1  # between two reports
# seconds after a report that did not arrive: the more in a row, the longer
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
# Why a process is being ended. Of two reasons the later in this list wins: one who has no say in
# the run needs no result.
REASONS = ("stop", "limit", "shutdown", "unstarted", "refused", "stale")
RELEASED_FOR = {
    "shutdown": "shutdown",
    "unstarted": "the warm process had died",
    "refused": "crashed: the site refused its points",
}


class RunAttempt:
    """Reads what the lab process says and tells the site, in one thread; `give_up` and the limit
    come from others.
    """

    def __init__(
        self,
        claim: Lease,
        process: LabProcess,
        reporter: Reporter,
        spool: Spool,
        on_first: Callable[[], None],
    ) -> None:
        self.claim = claim
        self._process, self._reporter, self._spool = process, reporter, spool
        # called when the first points have been reported: the machine may do other things again
        self._on_first = on_first
        self._outbox = SendBuffer(claim.after)
        self._points_done = self._points_expected = 0
        self._began = self._heard = time.monotonic()  # heard: when the site last answered
        self._next = 0.0  # monotonic: when the next report may go
        self._failures = 0
        self._reason = ""
        self._turn = threading.Lock()
        self._released = threading.Event()  # what waits for nothing but time is woken by it
        self._result: Result | None = None
        self._gone: Gone | None = None

    def go(self, threads: int) -> None:
        """Do the run and see its result acknowledged, or left in the spool. The process is gone
        when this returns.
        """
        claim = self.claim
        limit = threading.Timer(claim.limit_seconds, self._end, ["limit"])
        limit.daemon = True
        limit.start()
        try:
            self._process.begin(
                Start(claim.lab, claim.config, claim.replicates, claim.seed, threads)
            )
            while not (self._result or self._gone or self._is_given_up):
                self._step()
        except OSError:
            self._end("unstarted")
        finally:
            limit.cancel()
        if self._result is None:
            self._gone = self._gone or self._process.kill_and_wait()
        self._finish()
        if self._gone is None:
            self._process.kill_and_wait()  # memory is free again when the slot is

    def give_up(self) -> None:
        """End the process and give the run attempt back: the worker is going away."""
        self._end("shutdown")

    def kill(self) -> None:
        """Kill the process, if there still is one."""
        self._process.kill()

    @property
    def _is_given_up(self) -> bool:
        return self._reason in ("shutdown", "unstarted", "refused", "stale")

    def _end(self, reason: str) -> None:
        with self._turn:
            first = not self._reason
            if first or REASONS.index(reason) > REASONS.index(self._reason):
                self._reason = reason
        if reason == "stop" and first:
            self._process.end(self.claim.kill_seconds)
        elif reason != "stop":
            self._process.kill()
            self._released.set()

    def _step(self) -> None:
        """Listen until something is due, then report it."""
        while (left := self._due() - time.monotonic()) > 0:
            # the lab waits until the site has taken some
            if self._outbox.is_full and not self._reason:
                self._released.wait(left)
                break
            try:
                self._record_heartbeat(self._process.inbox.get(timeout=left))
            except queue.Empty:
                break
            if self._result or self._gone or self._is_given_up:
                return
        if self._due() <= time.monotonic() and not self._is_given_up:
            self._report()

    def _due(self) -> float:
        """Return when the next report goes (monotonic): soon when there are points, else the next
        beat.
        """
        return (
            self._next
            if self._outbox or self._failures
            else max(self._next, self._heard + self.claim.heartbeat_seconds)
        )

    def _record_heartbeat(self, word: Message | Gone) -> None:
        match word:
            case Batch(events, points_done, points_expected):
                self._outbox.add(events)
                self._points_done, self._points_expected = points_done, points_expected
            case Ended(result):
                self._result = result
            case Gone():
                self._gone = word

    def _report(self) -> None:
        request = self._outbox.request(self._points_done, self._points_expected)
        self._next = time.monotonic() + REPORT_SECONDS
        try:
            reply = self._reporter.events(self.claim.run_attempt_id, self.claim.token, request)
            self._outbox.acknowledge(request.after + len(request.events))
            self._take_reply(reply)
            if request.events and not request.after > self.claim.after:
                self._on_first()
        except Away as error:
            self._reporter.complain(f"The site is away, points wait: {error}")
            self._next = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
        except Refusal as refusal:
            self._take_refusal(refusal)

    def _take_reply(self, reply: EventsReply) -> None:
        self._heard, self._failures = time.monotonic(), 0
        if reply.stop:
            self._end("stop")

    def _take_refusal(self, refusal: Refusal) -> None:
        try:
            if refusal.code != "gap":
                raise Lost(str(refusal))
            self._outbox.rewind(refusal.last)
        except Lost as error:
            log.warning("run %s, try %d: %s", self.claim.run, self.claim.number, error)
            self._end("stale" if refusal.is_stale else "refused")

    # ------------------------------------------------------------ the end

    def _finish(self) -> None:
        """Say how it ended: a result, or that the run attempt is given back."""
        if self._reason == "stale":
            return
        if self._result is None:
            if self._reason == "stop":
                self._result = self._ended("cancelled")
            elif self._reason == "limit":
                self._result = self._ended("limit_exceeded")
        if self._result and self._reason != "refused":
            self._deliver(self._result)
        else:
            self._release()

    def _ended(self, state: EndState) -> Result:
        ready = self._process.ready
        seconds = time.monotonic() - self._began
        return Result(
            state,
            seconds=seconds,
            device=ready.device,
            versions=ready.versions,
            engine=ready.engine,
        )

    def _deliver(self, result: Result) -> None:
        """Put the result on disk, then try to deliver it for one lease; after that the spool goes
        on alone.
        """
        claim = self.claim
        self._absorb()
        parcel = SpooledResult(
            claim.run_attempt_id,
            claim.token,
            self._outbox.acknowledged,
            self._outbox.rest(),
            self._points_done,
            self._points_expected,
            result,
        )
        try:
            self._spool.save(parcel)
        except OSError as error:
            log.error("run %s: its result is not on disk: %s", claim.run, error)
        if self._in_time(lambda: deliver(parcel, self._outbox, self._reporter)):
            self._spool.remove(claim.run_attempt_id)
        else:
            self._spool.hand_over(claim.run_attempt_id)

    def _absorb(self) -> None:
        """Take the points that the process had sent before its end."""
        while True:
            try:
                self._record_heartbeat(self._process.inbox.get_nowait())
            except queue.Empty:
                return

    def _release(self) -> None:
        # a crash costs a run attempt, the others do not
        reason = RELEASED_FOR.get(self._reason, f"crashed: {self._gone}")
        log.warning("run %s, try %d is given back: %s", self.claim.run, self.claim.number, reason)
        self._in_time(
            lambda: self._reporter.release(self.claim.run_attempt_id, self.claim.token, reason)
        )

    def _in_time(self, deed: Callable[[], None]) -> bool:
        """Do what may fail while the site is away, again until the lease is over; return whether it
        is settled.
        """
        failures = 0
        while True:
            try:
                deed()
            except (Refusal, Lost) as error:
                log.warning("run %s, try %d: %s", self.claim.run, self.claim.number, error)
            except Away as error:
                self._reporter.complain(f"The site is away, a result waits: {error}")
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                if (
                    time.monotonic() + pause > self._heard + self.claim.lease_seconds
                    or self._released.wait(pause)
                ):
                    return False
                continue
            return True
