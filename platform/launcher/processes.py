"""Starting and stopping programs so that none outlives the launcher.

On Linux the kernel sends a child its signal when the launcher dies (PDEATHSIG). On macOS, and for
children that ignore the signal, `watcher` stops them once its pipe to the launcher closes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pwd import struct_passwd
from typing import IO, Any

from launcher.logs import Log, without_time
from launcher.say import Problem

PR_SET_PDEATHSIG = 1
LINUX = sys.platform == "linux"
# loaded before any fork: after one, a lock may be held by a thread that does not exist in the child
_C = ctypes.CDLL(None)
STDERR = 2  # a file descriptor
TAIL_LINES = 25  # of a program's output, shown when it failed


def die_with(parent: int, number: int) -> None:
    """In a child, after any setuid (which resets it): request signal `number` when process `parent`
    dies (Linux).
    """
    if LINUX:
        _C.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before
            os.kill(os.getpid(), signal.SIGKILL)


def spawn(
    arguments: Sequence[str | Path],
    *,
    ends_by: int = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    output: int | IO[Any] | None = None,
    account: struct_passwd | None = None,
    cwd: Path | str | None = None,
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a program that receives signal `ends_by` when this process dies.

    Call it from a thread that lives as long as the program should: PDEATHSIG depends on the thread.

    Args:
        account: the account to run as, if we are root.
        own_session: whether Ctrl-C at the terminal reaches only the launcher.
    """
    parent = os.getpid()
    become: dict[str, Any] = {}
    if account:
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.Popen(
        [str(argument) for argument in arguments],
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        cwd=cwd,
        start_new_session=own_session,
        preexec_fn=lambda: die_with(parent, ends_by),
        **become,
    )


def run(
    what: str, arguments: Sequence[str | Path], *, log: Path, remedy: str = "", **options: Any
) -> str:
    """Run a program to its end and return what it printed on stdout; everything else goes to `log`.

    Raises:
        Problem: it failed; has the end of its output, and `remedy`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with Log(log).receiving() as errors:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
            preexec_fn=end_with_us(),
            **options,
        )
    output: str = done.stdout.decode(errors="replace")
    if done.returncode:
        raise Problem(
            f"{what} failed (status {done.returncode}):\n{tail(log, output)}",
            remedy or f"read {log}, then try again.",
        )
    return output


def run_visibly(
    what: str, arguments: Sequence[str | Path], *, remedy: str = "", **options: Any
) -> None:
    """Run a program to its end with its progress on the terminal; on stderr, since stdout may lead
    into a pipe that expects data.

    Raises:
        Problem: it failed.
    """
    status = subprocess.run(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL,
        stdout=STDERR,
        check=False,
        preexec_fn=end_with_us(),
        **options,
    ).returncode
    if status:
        raise Problem(f"{what} failed (status {status}); its messages are above.", remedy)


def stop(
    process: subprocess.Popen[bytes], number: int = signal.SIGTERM, seconds: float = 10
) -> None:
    """Stop a program of `spawn` with signal `number`, and after `seconds` its whole process group
    with SIGKILL.
    """
    if process.poll() is None:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    # what is left of the group; macOS raises EPERM for a group of zombies
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(log: Path, more: str = "") -> str:
    """Return the last lines of a log, indented; those of `more` after them."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        text = ""
    lines = [without_time(line) for line in (text + more).splitlines()]
    lines = [line for line in lines if line.strip()][-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (no output)"


def end_with_us() -> Callable[[], None]:
    """Return a `preexec_fn` of a program that must not outlive this process."""
    parent = os.getpid()
    return lambda: die_with(parent, signal.SIGTERM)
