"""The warm spare: a lab process that has imported everything before there is a run for it."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import threading

from workers import catalogue
from workers.lab_process import Exited, LabProcess
from workers.pipe import Ready
from workers.settings import SIGN_SECONDS, Settings

log = logging.getLogger(__name__)
# seconds after a spare that did not become ready: the more in a row, the longer
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
READY_SECONDS = 300.0  # that the imports of a lab process may take; one that hangs is replaced


class WarmPool:
    """Keeps one lab process ready, and starts all lab processes of a worker.

    They are started from a single thread that lives as long as they do, since Linux kills them when
    the thread that started them ends (PDEATHSIG).

    A spare is used for one run: `wait` returns it, `take` marks it as used once a run has been
    leased for it, and `prepare` has the next one started.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scratch = settings.data / "scratch"
        self._changed = threading.Condition()
        self._spare: LabProcess | None = None
        # all processes that have not exited, and the hash of the code that each has imported
        self._codes: dict[LabProcess, str] = {}
        self._wanted = self._closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._start_spares, name="warm_pool", daemon=True)

    def start(self) -> None:
        """Remove the scratch folders of dead workers, and start the first spare."""
        self._remove_old_folders()
        self._wanted = True
        self._thread.start()

    def prepare(self) -> None:
        """Have a spare started, unless one is ready or being started."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def wait(self) -> LabProcess | None:
        """Wait for a spare and return it; None if the worker is closing. Its imports may take long
        on a slow machine, so the wait gives signs of life.
        """
        with self._changed:
            while not (self._closing or self._spare):
                self._settings.give_sign()
                self._changed.wait(SIGN_SECONDS)
            return None if self._closing else self._spare

    def take(self, spare: LabProcess) -> None:
        """Mark the spare as used. The next one is started after `prepare`."""
        with self._changed:
            if self._spare is spare:
                self._spare = None

    def refresh(self) -> None:
        """Replace the spare if the code on disk has changed since it was imported."""
        with self._changed:
            spare = self._spare
        if spare and self._codes.get(spare) != catalogue.code(self._settings.labs):
            log.warning("the code of the labs has changed: a new spare is started")
            self.take(spare)
            spare.kill()
            self.prepare()

    def close(self) -> None:
        """Kill all lab processes, and start no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            alive = list(self._codes)
        for process in alive:
            process.kill()

    def _start_spares(self) -> None:
        while not self._closing:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closing or (self._wanted and self._spare is None)
                )
                if self._closing:
                    break
                self._wanted = False
            try:
                self._make_spare()
            except Exception as error:  # whatever it is: without spares a worker is useless
                self._pause(f"no lab process can be made ready: {error!r}")
        with self._changed:  # this thread must outlive the processes
            self._changed.wait_for(lambda: not self._codes)

    def _make_spare(self) -> None:
        try:
            code = catalogue.code(self._settings.labs)
            process = LabProcess(self._settings, self._scratch, self._forget)
        except OSError as error:  # no memory, no processes, no disk
            self._pause(f"no lab process can be started: {error}")
            return
        with self._changed:
            self._codes[process] = code
            closing = self._closing
        if closing:
            process.kill()
        try:
            process.listen()
        except RuntimeError as error:  # no threads
            process.kill()
            with self._changed:
                self._codes.pop(process, None)
            self._pause(f"the messages of a lab process cannot be read: {error}")
            return
        try:
            message = process.inbox.get(timeout=READY_SECONDS)
        except queue.Empty:
            process.kill()
            self._pause(f"a lab process was not ready after {READY_SECONDS:g} s")
            return
        if not isinstance(message, Ready):
            self._pause(f"a lab process did not become ready: {message}")
            return
        process.ready = message
        with self._changed:
            self._failures = 0
            self._spare = process if process in self._codes else None
            self._changed.notify_all()

    def _pause(self, reason: str) -> None:
        with self._changed:
            if self._closing:
                return
            seconds = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            self._wanted = True
            log.error("%s; trying again in %g s", reason, seconds)
            self._changed.wait_for(lambda: self._closing, seconds)

    def _forget(self, process: LabProcess, exited: Exited) -> None:
        """Forget a process that has exited; if it was the spare, start another."""
        with self._changed:
            self._codes.pop(process, None)
            if self._spare is process and not self._closing:
                log.warning("the warm spare died while it waited (%s)", exited)
                self._spare, self._wanted = None, True
            self._changed.notify_all()

    def _remove_old_folders(self) -> None:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._scratch.iterdir():
            if not _is_alive(folder.name.partition("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return True  # not a folder of ours
    with contextlib.suppress(ProcessLookupError):
        with contextlib.suppress(PermissionError):
            os.kill(int(pid), 0)
        return True
    return False
