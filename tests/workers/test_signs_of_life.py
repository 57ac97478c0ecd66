"""A worker that works touches its mark; one that hangs does not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.waiting import until
from tests.workers.stub_site import StubSite
from workers.supervisor import Supervisor
from workers.warm_pool import WarmPool

StartWorker = Callable[..., Supervisor]


@pytest.fixture(autouse=True)
def fast_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("supervisor", "warm_pool"):
        monkeypatch.setattr(f"workers.{module}.SIGN_SECONDS", 0.05)


def see_signs(mark: Path, number: int = 3) -> None:
    """Wait for some signs of life."""
    for _ in range(number):
        if mark.exists():
            os.utime(mark, (1, 1))
        until(lambda: mark.exists() and mark.stat().st_mtime > 1)


def wake(supervisor: Supervisor) -> None:
    """Have a worker look for work, as a wake-up does."""
    threading.Thread(target=supervisor.drain, daemon=True).start()


def test_a_worker_that_works_is_told_from_one_that_hangs(
    site: StubSite,
    start_worker: StartWorker,
    gate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark, hanging, goes_on = tmp_path / "alive", threading.Event(), threading.Event()
    wait_to_poll = Supervisor._wait_to_poll

    def hang(supervisor: Supervisor) -> bool:
        hanging.set()
        return goes_on.wait(120) and wait_to_poll(supervisor)

    monkeypatch.setattr(Supervisor, "_wait_to_poll", hang)
    supervisor = start_worker(poll_seconds=3600)
    assert hanging.wait(120) and supervisor._warm_pool.wait()
    mark.touch()
    os.utime(mark, (1, 1))
    for _ in range(10):
        supervisor.drain()  # wake-ups come meanwhile
    assert mark.stat().st_mtime == 1

    goes_on.set()
    run = site.queue_run(action="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    wake(supervisor)
    site.until(lambda: run.steps())
    see_signs(mark)  # while a lab computes for long
    site.away = True
    see_signs(mark)  # while the site is away
    site.away = False
    gate.write_text("go on")
    site.until(lambda: run.result)


def test_it_gives_signs_while_no_lab_process_is_ready(
    site: StubSite, start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(WarmPool, "_make_spare", lambda pool: goes_on.wait(120))
    wake(start_worker(poll_seconds=0.05))
    see_signs(tmp_path / "alive")
    goes_on.set()


def test_a_lab_process_that_never_becomes_ready_is_replaced(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.warm_pool.PAUSES", (0.05,))
    monkeypatch.setattr("workers.warm_pool.READY_SECONDS", 0.0)
    pool = start_worker()._warm_pool
    until(lambda: pool._failures >= 3)
    until(lambda: len(pool._codes) <= 1)
