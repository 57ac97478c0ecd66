"""What runs on this machine, read from /proc (Linux) or from ps."""

from __future__ import annotations

import subprocess
from pathlib import Path


def children(parent: int) -> set[int]:
    """Return the processes that `parent` started and that live, zombies aside."""
    return {pid for pid, (of, _state) in table().items() if of == parent and is_alive(pid)}


def is_alive(pid: int) -> bool:
    """Say whether there is such a process, zombies aside."""
    return table().get(pid, (0, "Z"))[1] != "Z"


def table() -> dict[int, tuple[int, str]]:
    """Return (parent, state) by process."""
    if not Path("/proc/self/stat").exists():
        told = subprocess.run(
            ["ps", "-axo", "pid=,ppid=,state="], capture_output=True, text=True, check=True
        ).stdout
        return {
            int(pid): (int(parent), state[0])
            for pid, parent, state in map(str.split, told.splitlines())
        }
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):  # it ended as we looked
                continue
            found[int(folder.name)] = (int(parent), state)
    return found
