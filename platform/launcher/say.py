"""The launcher's output: a line for each step with its seconds, and problems with a remedy."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):
    """What failed, and what to do about it. Both are printed, and the command exits with status
    1.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  To fix it: {self.remedy}" if self.remedy else self.what


class Step:
    """A step in progress; `note` is printed at its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.note = ""
        self.started = time.monotonic()

    def tell(self, line: str) -> None:
        """Print a line during the step: a long wait, a large download."""
        out(f"   {line}")


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Show `name` while the block runs, then its seconds and its note."""
    current = Step(name)
    terminal = sys.stdout.isatty()
    if terminal:
        print(f" … {name}", end="\r", flush=True)
    try:
        yield current
    except BaseException:
        if terminal:
            print("\033[K", end="", flush=True)
        raise
    seconds = time.monotonic() - current.started
    out(f" ✓ {name:<24}{seconds:7.1f} s  {current.note}".rstrip())


def out(line: str = "") -> None:
    """Print a line immediately, on any terminal."""
    if sys.stdout.isatty():
        line = "\033[K" + line
    try:
        print(line, flush=True)
    except UnicodeEncodeError:  # LANG unset, or a terminal without Unicode
        print(line.encode("ascii", "replace").decode(), flush=True)
    except BrokenPipeError:  # `./gradus up | head`: continue without output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def size(number: float) -> str:
    """Return a number of bytes with a unit: 191.8 MB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number:.0f} bytes"
