"""Results on disk until the site has acknowledged them.

A file is written whole or not at all (a temporary file, fsync, rename). What is left when a worker
exits is delivered by the next worker with the same data folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workers.reporter import Refusal, Reporter, SiteUnavailable
from workers.send_buffer import SendBuffer
from workers.wire import Event, Result

log = logging.getLogger(__name__)
# Seconds after a delivery that failed: the more in a row, the longer, but far less than a lease,
# which goes on when the site is back: the result must arrive before it runs out.
PAUSES = (0.5, 1.0, 2.0, 5.0)


class SpooledResult(msgspec.Struct):
    """A result, and the events that the site must have before it."""

    run_attempt_id: int
    token: str
    after: int  # number of the last acknowledged event
    events: list[Event]  # those after it
    points_done: int
    points_expected: int
    result: Result


def deliver(spooled: SpooledResult, send_buffer: SendBuffer, reporter: Reporter) -> None:
    """Send the remaining events of a run attempt, then its result. Idempotent.

    If the site refuses the result as invalid, the run is reported as failed: else the same result
    would be sent for ever.

    Raises:
        SiteUnavailable: deliver again later.
        Refusal: the run attempt is over for the site; nothing is left to do.
        EventsLost: the site lacks events that are no longer kept.
    """
    run_attempt_id, token = spooled.run_attempt_id, spooled.token
    while send_buffer:
        request = send_buffer.request(spooled.points_done, spooled.points_expected)
        try:
            reporter.events(run_attempt_id, token, request)
            send_buffer.acknowledge(request.after + len(request.events))
        except Refusal as refusal:
            if refusal.code != "gap":
                raise
            send_buffer.rewind(refusal.last)
    try:
        reporter.result(run_attempt_id, token, spooled.result)
    except Refusal as refusal:
        if refusal.is_stale:
            raise
        log.error("the result of run attempt %d was refused: %s", run_attempt_id, refusal)
        failure = Result("failed", error="The site refused the result.", detail=str(refusal))
        reporter.result(run_attempt_id, token, failure)


class Spool:
    """A folder of results, a file for each; only this account may read them, as they hold tokens.

    A run attempt saves its result and tries to deliver it. Then it removes the file, or hands it
    over to the spool's thread, which also delivers what an earlier worker has left.
    """

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self._busy: set[int] = set()  # run attempts that still deliver their result themselves
        self._changed = threading.Condition()
        self._closing = self._handed_over = False

    def start(self) -> None:
        """Start the thread that delivers what is left from earlier or handed over."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        threading.Thread(target=self._deliver_leftovers, name="spool", daemon=True).start()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def save(self, spooled: SpooledResult) -> None:
        """Write a result to disk. The caller delivers it, and calls `hand_over` or `remove`.

        Raises:
            OSError: it could not be written; no part of it is left.
        """
        self._busy.add(spooled.run_attempt_id)
        final = self._path(spooled.run_attempt_id)
        temporary = final.with_suffix(f".{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(spooled))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def hand_over(self, run_attempt_id: int) -> None:
        """Leave a saved result to the spool's thread."""
        with self._changed:
            self._busy.discard(run_attempt_id)
            self._handed_over = True
            self._changed.notify_all()

    def remove(self, run_attempt_id: int) -> None:
        """Delete a result that was acknowledged, or whose run attempt is over for the site."""
        self._path(run_attempt_id).unlink(missing_ok=True)
        self._busy.discard(run_attempt_id)

    def _path(self, run_attempt_id: int) -> Path:
        return self._folder / f"{run_attempt_id}.json"

    def _undelivered(self) -> Iterator[Path]:
        for path in sorted(self._folder.glob("*.json")):
            if path.stem.isdigit() and int(path.stem) not in self._busy:
                yield path

    def _deliver_leftovers(self) -> None:
        failures = 0
        while not self._closing:
            settled = [self._deliver_file(path) for path in self._undelivered()]
            failures = 0 if all(settled) else failures + 1
            pause = PAUSES[min(failures, len(PAUSES)) - 1] if failures else None
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._handed_over, pause)
                self._handed_over = False

    def _deliver_file(self, path: Path) -> bool:
        """Deliver a file and delete it; return whether it is settled."""
        try:
            spooled = msgspec.json.decode(path.read_bytes(), type=SpooledResult)
            deliver(spooled, SendBuffer(spooled.after, spooled.events), self._reporter)
        except FileNotFoundError:  # another worker has delivered it
            return True
        except SiteUnavailable as error:
            self._reporter.warn_once_a_minute(f"A finished result waits for the site: {error}")
            return False
        except OSError as error:
            self._reporter.warn_once_a_minute(f"A finished result cannot be read: {error}")
            return False
        except Exception as error:  # a refusal, lost events, or an invalid file
            log.warning("the result in %s is discarded: %r", path, error)
        with contextlib.suppress(OSError):
            path.unlink()
        return not path.exists()
