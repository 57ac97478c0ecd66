"""Signs of life: what tells a program that works from one that hangs, and what the launcher writes
down of them for `./gradus doctor`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

HUNG_SECONDS = 15.0  # without a sign of life
START_SECONDS = 180.0  # until the first one: a slow machine takes long to import everything
ASK_SECONDS = 1.0  # between two questions


class Mark:
    """A file that a program touches about once a second, as long as its main loop goes round. It
    needs no other program: a database that is away must not make its clients look hung.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()  # a disk that is full later still takes a new time
        self._last = self._time()

    def __call__(self) -> bool:
        """Return whether it was touched since this was last asked."""
        before, self._last = self._last, self._time()
        return self._last != before

    def _time(self) -> int:
        with suppress(OSError):
            return self.path.stat().st_mtime_ns
        return 0


@dataclass(frozen=True)
class Program:
    """A program of the launcher. Times are `time.monotonic()`, the same for every process of a
    machine.
    """

    name: str
    pid: int
    runs: bool  # not while it waits for its restart
    failures: int  # in a row
    is_asked: bool  # whether it is asked for signs of life
    is_starting: bool  # it has not given any yet
    heard_at: float  # the last sign, or its start


@dataclass(frozen=True)
class Report:
    """What a launcher knows of its programs, at a time."""

    pid: int  # of the launcher
    at: float
    programs: list[Program]

    def write(self, path: Path) -> None:
        """Replace the file of the last report."""
        new = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # a full disk
            new.write_text(json.dumps(asdict(self)))
            new.replace(path)

    @classmethod
    def read(cls, path: Path) -> Report | None:
        try:
            fields = json.loads(path.read_text())
            programs = [Program(**program) for program in fields.pop("programs")]
            return cls(**fields, programs=programs)
        except (OSError, ValueError, TypeError, KeyError):
            return None
