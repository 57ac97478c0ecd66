"""A file of 64 MB that is deleted when the disk is full: PostgreSQL stops then, and needs space to
start again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

BALLAST_BYTES = 64_000_000
FULL_BYTES = 20_000_000  # free: little more than a segment of PostgreSQL's write-ahead log
MIN_FREE_BYTES = 1_000_000_000  # free, for the ballast to be created


class Ballast:
    """The file, beside the cluster and so on the same disk."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ballast"

    def keep(self) -> None:
        """Create the file, unless it exists or the disk has little space."""
        if self.file.exists() or self.free() < MIN_FREE_BYTES:
            return
        temporary = self.file.with_name("ballast.new")
        block = os.urandom(1_000_000)  # not zeros, for which some file systems allocate nothing
        try:
            with temporary.open("wb") as file:
                for _ in range(BALLAST_BYTES // len(block)):
                    file.write(block)
            temporary.rename(self.file)
        except OSError:  # the disk filled up meanwhile
            temporary.unlink(missing_ok=True)

    def drop_if_full(self) -> bool:
        """Delete the file if the disk is full. Returns whether it did."""
        if self.free() >= FULL_BYTES or not self.file.exists():
            return False
        self.file.unlink()
        return True

    def free(self) -> int:
        """Return the bytes that an account without privileges may still write."""
        return shutil.disk_usage(self.file.parent).free
