"""The logs of programs: every line with its time, long lines cut, and a new file when one is full.

Programs write to a pipe that the launcher reads; so a log is rotated while its program runs, and
nothing is lost.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import IO

MAX_BYTES = 5_000_000  # of a file; then it is renamed to NAME.log.1, in the place of the last one
MAX_LINE_BYTES = 2_000  # of which a path in a line may have 60,000
DRAIN_SECONDS = 5.0  # for what a program wrote before its end to be read
TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\S* ")


class Log:
    """A file of lines. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._file: IO[bytes] | None = None

    def write(self, line: bytes) -> None:
        """Add a line, with the time. A full disk stops only the log."""
        time = datetime.now().astimezone().isoformat(" ", "milliseconds").encode()
        with self._lock, suppress(OSError):
            self._opened().write(b"%s %s\n" % (time, line))

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
            self._file = None

    @contextmanager
    def receiving(self) -> Iterator[IO[bytes]]:
        """Yield a pipe for the output of programs that end within the block."""
        reading, writing = os.pipe()
        reader = Thread(target=self._copy, args=(reading,), daemon=True)
        reader.start()
        try:
            with os.fdopen(writing, "wb", buffering=0) as pipe:
                yield pipe
        finally:
            reader.join(DRAIN_SECONDS)

    def _copy(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as stream:
            for line in lines(stream):
                self.write(line)
        self.close()

    def _opened(self) -> IO[bytes]:
        if self._file and self._file.tell() > MAX_BYTES:
            self._file.close()
            self._file = None
            self.path.replace(self.path.with_suffix(".log.1"))
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        return self._file


def lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends. Of a long one the beginning is kept, and the
    number of bytes that were left out.
    """
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            left_out = _skip_line(stream) + len(line) - MAX_LINE_BYTES
            kept = line[:MAX_LINE_BYTES].decode(errors="ignore").encode()
            line = kept + b" [... %d bytes left out]" % left_out
        yield line.rstrip()


def without_time(line: str) -> str:
    """Return a line of a log without its time."""
    return TIME.sub("", line)


def _skip_line(stream: IO[bytes]) -> int:
    """Read to the end of a line; return how many bytes it had."""
    skipped = 0
    while piece := stream.readline(65_536):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            return skipped - 1
    return skipped
