"""A site that is away, that forgets, or that refuses: nothing is lost, nothing comes twice."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.workers.pretend_site import PretendSite
from workers import wire
from workers.spool import SpooledResult
from workers.supervisor import Supervisor

Machine = Callable[..., Supervisor]


def test_while_the_site_is_away_points_wait(
    site: PretendSite, machine: Machine, gate: Path
) -> None:
    offer = site.offer(points=500, deed="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    machine()
    site.until(lambda: offer.steps() == [0])
    site.away = True
    gate.write_text("go on")
    site.until(lambda: site.cut >= 4)
    assert offer.steps() == [0]
    site.away = False
    site.until(lambda: offer.result)
    assert offer.steps() == list(range(500))
    assert offer.steps("pid") == list(range(500))
    assert offer.results == 1


def test_a_gap_is_filled(site: PretendSite, machine: Machine, gate: Path) -> None:
    offer = site.offer(points=5, deed="gate", at=2, gate=str(gate), heartbeat_seconds=0.1)
    machine()
    site.until(lambda: offer.steps() == [0, 1])
    with site.changed:
        del offer.events[1:]  # as if the site had been restored from a copy
    site.until(lambda: offer.steps() == [0, 1])
    gate.write_text("go on")
    site.until(lambda: offer.result)
    assert offer.steps() == offer.steps("pid") == [0, 1, 2, 3, 4]


def test_a_result_survives_the_end_of_its_worker(
    site: PretendSite, machine: Machine, gate: Path, tmp_path: Path
) -> None:
    offer = site.offer(points=3, deed="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    first = machine()
    site.until(lambda: offer.steps() == [0])
    site.away = True
    gate.write_text("go on")
    parcel = tmp_path / "spool" / "1.json"
    site.until(lambda: site.cut >= 3 and parcel.exists())
    first.close()
    assert parcel.stat().st_mode & 0o077 == 0
    assert not offer.is_over
    site.away = False
    machine()
    site.until(lambda: offer.result)
    assert offer.steps() == [0, 1, 2]
    assert offer.results == 1
    assert offer.result
    assert offer.result.state == "succeeded"


def test_a_result_that_nobody_wants_is_thrown_away(
    site: PretendSite, machine: Machine, gate: Path, tmp_path: Path
) -> None:
    offer = site.offer(
        points=3, deed="gate", at=1, gate=str(gate), heartbeat_seconds=0.1, lease_seconds=0.5
    )
    machine()
    site.until(lambda: offer.steps() == [0])
    site.away = True
    gate.write_text("go on")
    parcel = tmp_path / "spool" / "1.json"
    site.until(lambda: site.cut >= 3 and parcel.exists())
    offer.stale, site.away = True, False
    following = site.offer()
    site.until(lambda: following.result)
    site.until(lambda: not parcel.exists())
    assert offer.results == 0


def test_a_refused_token_is_said_once_and_asked_again(
    site: PretendSite, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    site.refuses_token = True
    heard: list[int] = []
    answer = site.answer

    def counting(*asked: object) -> object:
        heard.append(1)
        return answer(*asked)  # type: ignore[arg-type]

    site.answer = counting  # type: ignore[method-assign, assignment]
    machine(poll_seconds=0.05)
    site.until(lambda: len(heard) >= 3)
    assert [
        record.getMessage()
        for record in caplog.records
        if "refuses this machine's token" in record.getMessage()
    ] == [
        (
            f"No runs can be claimed from {site.url}: it refuses this machine's token (Who are "
            "you?). Set GRADUS_TOKEN to a valid one."
        )
    ]
    site.refuses_token = False
    offer = site.offer()
    site.until(lambda: offer.result)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 405, 413, 502])
def test_a_page_of_something_that_stands_before_the_site_is_no_refusal(
    site: PretendSite, machine: Machine, gate: Path, status: int
) -> None:
    offer = site.offer(points=3, deed="gate", at=1, gate=str(gate), heartbeat_seconds=0.1)
    machine()
    site.until(lambda: offer.steps() == [0])
    answer, pages = site.answer, list[int]()

    def stand_before(*asked: object) -> tuple[int, object]:
        pages.append(status)
        return status, "a page"

    site.answer = stand_before  # type: ignore[method-assign, assignment]
    gate.write_text("go on")
    site.until(lambda: len(pages) > 3)
    site.answer = answer  # type: ignore[method-assign]
    site.until(lambda: offer.result)
    assert (offer.steps(), offer.results, offer.released) == ([0, 1, 2], 1, None)


def test_a_file_in_which_nothing_makes_sense_stops_no_other(
    site: PretendSite, machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    offer = site.offer()
    offer.waiting = False
    result = wire.Result("succeeded")
    good = SpooledResult(
        1, offer.claim.token, 0, [wire.Event("arm", "count", [0.0], [1.0])], 1, 1, result
    )
    odd = SpooledResult(0, "a token\nof no header \U0001f600", 0, [], 1, 1, result)
    (folder / "0.json").write_bytes(msgspec.json.encode(odd))
    (folder / "00.json").write_bytes(b"{")
    (folder / "000.json").write_bytes(b"")
    (folder / "0000.json").mkdir()
    (folder / "1.json").write_bytes(msgspec.json.encode(good))
    machine()
    site.until(lambda: offer.result)
    assert offer.steps() == [0]


def test_a_full_disk_leaves_no_half_of_a_result(
    site: PretendSite, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    offer = site.offer()
    machine()
    monkeypatch.setattr("workers.spool.os.fsync", full)
    site.until(lambda: offer.result)
    assert offer.results == 1
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_newer_site_may_say_more(site: PretendSite, machine: Machine) -> None:
    answer = site.answer

    def newer(*asked: str | bytes) -> tuple[int, object]:
        status, record = answer(*asked)  # type: ignore[arg-type]
        return status, record and msgspec.to_builtins(record) | {"new": {"to": ["you"]}}

    site.answer = newer  # type: ignore[method-assign, assignment]
    offer = site.offer()
    machine()
    site.until(lambda: offer.result)
    assert offer.results == 1


def test_numbers_that_are_not_finite_become_null(site: PretendSite, machine: Machine) -> None:
    offer = site.offer(values=[float("1e308"), -1e308, 1.0], points=1, at=9)
    poisoned = site.offer(values=["nan", "inf", "-inf"], points=1, at=9)
    machine()
    site.until(lambda: offer.result and poisoned.result)
    assert offer.result
    assert offer.result.state == "succeeded"
    event = next(event for event in offer.events if event.series == "value")
    assert event.low == event.high == [None]  # the interval is wider than any number
    assert poisoned.result
    assert poisoned.result.state == "succeeded"
    event = next(event for event in poisoned.events if event.series == "value")
    assert (event.step, event.mean, event.low) == ([0.0], [None], [None])
