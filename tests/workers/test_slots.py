"""Slots and queues, and a bench run, which has the worker to itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from tests.workers.stub_site import StubSite
from workers import catalogue
from workers.lab_process import LabProcess
from workers.supervisor import Supervisor

StartWorker = Callable[..., Supervisor]


def test_two_slots_run_two_runs_at_once(
    site: StubSite, start_worker: StartWorker, tmp_path: Path
) -> None:
    gates = [tmp_path / "first", tmp_path / "second"]
    for gate in gates:
        os.mkfifo(gate)
    runs = [site.queue_run(action="gate", at=1, gate=str(gate)) for gate in gates]
    waiting = site.queue_run()
    supervisor = start_worker(slots=2)
    site.until(lambda: all(run.steps() for run in runs))
    assert not supervisor.has_room()
    assert waiting.waiting
    for gate in gates:
        gate.write_text("go on")
    site.until(lambda: all(run.result for run in site.runs))


def test_a_bench_run_is_asked_for_only_by_an_idle_worker_and_first(
    site: StubSite, start_worker: StartWorker, gate: Path
) -> None:
    run = site.queue_run(action="gate", at=1, gate=str(gate))
    start_worker(slots=2)
    site.until(lambda: run.steps() and len(site.lease_requests) >= 2)
    assert [request.queues for request in site.lease_requests[:2]] == [["bench", "labs"], ["labs"]]
    assert [(request.slots, request.all_slots) for request in site.lease_requests[:2]] == [
        (2, 2),
        (1, 2),
    ]
    gate.write_text("go on")
    site.until(lambda: run.result)


def test_nothing_is_leased_beside_a_bench_run(
    site: StubSite, start_worker: StartWorker, gate: Path
) -> None:
    bench = site.queue_run(queue="bench", action="gate", at=1, gate=str(gate))
    other = site.queue_run()
    supervisor = start_worker(slots=2, poll_seconds=0.05)
    site.until(lambda: bench.steps() == [0])
    requests = len(site.lease_requests)
    assert not supervisor.has_room()
    assert supervisor.drain() == 0  # as a wake-up would
    assert len(site.lease_requests) == requests
    assert supervisor._warm_pool._spare is None  # nor is anything imported beside it
    gate.write_text("go on")
    site.until(lambda: other.result)
    assert bench.result
    assert bench.result.summary["threads"] == 1


def test_a_spare_whose_code_has_changed_is_replaced(
    site: StubSite, start_worker: StartWorker, tmp_path: Path, monkeypatch
) -> None:
    supervisor = start_worker(poll_seconds=0.05)
    old = supervisor._warm_pool.wait()
    assert old
    monkeypatch.setattr("workers.catalogue.code", lambda package: "other code")
    site.until(lambda: supervisor._warm_pool._spare not in (None, old))
    run = site.queue_run()
    site.until(lambda: run.result)
    assert run.pid != old.pid


def test_a_worker_survives_files_that_are_being_replaced(
    site: StubSite, start_worker: StartWorker, monkeypatch
) -> None:
    monkeypatch.setattr("workers.warm_pool.PAUSES", (0.05,))
    errors = [FileNotFoundError("a lab"), ModuleNotFoundError("labs"), RuntimeError("no threads")]
    code = catalogue.code

    def replaced(package: str) -> str:
        if errors:
            raise errors.pop()
        return code(package)

    supervisor = start_worker(poll_seconds=0.05)
    assert supervisor._warm_pool.wait()
    monkeypatch.setattr("workers.catalogue.code", replaced)
    run = site.queue_run()
    site.until(lambda: run.result and not errors)


def test_a_spare_whose_messages_cannot_be_read_is_replaced(
    site: StubSite, start_worker: StartWorker, monkeypatch
) -> None:
    monkeypatch.setattr("workers.warm_pool.PAUSES", (0.05,))
    errors, listen = [RuntimeError("can't start new thread"), TypeError("a bug")], LabProcess.listen

    def fail(process: LabProcess) -> None:
        if errors:
            process._popen.kill()
            raise errors.pop()
        listen(process)

    monkeypatch.setattr(LabProcess, "listen", fail)
    run = site.queue_run()
    start_worker()
    site.until(lambda: run.result and not errors)


def test_a_run_for_which_no_thread_can_be_started_gives_its_slot_back(
    site: StubSite, start_worker: StartWorker, monkeypatch
) -> None:
    errors, start = [RuntimeError("can't start new thread")], Thread.start

    def fail(thread: Thread) -> None:
        if errors and "_run_and_drain" in thread.name:
            raise errors.pop()
        start(thread)

    monkeypatch.setattr(Thread, "start", fail)
    dropped, run = site.queue_run(), site.queue_run()
    start_worker(poll_seconds=0.05)
    site.until(lambda: run.result)
    assert not errors
    assert dropped.result is None
