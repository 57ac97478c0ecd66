"""Results on disk until the site has acknowledged them: written whole or not at all, tried again at
the next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from workers.reporter import Away, Refusal, Reporter
from workers.send_buffer import SendBuffer
from workers.wire import Event, Result

log = logging.getLogger(__name__)
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between tries to deliver what was left


class SpooledResult(msgspec.Struct):
    """A result, with the points that must arrive before it."""

    run_attempt_id: int
    token: str
    after: int  # number of the event that the site has acknowledged last
    events: list[Event]  # the following
    points_done: int
    points_expected: int
    result: Result


def deliver(parcel: SpooledResult, send_buffer: SendBuffer, reporter: Reporter) -> None:
    """Report what is left of a run attempt, then its result. Harmless to repeat.

    A result that the site finds wrong is reported as a failure of the run, so that it does not come
    back for ever.

    Raises:
        Away: ask again later.
        Refusal: the run attempt is over for the site; nothing is left to do.
        Lost: the site misses points that nobody has.
    """
    run_attempt_id, token = parcel.run_attempt_id, parcel.token
    while send_buffer:
        request = send_buffer.request(parcel.points_done, parcel.points_expected)
        try:
            reporter.events(run_attempt_id, token, request)
            send_buffer.acknowledge(request.after + len(request.events))
        except Refusal as refusal:
            if refusal.code != "gap":
                raise
            send_buffer.rewind(refusal.last)
    try:
        reporter.result(run_attempt_id, token, parcel.result)
    except Refusal as refusal:
        if refusal.is_stale:
            raise
        log.error("the result of run attempt %d was refused: %s", run_attempt_id, refusal)
        reporter.result(
            run_attempt_id,
            token,
            Result("failed", error="The site refused the result.", detail=str(refusal)),
        )


class Spool:
    """A folder of parcels, one file each, readable by this account alone: they hold try tokens."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder
        self._reporter = reporter
        self._busy: set[int] = set()  # run attempts whose own thread is still delivering
        self._changed = threading.Condition()
        self._closing = self._handed = False

    def start(self) -> None:
        """Deliver, in a thread, what an earlier worker left, and what is handed over later."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        threading.Thread(target=self._deliver_leftovers, name="spool", daemon=True).start()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def save(self, parcel: SpooledResult) -> None:
        """Put a parcel on disk, to be delivered by the caller until it calls `hand_over` or
        `remove`.
        """
        self._busy.add(parcel.run_attempt_id)
        final = self._path(parcel.run_attempt_id)
        fresh = final.with_suffix(f".{os.getpid()}")
        try:
            with os.fdopen(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as file:
                file.write(msgspec.json.encode(parcel))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(final)
        except OSError:
            fresh.unlink(missing_ok=True)  # half a parcel on a full disk helps nobody
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def hand_over(self, run_attempt_id: int) -> None:
        """Leave a saved parcel to the spool's own thread."""
        with self._changed:
            self._busy.discard(run_attempt_id)
            self._handed = True
            self._changed.notify_all()

    def remove(self, run_attempt_id: int) -> None:
        """Throw a parcel away: it was acknowledged, or nobody wants it."""
        self._path(run_attempt_id).unlink(missing_ok=True)
        self._busy.discard(run_attempt_id)

    def _path(self, run_attempt_id: int) -> Path:
        return self._folder / f"{run_attempt_id}.json"

    def _left(self) -> Iterator[Path]:
        for path in sorted(self._folder.glob("*.json")):
            if path.stem.isdigit() and int(path.stem) not in self._busy:
                yield path

    def _deliver_leftovers(self) -> None:
        failures = 0
        while not self._closing:
            settled = [self._deliver_file(path) for path in self._left()]
            failures = 0 if all(settled) else failures + 1
            pause = PAUSES[min(failures, len(PAUSES)) - 1] if failures else None
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._handed, pause)
                self._handed = False

    def _deliver_file(self, path: Path) -> bool:
        """Return whether the file is dealt with."""
        try:
            parcel = msgspec.json.decode(path.read_bytes(), type=SpooledResult)
            deliver(parcel, SendBuffer(parcel.after, parcel.events), self._reporter)
        except FileNotFoundError:  # another worker on this machine was quicker
            return True
        except Away as error:
            self._reporter.complain(f"A finished result waits for the site: {error}")
            return False
        except OSError as error:
            self._reporter.complain(f"A finished result cannot be read: {error}")
            return False
        # a refusal, points that are lost, or a file in which nothing makes sense
        except Exception as error:
            log.warning("the result in %s is dropped: %r", path, error)
        with contextlib.suppress(OSError):
            path.unlink()
        return not path.exists()
