"""Supervising programs: one parent for all, prefixed logs, restarts with exponential backoff, and a
stop that leaves no process behind.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from types import FrameType
from typing import IO

from launcher.home import Home, Lock
from launcher.processes import stop, tail
from launcher.say import Problem, out
from launcher.watcher import Watcher

Launch = Callable[[int | IO[bytes]], "subprocess.Popen[bytes]"]
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 30.0  # before a restart; doubled each time
HEALTHY_SECONDS = 20  # after which the count of failures is reset
POLL_SECONDS = 0.1
COLOURS = (36, 33, 35, 32, 34)


@dataclass
class Child:
    """A supervised program."""

    name: str
    launch: Launch
    ends_by: int
    seconds: float  # that it may take to stop
    shown: bool  # whether its output appears on the terminal, and not only in its log
    before_restart: Callable[[], str]  # returns a message, or nothing
    process: subprocess.Popen[bytes]
    started: float = 0.0  # time.monotonic
    failures: int = 0
    due: float = 0.0  # when to restart it; 0 while it runs


class Supervisor:
    """The parent process. As a context manager it stops every child at the end, the last one
    first.
    """

    def __init__(self, home: Home, lock: Lock) -> None:
        self.home = home
        self.children: list[Child] = []
        self.watcher = Watcher(lock.descriptor)
        self._busy = self._interrupted = False

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.stop()
        finally:
            self.watcher.close()

    def start(
        self,
        name: str,
        launch: Launch,
        *,
        ends_by: int = signal.SIGTERM,
        seconds: float = 10,
        shown: bool = True,
        before_restart: Callable[[], str] = lambda: "",
    ) -> Child:
        """Start a program and supervise it."""
        with self._uninterrupted():
            process = self._launch(name, launch, ends_by, shown)
            child = Child(
                name, launch, ends_by, seconds, shown, before_restart, process, time.monotonic()
            )
            self.children.append(child)
        return child

    def replace(self, child: Child, launch: Launch) -> None:
        """Stop a program and start it differently."""
        stop(child.process, child.ends_by, child.seconds)
        self.watcher.remove(child.process)
        child.launch = launch
        self._restart(child)

    def wait_for(self, ready: Callable[[], bool], child: Child, seconds: float) -> None:
        """Supervise all children until `ready`.

        Raises:
            Problem: it took too long, or `child` keeps failing; has the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.look()
            if time.monotonic() > deadline or child.failures > 2:
                log = self.home.logs / f"{child.name}.log"
                raise Problem(
                    f"{child.name} is not responding:\n{tail(log)}",
                    f"read {log}, and run ./gradus doctor.",
                )
            time.sleep(POLL_SECONDS)

    def run(self) -> None:
        """Supervise all children until Ctrl-C."""
        while True:
            self.look()
            time.sleep(POLL_SECONDS)

    def look(self) -> None:
        """Restart children that have ended, each after its pause."""
        now = time.monotonic()
        for child in self.children:
            status = child.process.poll()
            if status is None:
                if now - child.started > HEALTHY_SECONDS:
                    child.failures = 0
            elif not child.due:
                self._schedule_restart(child, status, now)
            elif now >= child.due:
                self._restart(child)

    def stop(self) -> None:
        """Stop all children, the last one first; a second Ctrl-C kills them."""
        try:
            for child in reversed(self.children):
                stop(child.process, child.ends_by, child.seconds)
                self.watcher.remove(child.process)
        except KeyboardInterrupt:
            out("Stopping everything now.")
            for child in reversed(self.children):
                stop(child.process, signal.SIGKILL, 1)
        self.children.clear()

    def _schedule_restart(self, child: Child, status: int, now: float) -> None:
        self.watcher.remove(child.process)
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**child.failures)
        child.failures += 1
        child.due = now + pause
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._line(child.name, f"{how}; restarting in {pause:g} s")
        if not child.shown:
            self._line(child.name, f"its log: {self.home.logs / child.name}.log")

    def _restart(self, child: Child) -> None:
        if message := child.before_restart():
            self._line(child.name, message)
        with self._uninterrupted():
            child.process = self._launch(child.name, child.launch, child.ends_by, child.shown)
        child.started, child.due = time.monotonic(), 0.0

    def _launch(
        self, name: str, launch: Launch, ends_by: int, shown: bool
    ) -> subprocess.Popen[bytes]:
        log = self.home.log(name)
        if shown:
            process = launch(subprocess.PIPE)
            Thread(target=self._read, args=(name, process, log), daemon=True).start()
        else:
            process = launch(log)
            log.close()
        self.watcher.add(process, ends_by)
        return process

    def _read(self, name: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        assert process.stdout
        with log, process.stdout:
            for line in process.stdout:
                with contextlib.suppress(OSError):  # a full disk must stop only the log
                    log.write(line)
                self._line(name, line.decode(errors="replace").rstrip())

    def _line(self, name: str, text: str) -> None:
        label = f"{name:<10}|"
        if sys.stdout.isatty():
            label = f"\033[{COLOURS[sum(name.encode()) % len(COLOURS)]}m{label}\033[0m"
        out(f"{label} {text}")

    @contextlib.contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """Delay an interrupt: between its start and its registration, a program would be lost."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._busy:
            self._interrupted = True
        else:
            raise KeyboardInterrupt
