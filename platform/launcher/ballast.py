"""64 MB kept for a bad day: PostgreSQL stops when its disk is full, and needs room to start
again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SIZE = 64_000_000  # bytes
FULL = 20_000_000  # bytes free: less than a segment of PostgreSQL's log and a little
ROOMY = 1_000_000_000  # bytes free, from which on the ballast does no harm


class Ballast:
    """The file, beside the cluster and so on the same disk."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ballast"

    def keep(self) -> None:
        """Make the file, unless it is there or the disk has little room."""
        if self.file.exists() or self.free() < ROOMY:
            return
        aside = self.file.with_name("ballast.new")
        block = os.urandom(1_000_000)  # not zeros: some file systems would keep those for nothing
        try:
            with aside.open("wb") as file:
                for _ in range(SIZE // len(block)):
                    file.write(block)
            aside.rename(self.file)
        except OSError:  # the disk filled up meanwhile
            aside.unlink(missing_ok=True)

    def drop_if_full(self) -> bool:
        """Delete the file if the disk is full. Returns whether it did."""
        if self.free() >= FULL or not self.file.exists():
            return False
        self.file.unlink()
        return True

    def free(self) -> int:
        """Return the bytes that an ordinary account may still write."""
        return shutil.disk_usage(self.file.parent).free
