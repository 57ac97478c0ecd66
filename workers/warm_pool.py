"""The warm spare: a lab process that was started, and has imported everything, before there is a
run for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading

from workers import catalogue
from workers.lab_process import Gone, LabProcess
from workers.pipe import Ready
from workers.settings import Settings

log = logging.getLogger(__name__)
# seconds after a spare that did not get ready: the more in a row, the longer
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)


class WarmPool:
    """Starts every lab process from one thread that lives as long as the worker: PDEATHSIG follows
    the thread that started them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scratch = settings.data / "scratch"
        self._changed = threading.Condition()
        self._spare: LabProcess | None = None
        # the processes that live, and the hash of the code that they have read
        self._codes: dict[LabProcess, str] = {}
        self._wanted = self._closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._keep, name="warm_pool", daemon=True)

    def start(self) -> None:
        """Remove what dead workers left behind, and start the first spare."""
        self._sweep()
        self._wanted = True
        self._thread.start()

    def prepare(self) -> None:
        """Have a spare started, unless there is one, or one on its way."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def wait(self) -> LabProcess | None:
        """Wait for a spare and return it; None when the worker is closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._spare)
            return None if self._closing else self._spare

    def take(self, spare: LabProcess) -> None:
        """Note that a spare has got its run. The next is started by `prepare`."""
        with self._changed:
            if self._spare is spare:
                self._spare = None

    def refresh(self) -> None:
        """Replace a spare whose code has changed on disk since it was imported."""
        with self._changed:
            spare = self._spare
        if spare and self._codes.get(spare) != catalogue.code(self._settings.labs):
            log.warning("the labs' code has changed: another spare is started")
            self.take(spare)
            spare.kill()
            self.prepare()

    def close(self) -> None:
        """End every lab process, now; start no more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            alive = list(self._codes)
        for process in alive:
            process.kill()

    def _keep(self) -> None:
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
            except (
                Exception
            ) as error:  # whatever it is, the worker is of no use without its warm_pool
                self._pause(f"no lab process can be made ready: {error!r}")
        with self._changed:  # the thread stays for as long as its processes do
            self._changed.wait_for(lambda: not self._codes)

    def _make_spare(self) -> None:
        try:
            code = catalogue.code(self._settings.labs)
            process = LabProcess(self._settings, self._scratch, self._lost)
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
            self._pause(f"a lab process cannot be listened to: {error}")
            return
        word = process.inbox.get()
        if not isinstance(word, Ready):
            self._pause(f"a lab process did not get ready: {word}")
            return
        process.ready = word
        with self._changed:
            self._failures = 0
            self._spare = process if process in self._codes else None
            self._changed.notify_all()

    def _pause(self, why: str) -> None:
        with self._changed:
            if self._closing:
                return
            seconds = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            self._wanted = True
            log.error("%s; the next try is in %g s", why, seconds)
            self._changed.wait_for(lambda: self._closing, seconds)

    def _lost(self, process: LabProcess, gone: Gone) -> None:
        """Forget a process that is gone; if it was the waiting spare, have another."""
        with self._changed:
            self._codes.pop(process, None)
            if self._spare is process and not self._closing:
                log.warning("the warm spare died while it waited (%s)", gone)
                self._spare, self._wanted = None, True
            self._changed.notify_all()

    def _sweep(self) -> None:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._scratch.iterdir():
            if not _is_alive(folder.name.partition("-")[0]):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return True  # not one of ours: leave it
    with contextlib.suppress(ProcessLookupError):
        with contextlib.suppress(PermissionError):
            os.kill(int(pid), 0)
        return True
    return False
