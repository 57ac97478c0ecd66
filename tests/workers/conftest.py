"""A site that pretends, and a real worker machine in this process with real lab processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workers.pretend_site import TOKEN, PretendSite
from workers.settings import Settings
from workers.supervisor import Supervisor

ODD = "tests.workers.odd_labs"


@pytest.fixture
def site() -> Iterator[PretendSite]:
    site = PretendSite()
    yield site
    site.close()


@pytest.fixture
def machine(site: PretendSite, tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Start machines that are closed at the end of the test."""
    started: list[Supervisor] = []

    def start(*, slots: int = 1, labs: str = ODD, poll_seconds: float = 0.2) -> Supervisor:
        settings = Settings(
            url=site.url,
            token=TOKEN,
            data=tmp_path,
            slots=slots,
            poll_seconds=poll_seconds,
            labs=labs,
        )
        started.append(Supervisor(settings))
        started[-1].start()
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A FIFO: who reads it waits until somebody writes."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def is_alive(pid: int) -> bool:
    """Say whether there is such a process, zombies aside."""
    return pid in processes()


def group_of(leader: int) -> list[int]:
    """Return the processes that live in the group of `leader`."""
    return [pid for pid, group in processes().items() if group == leader]


def processes() -> dict[int, int]:
    """Return the group of every process that is no zombie."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state not in "ZX":
                found[int(folder.name)] = int(group)
    return found
