"""One attempt at a run, from the lease to the acknowledged result."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from workers.lab_process import Exited, LabProcess
from workers.pipe import REPORT_SECONDS, Batch, Ended, Message, Start
from workers.reporter import Refusal, Reporter, SiteUnavailable
from workers.send_buffer import EventsLost, SendBuffer
from workers.spool import Spool, SpooledResult, deliver
from workers.wire import EndState, EventsReply, Lease, Result

log = logging.getLogger(__name__)
# seconds after a report that did not arrive: the more in a row, the longer
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
# Why the process is ended before it has sent a result, and what the site is sent then. Of two
# reasons, the later in this list wins.
#   stop       the site asked for it                  -> result `cancelled`
#   limit      the run took longer than it may        -> result `limit_exceeded`
#   shutdown   the worker exits                       -> release
#   unstarted  the process had died before the run    -> release
#   refused    the site refused the points            -> release, as crashed
#   stale      the run attempt is over for the site   -> nothing
REASONS = ("stop", "limit", "shutdown", "unstarted", "refused", "stale")
RELEASE_REASONS = {
    "shutdown": "shutdown",
    "unstarted": "the warm process had died",
    "refused": "crashed: the site refused its points",
}


class RunAttempt:
    """Passes on the messages of a lab process to the site, and sees to the end of the run.

    `go` does all of it in the calling thread: it reads the inbox of the process, collects events in
    a `SendBuffer`, and sends them at most every `REPORT_SECONDS`, or an empty report: one at once,
    which confirms the lease, and a heartbeat when nothing else is due. When the process has ended,
    it delivers the result, or releases the run.

    While the site cannot be reached, events wait, the run goes on, and the pauses between requests
    grow. When too many events wait, the inbox is no longer read, so that the lab has to wait. A
    result is first written to the spool, and sent until the lease has expired; then the spool goes
    on with it.

    Args:
        lease: of the run.
        process: a warm lab process, which this run attempt uses up.
        on_first_report: called when the site has the first points: the worker may do other things.
    """

    def __init__(
        self,
        lease: Lease,
        process: LabProcess,
        reporter: Reporter,
        spool: Spool,
        on_first_report: Callable[[], None],
    ) -> None:
        self.lease = lease
        self._process, self._reporter, self._spool = process, reporter, spool
        self._on_first_report = on_first_report
        self._send_buffer = SendBuffer(lease.after)
        self._points_done = self._points_expected = 0
        # all monotonic: start of the work, last answer of the site, time of the next report
        self._started_at = self._answered_at = time.monotonic()
        self._next_report_at = 0.0
        self._is_confirmed = False  # the site knows that the lease has arrived
        self._failures = 0
        self._reason = ""
        self._lock = threading.Lock()
        self._is_ending = threading.Event()  # cuts pauses short
        self._result: Result | None = None
        self._exited: Exited | None = None

    def go(self, threads: int) -> None:
        """Do the run. When this returns, the process has exited, and the result is acknowledged,
        or in the spool.

        Args:
            threads: for the lab to compute with; 0: as many as the process was started with.
        """
        lease = self.lease
        limit = threading.Timer(lease.limit_seconds, self._end, ["limit"])
        limit.daemon = True
        limit.start()
        try:
            start = Start(lease.lab, lease.config, lease.replicates, lease.seed, threads)
            self._process.begin(start)
            while not (self._result or self._exited or self._is_given_up):
                self._step()
        except OSError:
            self._end("unstarted")
        finally:
            limit.cancel()
        if self._result is None:
            self._exited = self._exited or self._process.kill_and_wait()
        self._finish()
        if self._exited is None:
            self._process.kill_and_wait()  # its memory must be free before its slot is

    def give_up(self) -> None:
        """Kill the process and release the run, since the worker exits. From any thread."""
        self._end("shutdown")

    def kill(self) -> None:
        """Kill the process, if it still runs."""
        self._process.kill()

    @property
    def _name(self) -> tuple[str, int]:
        """The run and the number of the attempt, for the log."""
        return self.lease.run, self.lease.number

    @property
    def _is_given_up(self) -> bool:
        return self._reason in ("shutdown", "unstarted", "refused", "stale")

    def _end(self, reason: str) -> None:
        """End the process for a reason: gently for "stop", else at once. From any thread."""
        with self._lock:
            first = not self._reason
            if first or REASONS.index(reason) > REASONS.index(self._reason):
                self._reason = reason
        if reason == "stop" and first:
            self._process.end(self.lease.kill_seconds)
        elif reason != "stop":
            self._process.kill()
            self._is_ending.set()

    def _step(self) -> None:
        """Read messages until a report is due, then send it."""
        while (left := self._due() - time.monotonic()) > 0:
            if self._send_buffer.is_full and not self._reason:  # let the lab wait
                self._is_ending.wait(left)
                break
            try:
                self._receive(self._process.inbox.get(timeout=left))
            except queue.Empty:
                break
            if self._result or self._exited or self._is_given_up:
                return
        if self._due() <= time.monotonic() and not self._is_given_up:
            self._report()

    def _due(self) -> float:
        """Return when the next report is due (monotonic): of points, else a heartbeat."""
        if self._send_buffer or self._failures or not self._is_confirmed:
            return self._next_report_at
        return max(self._next_report_at, self._answered_at + self.lease.heartbeat_seconds)

    def _receive(self, message: Message | Exited) -> None:
        match message:
            case Batch(events, points_done, points_expected):
                self._send_buffer.add(events)
                self._points_done, self._points_expected = points_done, points_expected
            case Ended(result):
                self._result = result
            case Exited():
                self._exited = message

    def _report(self) -> None:
        request = self._send_buffer.request(self._points_done, self._points_expected)
        if request.events:  # the first points need not wait for what confirmed the lease
            self._next_report_at = time.monotonic() + REPORT_SECONDS
        try:
            reply = self._reporter.events(self.lease.run_attempt_id, self.lease.token, request)
            self._send_buffer.acknowledge(request.after + len(request.events))
            self._take_reply(reply)
            if request.events and request.after <= self.lease.after:
                self._on_first_report()
        except SiteUnavailable as error:
            self._reporter.warn_once_a_minute(f"The site cannot be reached, points wait: {error}")
            self._next_report_at = time.monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
        except Refusal as refusal:
            self._take_refusal(refusal)

    def _take_reply(self, reply: EventsReply) -> None:
        self._answered_at, self._failures, self._is_confirmed = time.monotonic(), 0, True
        if reply.stop:
            self._end("stop")

    def _take_refusal(self, refusal: Refusal) -> None:
        try:
            if refusal.code != "gap":
                raise EventsLost(str(refusal))
            self._send_buffer.rewind(refusal.last)
        except EventsLost as error:
            log.warning("run %s, run attempt %d: %s", *self._name, error)
            self._end("stale" if refusal.is_stale else "refused")

    def _finish(self) -> None:
        """Deliver a result or release the run, by the reason for the end."""
        if self._reason == "stale":
            return
        if self._result is None:
            if self._reason == "stop":
                self._result = self._result_of_killed("cancelled")
            elif self._reason == "limit":
                self._result = self._result_of_killed("limit_exceeded")
        if self._result and self._reason != "refused":
            self._deliver(self._result)
        else:
            self._release()

    def _result_of_killed(self, state: EndState) -> Result:
        return Result(
            state,
            seconds=time.monotonic() - self._started_at,
            device=self._process.ready.device,
            versions=self._process.ready.versions,
            engine=self._process.ready.engine,
        )

    def _deliver(self, result: Result) -> None:
        """Spool the result, and send it until the lease has expired; then the spool goes on."""
        lease = self.lease
        self._receive_rest()
        spooled = SpooledResult(
            lease.run_attempt_id,
            lease.token,
            self._send_buffer.acknowledged,
            self._send_buffer.rest(),
            self._points_done,
            self._points_expected,
            result,
        )
        try:
            self._spool.save(spooled)
        except OSError as error:
            log.error("run %s: its result could not be spooled: %s", lease.run, error)

        def send() -> None:
            deliver(spooled, self._send_buffer, self._reporter)

        if self._retry_until_lease_ends(send):
            self._spool.remove(lease.run_attempt_id)
        else:
            self._spool.hand_over(lease.run_attempt_id)

    def _receive_rest(self) -> None:
        """Receive the points that the process has sent before its end."""
        while True:
            try:
                self._receive(self._process.inbox.get_nowait())
            except queue.Empty:
                return

    def _release(self) -> None:
        # Only a reason that begins with "crashed" counts as a failed run attempt.
        reason = RELEASE_REASONS.get(self._reason, f"crashed: {self._exited}")
        log.warning("run %s, run attempt %d: released: %s", *self._name, reason)
        ids = self.lease.run_attempt_id, self.lease.token
        self._retry_until_lease_ends(lambda: self._reporter.release(*ids, reason))

    def _retry_until_lease_ends(self, action: Callable[[], None]) -> bool:
        """Repeat a request until it is settled or the lease has expired; return whether settled.

        A refusal settles it, too.
        """
        failures = 0
        while True:
            try:
                action()
            except (Refusal, EventsLost) as error:
                log.warning("run %s, run attempt %d: %s", *self._name, error)
            except SiteUnavailable as error:
                self._reporter.warn_once_a_minute(
                    f"The site cannot be reached, a result waits: {error}"
                )
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                if (
                    time.monotonic() + pause > self._answered_at + self.lease.lease_seconds
                    or self._is_ending.wait(pause)
                ):
                    return False
                continue
            return True
