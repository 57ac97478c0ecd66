"""A site that cannot be reached, has lost events, or refuses: nothing is lost or sent twice."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.workers.stub_site import StubSite
from workers import wire
from workers.spool import SpooledResult
from workers.supervisor import Supervisor

pytestmark = pytest.mark.attack

StartWorker = Callable[..., Supervisor]


def test_points_wait_while_the_site_cannot_be_reached(
    site: StubSite, start_worker: StartWorker, gate: Path
) -> None:
    run = site.queue_run(points=500, action="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    start_worker()
    site.until(lambda: run.steps() == [0])
    site.away = True
    gate.write_text("go on")
    site.until(lambda: site.cut >= 4)
    assert run.steps() == [0]
    site.away = False
    site.until(lambda: run.result)
    assert run.steps() == list(range(500))
    assert run.steps("pid") == list(range(500))
    assert run.results == 1


def test_a_gap_is_filled(site: StubSite, start_worker: StartWorker, gate: Path) -> None:
    run = site.queue_run(points=5, action="gate", at=2, gate=str(gate), heartbeat_seconds=0.1)
    start_worker()
    site.until(lambda: run.steps() == [0, 1])
    with site.changed:
        del run.events[1:]  # as if the site had been restored from a copy
    site.until(lambda: run.steps() == [0, 1])
    gate.write_text("go on")
    site.until(lambda: run.result)
    assert run.steps() == run.steps("pid") == [0, 1, 2, 3, 4]


def test_a_result_survives_the_end_of_its_worker(
    site: StubSite, start_worker: StartWorker, gate: Path, tmp_path: Path
) -> None:
    run = site.queue_run(points=3, action="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    first = start_worker()
    site.until(lambda: run.steps() == [0])
    site.away = True
    gate.write_text("go on")
    file = tmp_path / "spool" / "1.json"
    site.until(lambda: site.cut >= 3 and file.exists())
    first.close()
    assert file.stat().st_mode & 0o077 == 0
    assert not run.is_over
    site.away = False
    start_worker()
    site.until(lambda: run.result)
    assert run.steps() == [0, 1, 2]
    assert run.results == 1
    assert run.result
    assert run.result.state == "succeeded"


def test_a_stale_result_is_discarded(
    site: StubSite, start_worker: StartWorker, gate: Path, tmp_path: Path
) -> None:
    run = site.queue_run(
        points=3, action="gate", at=1, gate=str(gate), heartbeat_seconds=0.1, lease_seconds=0.5
    )
    start_worker()
    site.until(lambda: run.steps() == [0])
    site.away = True
    gate.write_text("go on")
    file = tmp_path / "spool" / "1.json"
    site.until(lambda: site.cut >= 3 and file.exists())
    run.stale, site.away = True, False
    following = site.queue_run()
    site.until(lambda: following.result)
    site.until(lambda: not file.exists())
    assert run.results == 0


def test_a_refused_token_is_logged_once_and_tried_again(
    site: StubSite, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    site.refuses_token = True
    requests: list[int] = []
    answer = site.answer

    def counting(*asked: object) -> object:
        requests.append(1)
        return answer(*asked)  # type: ignore[arg-type]

    site.answer = counting  # type: ignore[method-assign, assignment]
    start_worker(poll_seconds=0.05)
    site.until(lambda: len(requests) >= 3)
    assert [
        record.getMessage()
        for record in caplog.records
        if "refuses this worker's token" in record.getMessage()
    ] == [
        f"No runs can be leased from {site.url}: it refuses this worker's token (Who are you?). "
        "Set GRADUS_TOKEN to a valid one."
    ]
    site.refuses_token = False
    run = site.queue_run()
    site.until(lambda: run.result)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 405, 413, 502])
def test_a_page_of_a_proxy_is_no_refusal(
    site: StubSite, start_worker: StartWorker, gate: Path, status: int
) -> None:
    run = site.queue_run(points=3, action="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    start_worker()
    site.until(lambda: run.steps() == [0])
    answer, pages = site.answer, list[int]()

    def proxy(*asked: object) -> tuple[int, object]:
        pages.append(status)
        return status, "a page"

    site.answer = proxy  # type: ignore[method-assign, assignment]
    gate.write_text("go on")
    site.until(lambda: len(pages) > 3)
    site.answer = answer  # type: ignore[method-assign]
    site.until(lambda: run.result)
    assert (run.steps(), run.results, run.released) == ([0, 1, 2], 1, None)


def test_an_invalid_file_does_not_keep_others_from_delivery(
    site: StubSite, start_worker: StartWorker, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    run = site.queue_run()
    run.waiting = False
    result = wire.Result("succeeded")
    good = SpooledResult(
        1, run.lease.token, 0, [wire.Event("arm", "count", [0.0], [1.0])], 1, 1, result
    )
    odd = SpooledResult(0, "a token\nof no header \U0001f600", 0, [], 1, 1, result)
    (folder / "0.json").write_bytes(msgspec.json.encode(odd))
    (folder / "00.json").write_bytes(b"{")
    (folder / "000.json").write_bytes(b"")
    (folder / "0000.json").mkdir()
    (folder / "1.json").write_bytes(msgspec.json.encode(good))
    start_worker()
    site.until(lambda: run.result)
    assert run.steps() == [0]


def test_a_full_disk_leaves_no_partial_file(
    site: StubSite, start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = site.queue_run()
    start_worker()
    monkeypatch.setattr("workers.spool.os.fsync", full)
    site.until(lambda: run.result)
    assert run.results == 1
    assert list((tmp_path / "spool").iterdir()) == []


def test_unknown_fields_from_a_newer_site_are_ignored(
    site: StubSite, start_worker: StartWorker
) -> None:
    answer = site.answer

    def newer(*asked: str | bytes) -> tuple[int, object]:
        status, record = answer(*asked)  # type: ignore[arg-type]
        return status, record and msgspec.to_builtins(record) | {"new": {"to": ["you"]}}

    site.answer = newer  # type: ignore[method-assign, assignment]
    run = site.queue_run()
    start_worker()
    site.until(lambda: run.result)
    assert run.results == 1


def test_numbers_that_are_not_finite_become_null(site: StubSite, start_worker: StartWorker) -> None:
    run = site.queue_run(values=[float("1e308"), -1e308, 1.0], points=1, at=9)
    poisoned = site.queue_run(values=["nan", "inf", "-inf"], points=1, at=9)
    start_worker()
    site.until(lambda: run.result and poisoned.result)
    assert run.result
    assert run.result.state == "succeeded"
    event = next(event for event in run.events if event.series == "value")
    assert event.low == event.high == [None]  # the interval is wider than any number
    assert poisoned.result
    assert poisoned.result.state == "succeeded"
    event = next(event for event in poisoned.events if event.series == "value")
    assert (event.step, event.mean, event.low) == ([0.0], [None], [None])
