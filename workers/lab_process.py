"""A lab process, seen from the worker.

The worker starts it, exchanges messages with it over a pair of pipes (`workers.pipe`), copies what
it prints to the log, and ends it together with everything it started: it leads a process group.
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

from workers.pipe import Channel, Message, Ready, Start
from workers.settings import ROOT, Settings

log = logging.getLogger(__name__)
MAX_OUTPUT_BYTES = 64_000  # of what one lab process prints, copied to the log
MAX_INBOX_MESSAGES = 256  # more wait in the pipe; when it is full, the lab has to wait
# All that a lab process sees of the worker's environment: no token, no address.
PASSED_VARIABLES = (
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
PASSED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "TORCH_", "PYTORCH_")


@dataclass(frozen=True)
class Exited:
    """The process has exited; `code` as in `subprocess`: if negative, the signal that killed it."""

    code: int

    def __str__(self) -> str:
        return f"signal {-self.code}" if self.code < 0 else f"exit status {self.code}"


class LabProcess:
    """A process that runs `workers.process`, in a session of its own.

    Its messages arrive in `inbox`: `Ready`, then `Batch` after `Batch`, then `Ended`, and in any
    case `Exited` at last. A crash leaves out what it had not sent.
    """

    ready: Ready  # its first message, set by whoever has read it

    def __init__(
        self, settings: Settings, scratch: Path, on_exit: Callable[[LabProcess, Exited], None]
    ) -> None:
        """Start the process. It is killed when the calling thread ends (PDEATHSIG, on Linux).

        Args:
            settings: of the worker.
            scratch: where its own folder is made, and removed when it has exited.
            on_exit: called once when it has exited, from the thread that reads its messages.
        Raises:
            OSError: the system has no memory, processes or disk left.
        """
        self.inbox: queue.Queue[Message | Exited] = queue.Queue(MAX_INBOX_MESSAGES)
        self._on_exit = on_exit
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
        self._channel = Channel(*ours)
        self._timer: threading.Timer | None = None

    def listen(self) -> None:
        """Start the threads that fill the inbox and copy the output to the log."""
        name = f"lab-{self.pid}"
        threading.Thread(target=self._receive, name=name, daemon=True).start()
        threading.Thread(target=self._copy_output, name=f"{name}-output", daemon=True).start()

    def begin(self, start: Start) -> None:
        """Send the process its run.

        Raises:
            OSError: it has exited.
        """
        self._channel.send(start)

    def end(self, grace: float) -> None:
        """Send SIGTERM to the process group; after `grace` seconds, SIGKILL."""
        self._signal(signal.SIGTERM)
        self._timer = threading.Timer(grace, self.kill)
        self._timer.daemon = True
        self._timer.start()

    def kill(self) -> None:
        """Send SIGKILL to the process group."""
        self._signal(signal.SIGKILL)

    def kill_and_wait(self) -> Exited:
        """Kill the process, drop its remaining messages, and return when it has exited."""
        self.kill()
        while not isinstance(message := self.inbox.get(), Exited):
            pass
        return message

    def _signal(self, number: int) -> None:
        if self._popen.returncode is None:  # not waited for: the id still means this process
            # macOS answers EPERM for a group of zombies.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _receive(self) -> None:
        try:
            for message in self._channel:
                self.inbox.put(message)
        except (msgspec.DecodeError, OSError) as error:
            log.error("lab process %d sent an invalid message: %s", self.pid, error)
        self.kill()  # its group too: whatever the lab has started
        exited = Exited(self._popen.wait())
        if self._timer:
            self._timer.cancel()
        self._channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on_exit(self, exited)
        self.inbox.put(exited)

    def _copy_output(self) -> None:
        """Copy output to the log up to a limit, then read on: a full pipe would block the lab."""
        assert self._popen.stdout
        left = MAX_OUTPUT_BYTES
        with self._popen.stdout as output:
            while line := output.readline(MAX_OUTPUT_BYTES):
                if left > 0:
                    log.warning(
                        "lab %d: %s", self.pid, line[:left].decode(errors="replace").rstrip()
                    )
                    left -= len(line)
                    if left <= 0:
                        log.warning("lab %d: (more output follows and is left out)", self.pid)


def environment(ours: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the environment of a lab process: what programs need, and no secrets.

    Args:
        ours: the environment of the worker.
        threads: how many threads numerical libraries may use.
    """
    names = [n for n in ours if n in PASSED_VARIABLES or n.startswith(PASSED_PREFIXES)]
    passed = {name: ours[name] for name in names}
    limits = {
        f"{library}_THREADS": str(threads)
        for library in ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
    }
    # PASSIVE: with threads that spin while they wait, a lab of 3 s took 24 s beside another.
    fixed = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return passed | limits | fixed


def _two_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (reading, writing) descriptors for the lab process and for the worker."""
    to_lab, from_worker = os.pipe()
    to_worker, from_lab = os.pipe()
    return (to_lab, from_lab), (to_worker, from_worker)
