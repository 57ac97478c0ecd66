"""A stub of the site, and a real worker in this process, with real lab processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workers.stub_site import TOKEN, StubSite
from workers.settings import Settings
from workers.supervisor import Supervisor

ODD = "tests.workers.odd_labs"


@pytest.fixture
def site() -> Iterator[StubSite]:
    site = StubSite()
    yield site
    site.close()


@pytest.fixture
def start_worker(site: StubSite, tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Start workers that are closed at the end of the test."""
    started: list[Supervisor] = []

    def start(*, slots: int = 1, labs: str = ODD, poll_seconds: float = 0.2) -> Supervisor:
        settings = Settings(
            url=site.url,
            token=TOKEN,
            data=tmp_path,
            slots=slots,
            poll_seconds=poll_seconds,
            labs=labs,
            alive=tmp_path / "alive",
        )
        started.append(Supervisor(settings))
        started[-1].start()
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A FIFO: whoever reads it waits until the test writes."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, not counting zombies."""
    return pid in processes()


def group_of(leader: int) -> list[int]:
    """Return the processes in the group of `leader`."""
    return [pid for pid, group in processes().items() if group == leader]


def processes() -> dict[int, int]:
    """Return the group of every process that is not a zombie."""
    groups = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state not in "ZX":
                groups[int(folder.name)] = int(group)
    return groups
