"""Keeping programs alive: one parent for all, prefixed logs, restarts with backoff, and an end that
leaves nobody behind.
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
FIRST_PAUSE, MAX_PAUSE_SECONDS = 0.5, 30.0  # seconds before a restart; doubled each time
HEALTHY_SECONDS = 20  # alive for so long, and its failures are forgotten
LOOK_SECONDS = 0.1
COLOURS = (36, 33, 35, 32, 34)


@dataclass
class Child:
    """A program under care."""

    name: str
    launch: Launch
    ends_by: int
    seconds: float  # that it may take to end
    shown: bool  # its lines appear on the terminal; else in its log only
    before_restart: Callable[[], str]  # says what it did
    process: subprocess.Popen[bytes]
    born: float = 0.0
    failures: int = 0
    due: float = 0.0  # when to start it again, while it is dead


class Supervisor:
    """The parent. Use it as a context: leaving it ends every child, the last one started first."""

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
        """Start a program and take it under care."""
        with self._uninterrupted():
            process = self._launch(name, launch, ends_by, shown)
            child = Child(
                name, launch, ends_by, seconds, shown, before_restart, process, time.monotonic()
            )
            self.children.append(child)
        return child

    def replace(self, child: Child, launch: Launch) -> None:
        """End a program and start it in another way."""
        stop(child.process, child.ends_by, child.seconds)
        self.watcher.remove(child.process)
        child.launch = launch
        self._start_again(child)

    def wait_for(self, ready: Callable[[], bool], child: Child, seconds: float) -> None:
        """Watch over everybody until `ready`.

        Raises:
            Problem: it took too long, or `child` keeps failing; carries the end of its log.
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
            time.sleep(LOOK_SECONDS)

    def run(self) -> None:
        """Watch over everybody until the person ends it."""
        while True:
            self.look()
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Start again who has died, each after its pause."""
        now = time.monotonic()
        for child in self.children:
            status = child.process.poll()
            if status is None:
                if now - child.born > HEALTHY_SECONDS:
                    child.failures = 0
            elif not child.due:
                self._mourn(child, status, now)
            elif now >= child.due:
                self._start_again(child)

    def stop(self) -> None:
        """End all children, the last first; a second Ctrl-C ends them at once."""
        try:
            for child in reversed(self.children):
                stop(child.process, child.ends_by, child.seconds)
                self.watcher.remove(child.process)
        except KeyboardInterrupt:
            out("Stopping everything now.")
            for child in reversed(self.children):
                stop(child.process, signal.SIGKILL, 1)
        self.children.clear()

    def _mourn(self, child: Child, status: int, now: float) -> None:
        self.watcher.remove(child.process)
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE * 2**child.failures)
        child.failures += 1
        child.due = now + pause
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._line(child.name, f"{how}; restarting in {pause:g} s")
        if not child.shown:
            self._line(child.name, f"its log: {self.home.logs / child.name}.log")

    def _start_again(self, child: Child) -> None:
        if said := child.before_restart():
            self._line(child.name, said)
        with self._uninterrupted():
            child.process = self._launch(child.name, child.launch, child.ends_by, child.shown)
        child.born, child.due = time.monotonic(), 0.0

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
                with contextlib.suppress(OSError):  # a full disk stops the log, not the program
                    log.write(line)
                self._line(name, line.decode(errors="replace").rstrip())

    def _line(self, name: str, text: str) -> None:
        label = f"{name:<10}|"
        if sys.stdout.isatty():
            label = f"\033[{COLOURS[sum(name.encode()) % len(COLOURS)]}m{label}\033[0m"
        out(f"{label} {text}")

    @contextlib.contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        """Put an interrupt off: between a program's start and its entry in our books, it would be
        lost.
        """
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
