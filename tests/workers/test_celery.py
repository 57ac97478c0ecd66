"""The worker as it is started: by Celery, with wake-ups over a real Valkey, or without a broker."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import IO

import pytest
from celery import Celery
from launcher.embedded import Valkey

from tests.worker_command import WORKER_ARGUMENTS
from tests.workers.conftest import group_of
from tests.workers.stub_site import TOKEN, StubSite
from workers import wire

# The worker's own process must do without all of these; the lab process, which it execs, has torch.
WITHOUT = "django", "rest_framework", "psycopg", "torch", "numpy", "scipy", "sklearn"
LABS = "tests.workers.odd_labs"
BLOCKING = (
    f"import sys; sys.modules.update(dict.fromkeys({WITHOUT})); "
    "from celery.__main__ import main; main()"
)
NEVER = "3600"  # seconds between two polls: a run that is leased sooner came by a wake-up
SOON = 20.0  # seconds, on a machine that is busy with other things
NOBODY = "redis://127.0.0.1:1/0"
databases = count(3)
Worker = subprocess.Popen[bytes]
Start = Callable[..., Worker]


@pytest.fixture
def redis_url() -> str:
    """A database of its own in the tests' Valkey: no test gets another's wake-ups."""
    return f"{os.environ['REDIS_URL'].partition('?')[0].removesuffix('/0')}?db={next(databases)}"


@pytest.fixture
def start(site: StubSite, tmp_path: Path) -> Iterator[Start]:
    started: list[Worker] = []

    def start(redis: str, output: IO[bytes] | None = None, **environ: str) -> Worker:
        ours = {
            "GRADUS_URL": site.url,
            "GRADUS_TOKEN": TOKEN,
            "GRADUS_DATA": str(tmp_path),
            "GRADUS_LABS": "tests.workers.odd_labs",
        }
        ours |= {"GRADUS_SLOTS": "1", "REDIS_URL": redis} | environ
        command = [sys.executable, "-c", BLOCKING, *WORKER_ARGUMENTS]
        started.append(subprocess.Popen(command, env=os.environ | ours, stderr=output))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait()


def wakeup(redis: str) -> Callable[[], None]:
    app = Celery(broker=wire.celery_url(redis))
    return lambda: app.send_task(wire.WAKE_UP_TASK, queue="labs", retry=False)


def wait_for_end(pid: int, seconds: float = 120) -> None:
    """Wait until a process has exited.

    Raises:
        AssertionError: it has not.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(handle):
        assert select.select([handle], [], [], seconds)[0], f"process {pid} still runs"


def test_a_wakeup_is_answered_at_once_again_and_again(
    site: StubSite, start: Start, redis_url: str
) -> None:
    start(redis_url, GRADUS_POLL_SECONDS=NEVER)
    wake_workers = wakeup(redis_url)
    wake_workers()
    site.until(lambda: site.lease_requests)  # the worker has started, and its first process is warm
    for _ in range(3):
        run, woken_at = site.queue_run(), time.monotonic()
        wake_workers()
        site.until(lambda run=run: run.result)
        requests = len(site.lease_requests)
        # the next process is warm, and nothing is queued
        site.until(lambda requests=requests: len(site.lease_requests) > requests)
        assert run.leased_at - woken_at < SOON and run.times[0] - woken_at < SOON


def test_without_a_broker_it_polls(site: StubSite, start: Start, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        worker = start(NOBODY, log, GRADUS_POLL_SECONDS="0.1")
    runs = [site.queue_run(), site.queue_run()]
    site.until(lambda: all(run.result for run in runs))
    worker.terminate()
    assert worker.wait(120) == 0
    # the log has it once, and the worker goes on trying
    assert (tmp_path / "log").read_text().count("Cannot connect") == 1


def test_wakeups_arrive_again_when_the_broker_is_back(
    site: StubSite, start: Start, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path)
    server = valkey.start()
    try:
        start(valkey.url, GRADUS_POLL_SECONDS=NEVER)
        wake_workers = wakeup(valkey.url)
        wake_workers()
        site.until(lambda: site.lease_requests)
        server.kill()
        server.wait()
        server = valkey.start()
        for _ in range(2):
            requests, run = len(site.lease_requests), site.queue_run()
            wake_workers()
            site.until(lambda run=run: run.result)
            site.until(lambda requests=requests: len(site.lease_requests) > requests + 1)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(valkey.folder, ignore_errors=True)


def test_wakeups_lost_in_any_number_do_no_harm(
    site: StubSite, start: Start, redis_url: str
) -> None:
    wake_workers = wakeup(redis_url)
    for _ in range(50):
        wake_workers()
    run = site.queue_run()
    start(redis_url)
    site.until(lambda: run.result)
    assert run.results == 1


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
@pytest.mark.parametrize("action", ["ignore", "compute"])
def test_a_killed_worker_leaves_no_lab_process(site: StubSite, start: Start, action: str) -> None:
    run = site.queue_run(action=action, at=1)
    worker = start(NOBODY, GRADUS_POLL_SECONDS="0.1")
    site.until(lambda: run.steps() == [0])
    assert group_of(run.pid)
    worker.kill()
    wait_for_end(run.pid)
    assert not group_of(run.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_end_gives_its_run_back(
    site: StubSite, start: Start, redis_url: str, number: int
) -> None:
    run = site.queue_run(action="ignore", at=1)
    worker = start(redis_url)
    site.until(lambda: run.steps() == [0])
    worker.send_signal(number)
    site.until(lambda: run.released)
    assert run.released == "shutdown"
    assert worker.wait(120) == (0 if number == signal.SIGTERM else 1)  # as Celery has it
    assert not group_of(run.pid)


def test_a_busy_worker_leaves_wakeups_to_others(
    site: StubSite, start: Start, redis_url: str, gate: Path
) -> None:
    """Of two workers one is busy with a run that it polled for: it must not consume the wake-up."""
    busy = site.queue_run(action="gate", at=1, gate=str(gate))
    start(redis_url, GRADUS_POLL_SECONDS="0.1")
    site.until(lambda: busy.steps() == [0])
    requests = len(site.lease_requests)
    start(redis_url, GRADUS_POLL_SECONDS=NEVER)
    wake_workers = wakeup(redis_url)
    wake_workers()
    site.until(lambda: len(site.lease_requests) > requests)  # the free one has started
    for _ in range(3):
        run = site.queue_run()
        wake_workers()
        site.until(lambda run=run: run.result)
    assert not busy.is_over
    gate.write_text("go on")
    site.until(lambda: busy.result)


def test_a_missing_token_is_reported_in_a_sentence(start: Start) -> None:
    ours = {"GRADUS_TOKEN": "", "REDIS_URL": NOBODY}
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker"]
    worker = subprocess.run(
        command, env=os.environ | ours, capture_output=True, text=True, timeout=240, check=False
    )
    assert worker.returncode == 1
    assert "workers: GRADUS_TOKEN is not set. `./gradus manage make_worker" in worker.stderr
    assert "Traceback" not in worker.stderr
