"""A process that stops the launcher's children if the launcher is killed.

The launcher writes `+ <pid> <signal>` to its pipe for each child that it starts, and `- <pid>` for
each that ended. If the pipe closes while children are left, the launcher was killed: they get their
signal (on Linux the kernel has sent it already), then SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_SECONDS = 15  # from a child's signal to SIGKILL


class Watcher:
    """The launcher's end of the pipe."""

    def __init__(self, *keep: int) -> None:
        """Start the watcher. It inherits the descriptors `keep` (e.g. a lock) and keeps them open
        until all children have ended.
        """
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            pass_fds=keep,
            start_new_session=True,
        )

    def add(self, process: subprocess.Popen[bytes], ends_by: int) -> None:
        self._write(f"+ {process.pid} {int(ends_by)}\n")

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        self._write(f"- {process.pid}\n")

    def close(self) -> None:
        """Close the pipe; without children left, the watcher ends immediately."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def _write(self, line: str) -> None:
        assert self.process.stdin
        # the watcher was killed; on Linux the kernel still sends signals
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()


def watch() -> None:
    """Read the pipe until it closes, then stop the remaining children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: dict[int, int] = {}
    for line in sys.stdin:
        sign, pid, *ends_by = line.split()
        if sign == "+":
            children[int(pid)] = int(ends_by[0])
        else:
            children.pop(int(pid), None)
    end(children)


def end(children: dict[int, int]) -> None:
    """Send each child its signal, wait, then kill every remaining process group."""
    if sys.platform != "linux":
        for pid, number in children.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    watch()
