"""The processes of this machine, read from /proc (Linux) or from ps."""

from __future__ import annotations

import subprocess
from pathlib import Path


def children(parent: int) -> set[int]:
    """Return the children of `parent`, not counting zombies."""
    return {pid for pid, (of, _state) in table().items() if of == parent and is_alive(pid)}


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, not counting zombies."""
    return table().get(pid, (0, "Z"))[1] != "Z"


def table() -> dict[int, tuple[int, str]]:
    """Return (parent, state) by process."""
    if not Path("/proc/self/stat").exists():
        command = ["ps", "-axo", "pid=,ppid=,state="]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = map(str.split, output.splitlines())
        return {int(pid): (int(parent), state[0]) for pid, parent, state in rows}
    processes = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
            processes[int(folder.name)] = (int(parent), state)
    return processes
