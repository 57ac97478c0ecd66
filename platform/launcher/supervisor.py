"""Supervising programs: one parent for all, prefixed output, logs, restarts with exponential
backoff of what has ended or hangs, and a stop that leaves no process behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from types import FrameType
from typing import IO

from launcher import signs
from launcher.home import Home, Lock
from launcher.logs import DRAIN_SECONDS, Log, lines
from launcher.processes import stop, tail
from launcher.say import Problem, out
from launcher.watcher import Watcher

Launch = Callable[[int | IO[bytes]], "subprocess.Popen[bytes]"]
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 30.0  # before a restart; doubled each time
HEALTHY_SECONDS = 10  # after which a program restarts at once, and its failures are forgotten
POLL_SECONDS = 0.1
# Between two looks more has passed only if we did not run ourselves: the machine slept, or we were
# stopped. What the programs did meanwhile is not known, so it does not count as silence.
MAX_LOOK_SECONDS = 1.0
HUNG_END_SECONDS = 3.0  # from the signal to SIGKILL of a program that hangs, which may hear neither
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
    sign: Callable[[], bool] | None  # asks it for a sign of life, which may take a while
    log: Log
    process: subprocess.Popen[bytes]
    started: float = 0.0  # time.monotonic
    failures: int = 0
    due: float = 0.0  # when to restart it; 0 while it runs
    reader: Thread | None = None  # of its output
    heard_at: float = 0.0  # its last sign of life; 0 before the first
    silence: float = 0.0  # seconds since then, or since its start, in which we have listened

    @property
    def patience(self) -> float:
        """Seconds of silence after which it counts as hung."""
        return signs.HUNG_SECONDS if self.heard_at else signs.START_SECONDS

    def hear(self) -> None:
        self.heard_at, self.silence = time.monotonic(), 0.0

    def close_log(self) -> None:
        """Close the log, when all that it printed has been read."""
        if self.reader:
            self.reader.join(DRAIN_SECONDS)
        self.log.close()

    def state(self) -> signs.Program:
        return signs.Program(
            self.name,
            self.process.pid,
            runs=not self.due,
            failures=self.failures,
            is_asked=self.sign is not None,
            is_starting=not self.heard_at,
            heard_at=self.heard_at or self.started,
        )


class Supervisor:
    """The parent process. As a context manager it stops every child at the end, the last one
    first.
    """

    def __init__(self, home: Home, lock: Lock) -> None:
        self.home = home
        self.children: list[Child] = []
        self.watcher = Watcher(lock.descriptor)
        self._looked_at = time.monotonic()
        self._reported_at = 0.0
        self._over = Event()
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
        sign: Callable[[], bool] | None = None,
    ) -> Child:
        """Start a program and supervise it.

        Args:
            sign: returns whether the program gives a sign of life; called in a thread of its own,
                about once a second. Without it, a program that hangs is left alone.
        """
        log = self.home.log(name)
        with self._uninterrupted():
            process = launch(subprocess.PIPE)
            child = Child(name, launch, ends_by, seconds, shown, before_restart, sign, log, process)
            self.children.append(child)
            self._attend(child)
        if sign:
            Thread(target=self._listen, args=(child, sign), daemon=True).start()
        return child

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
        """End children that hang, and restart those that have ended, each after its pause."""
        now = time.monotonic()
        passed, self._looked_at = min(now - self._looked_at, MAX_LOOK_SECONDS), now
        for child in self.children:
            status = child.process.poll()
            if status is None:
                if now - child.started > HEALTHY_SECONDS:
                    child.failures = 0
                child.silence += passed
                if child.sign and child.silence > child.patience:
                    self._end_hung(child)
            elif not child.due:
                self._schedule_restart(child, status, now)
            elif now >= child.due:
                self._restart(child)
        if now - self._reported_at > signs.ASK_SECONDS:
            self._reported_at = now
            self.report().write(self.home.report)

    def report(self) -> signs.Report:
        """Return what `./gradus doctor` reads of us."""
        programs = [child.state() for child in self.children]
        return signs.Report(os.getpid(), time.monotonic(), programs)

    def stop(self) -> None:
        """Stop all children, the last one first; a second Ctrl-C kills them."""
        self._over.set()
        try:
            for child in reversed(self.children):
                stop(child.process, child.ends_by, child.seconds)
                self.watcher.remove(child.process)
                child.close_log()
        except KeyboardInterrupt:
            out("Stopping everything now.")
            for child in reversed(self.children):
                stop(child.process, signal.SIGKILL, 1)
        self.children.clear()
        self.home.report.unlink(missing_ok=True)

    def _schedule_restart(self, child: Child, status: int, now: float) -> None:
        self.watcher.remove(child.process)
        pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**child.failures)
        if now - child.started > HEALTHY_SECONDS:
            pause = 0.0
        child.failures += 1
        child.due = now + pause
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._tell(child, f"{how}; restarting" + (f" in {pause:g} s" if pause else ""))
        if not child.shown:
            self._line(child.name, f"its log: {child.log.path}")

    def _end_hung(self, child: Child) -> None:
        """End a program that hangs, with its group: one that is frozen hears SIGKILL alone."""
        self._tell(child, f"hangs: no sign of life for {child.patience:g} s; ending it")
        stop(child.process, child.ends_by, HUNG_END_SECONDS)

    def _restart(self, child: Child) -> None:
        if message := child.before_restart():
            self._tell(child, message)
        with self._uninterrupted():
            child.process = child.launch(subprocess.PIPE)
            self._attend(child)

    def _attend(self, child: Child) -> None:
        """Read the output of a program that was just started, and have the watcher know it."""
        child.started, child.due = time.monotonic(), 0.0
        child.heard_at = child.silence = 0.0
        child.reader = Thread(target=self._read, args=(child, child.process), daemon=True)
        child.reader.start()
        self.watcher.add(child.process, child.ends_by)

    def _read(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        with process.stdout:
            for line in lines(process.stdout):
                child.log.write(line)
                if child.shown:
                    self._line(child.name, line.decode(errors="replace"))

    def _listen(self, child: Child, sign: Callable[[], bool]) -> None:
        """Ask a program for signs of life until all end."""
        asked_before = None
        while not self._over.wait(signs.ASK_SECONDS):
            asked = child.process
            # of a program that was restarted, the first may be the last one of its predecessor
            if sign() and asked_before is asked is child.process:
                child.hear()
            asked_before = asked

    def _tell(self, child: Child, text: str) -> None:
        """Say what happens to a program, on the terminal and in its log."""
        child.log.write(f"[launcher] {text}".encode())
        self._line(child.name, text)

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
