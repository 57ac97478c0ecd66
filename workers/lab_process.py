"""A lab process as the worker sees it: started, spoken to by pipe, listened to, and ended with all
that it started.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workers.pipe import Line, Message, Ready, Start
from workers.settings import ROOT, Settings

log = logging.getLogger(__name__)
SAID_BYTES = 64_000  # of what one lab process prints, that the log keeps
INBOX = 256  # records that wait; then the pipe fills, and the lab with it
# A lab process sees nothing of the worker's environment but this: no token, no address.
PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)
PASSED_ON_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "TORCH_", "PYTORCH_")


@dataclass(frozen=True)
class Gone:
    """The process is no more; `code` as in `subprocess`: negative, the signal that ended it."""

    code: int

    def __str__(self) -> str:
        return f"signal {-self.code}" if self.code < 0 else f"exit status {self.code}"


class LabProcess:
    """A process of `workers.process` in a session of its own. What it says, and at last `Gone`,
    comes to `inbox`.
    """

    ready: Ready

    def __init__(
        self, settings: Settings, scratch: Path, on_gone: Callable[[LabProcess, Gone], None]
    ) -> None:
        """Start it, from the thread that lives as long as it should.

        Raises:
            OSError: the machine cannot.
        """
        self.inbox: queue.Queue[Message | Gone] = queue.Queue(INBOX)
        self._on_gone = on_gone
        self._folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=scratch))
        theirs, ours = _two_pipes()
        command = [
            sys.executable,
            "-P",
            "-m",
            "workers.process",
            *map(str, theirs),
            str(os.getpid()),
            settings.labs,
        ]
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=environment(os.environ, settings.threads),
                pass_fds=theirs,
                start_new_session=True,
            )
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self.pid = self._popen.pid
        self._line = Line(*ours)
        self._timer: threading.Timer | None = None

    def listen(self) -> None:
        """Begin to fill the inbox, and to copy what it prints to the log."""
        threading.Thread(target=self._record_heartbeat, name=f"lab-{self.pid}", daemon=True).start()
        threading.Thread(
            target=self._copy_output, name=f"lab-{self.pid}-output", daemon=True
        ).start()

    def begin(self, start: Start) -> None:
        """Give it its run.

        Raises:
            OSError: it has died.
        """
        self._line.send(start)

    def end(self, grace: float) -> None:
        """Ask it to end; after `grace` seconds kill it, with all that it started."""
        self._signal(signal.SIGTERM)
        self._timer = threading.Timer(grace, self.kill)
        self._timer.daemon = True
        self._timer.start()

    def kill(self) -> None:
        """Kill it, with all that it started."""
        self._signal(signal.SIGKILL)

    def kill_and_wait(self) -> Gone:
        """Kill it, forget what it still had to say, and return when it is gone."""
        self.kill()
        while not isinstance(word := self.inbox.get(), Gone):
            pass
        return word

    def _signal(self, number: int) -> None:
        if self._popen.returncode is None:  # not waited for: the number still means this process
            # macOS says EPERM of a group of zombies
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _record_heartbeat(self) -> None:
        try:
            for message in self._line:
                self.inbox.put(message)
        except (msgspec.DecodeError, OSError) as error:
            log.error("lab process %d made no sense: %s", self.pid, error)
        self.kill()  # whatever it has started, too
        gone = Gone(self._popen.wait())
        if self._timer:
            self._timer.cancel()
        self._line.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on_gone(self, gone)
        self.inbox.put(gone)

    def _copy_output(self) -> None:
        """Copy lines to the log, up to a limit; go on reading after it, since a full pipe would
        stop the lab.
        """
        assert self._popen.stdout
        left = SAID_BYTES
        with self._popen.stdout as output:
            while line := output.readline(SAID_BYTES):
                if left > 0:
                    log.warning(
                        "lab %d: %s", self.pid, line[:left].decode(errors="replace").rstrip()
                    )
                    left -= len(line)
                    if left <= 0:
                        log.warning("lab %d: (it says more; the rest is left out)", self.pid)


def environment(ours: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the environment of a lab process: what programs need, how many threads to compute
    with, and no secrets.
    """
    passed = {
        name: value
        for name, value in ours.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    limits = {
        f"{library}_THREADS": str(threads)
        for library in ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
    }
    # Passive: threads that spin while they wait made a lab of 3 s take 24 s beside another.
    return (
        passed
        | limits
        | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    )


def _two_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (reading, writing) of the lab process and of the worker."""
    to_lab, from_worker = os.pipe()
    to_worker, from_lab = os.pipe()
    return (to_lab, from_lab), (to_worker, from_worker)
