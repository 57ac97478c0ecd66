"""How a run can end: stopped, stale, past its limit, failed, crashed, released."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.conftest import group_of, is_alive
from tests.workers.stub_site import StubSite
from workers.supervisor import Supervisor

StartWorker = Callable[..., Supervisor]


@pytest.mark.parametrize("action", ["ignore", "compute", "fork"])
def test_stop_ends_even_a_lab_that_ignores_sigterm(
    site: StubSite, start_worker: StartWorker, action: str
) -> None:
    run = site.queue_run(points=3, action=action, heartbeat_seconds=0.1, kill_seconds=0.3)
    start_worker()
    site.until(lambda: run.steps() == [0])
    assert is_alive(run.pid)
    run.stop = True
    site.until(lambda: run.result)
    assert run.result
    assert run.result.state == "cancelled"
    assert run.result.seconds > 0
    # killed before the result was sent; who is orphaned by it is reaped by another process
    site.until(lambda: not group_of(run.pid))


def test_a_stale_run_attempt_is_killed_without_a_result(
    site: StubSite, start_worker: StartWorker
) -> None:
    run = site.queue_run(points=3, action="ignore", heartbeat_seconds=0.1)
    start_worker()
    site.until(lambda: run.steps() == [0])
    run.stale = True
    following = site.queue_run()
    site.until(lambda: following.result)
    assert not run.is_over
    assert not is_alive(run.pid)


def test_a_run_past_its_limit_is_ended(site: StubSite, start_worker: StartWorker) -> None:
    run = site.queue_run(points=3, action="ignore", limit_seconds=4.0)
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert run.result.state == "limit_exceeded"
    assert run.steps() == [0]
    assert run.result.seconds >= 4.0
    assert not is_alive(run.pid)


def test_an_exception_in_a_lab_is_a_result(site: StubSite, start_worker: StartWorker) -> None:
    run = site.queue_run(points=3, action="raise")
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert run.result.state == "failed"
    assert run.result.error == "ValueError: the lab was told toraise ?"
    assert "in do\n" in run.result.detail
    assert not run.result.verdicts
    assert run.steps() == [0]


def test_a_lab_that_exits_has_failed(site: StubSite, start_worker: StartWorker) -> None:
    run = site.queue_run(points=3, action="exit")
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert (run.result.state, run.result.error) == ("failed", "SystemExit: 3")


def test_a_setting_that_the_lab_does_not_have_is_a_failure(
    site: StubSite, start_worker: StartWorker
) -> None:
    run = site.queue_run(colour="blue")
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert run.result.state == "failed"
    assert "colour" in run.result.error


def test_a_crash_by_signal_is_released_as_crashed(
    site: StubSite, start_worker: StartWorker
) -> None:
    run = site.queue_run(points=3, action="die")
    start_worker()
    site.until(lambda: run.is_over)
    assert run.released == "crashed: signal 9"
    assert run.result is None


def test_a_closing_worker_releases_its_run_attempt(
    site: StubSite, start_worker: StartWorker
) -> None:
    run = site.queue_run(points=3, action="ignore")
    supervisor = start_worker()
    site.until(lambda: run.steps() == [0])
    supervisor.close()
    assert run.released == "shutdown"
    assert not is_alive(run.pid)
    assert not supervisor.has_room()


def test_what_a_lab_prints_is_capped_and_holds_no_token(
    site: StubSite,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("GRADUS_TOKEN", "very secret")
    monkeypatch.setenv("SECRET_KEY", "very secret")
    run = site.queue_run(points=3, action="print")
    supervisor = start_worker()
    site.until(lambda: run.result)
    supervisor.close()
    copied = sum(
        len(record.getMessage())
        for record in caplog.records
        if record.name == "workers.lab_process"
    )
    assert 60_000 < copied < 70_000
    assert "secret" not in caplog.text


def test_a_result_that_the_site_refuses_becomes_a_failure(
    site: StubSite, start_worker: StartWorker
) -> None:
    site.refuses_results = True
    run = site.queue_run()
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert (run.result.state, run.result.error) == ("failed", "The site refused the result.")
    assert "Verdicts must name claims" in run.result.detail


def test_scratch_folders_are_removed(
    site: StubSite, start_worker: StartWorker, tmp_path: Path
) -> None:
    # above the largest process id
    (tmp_path / "scratch" / "4194305-of-a-dead-worker").mkdir(parents=True)
    run = site.queue_run()
    supervisor = start_worker()
    site.until(lambda: run.result)
    supervisor.close()
    assert list((tmp_path / "scratch").iterdir()) == []
