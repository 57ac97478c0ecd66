"""A run on a warm worker: the first point at once, then batches, and verdicts at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.stub_site import StubSite
from workers.lab_process import environment
from workers.labs import SLUGS
from workers.pipe import Batch, Channel, Ended, Ready, Start
from workers.supervisor import Supervisor

LABS = Path(__file__).parents[2] / "workers/labs"
NOTING_IMPORTS = """
import os, sys
notes = os.open(sys.argv[5], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(event, arguments):
    if event == "import":
        os.write(notes, f"{arguments[0]}\\n".encode())
sys.addaudithook(note)
from workers import process
process.main(*map(int, sys.argv[1:4]), sys.argv[4])
"""


def test_the_first_point_arrives_before_the_run_ends(
    site: StubSite, start_worker: Callable[..., Supervisor], gate: Path
) -> None:
    run = site.queue_run(points=3, action="gate", at=1, gate=str(gate))
    start_worker()
    site.until(lambda: run.steps() == [0])
    assert run.result is None
    gate.write_text("go on")
    site.until(lambda: run.result)
    assert run.steps() == [0, 1, 2]
    assert run.means() == [1.0, 2.0, 3.0]
    assert run.reports[-1].points_done == run.reports[-1].points_expected == 3


def test_a_run_ends_with_its_own_labs_verdicts(
    site: StubSite, start_worker: Callable[..., Supervisor]
) -> None:
    run = site.queue_run(points=5)
    start_worker()
    site.until(lambda: run.result)
    assert run.result
    assert run.result.state == "succeeded"
    assert [(v.claim, v.outcome) for v in run.result.verdicts] == [
        ("odd.counts", "holds"),
        ("odd.raises", "inconclusive"),
    ]
    assert run.result.device == site.lease_requests[-1].device
    assert run.result.engine == site.lease_requests[-1].engine
    assert run.result.versions["torch"]
    assert run.result.summary["peak_memory"] > 50_000_000
    assert not run.result.error


def test_the_run_goes_to_the_process_that_waited(
    site: StubSite, start_worker: Callable[..., Supervisor]
) -> None:
    supervisor = start_worker()
    spare = supervisor._warm_pool.wait()
    assert spare
    run = site.queue_run()
    site.until(lambda: run.result)
    assert run.pid == spare.pid


def test_reports_come_at_most_ten_a_second(
    site: StubSite, start_worker: Callable[..., Supervisor]
) -> None:
    run = site.queue_run(lab="dead-relu", epochs=8, width=8)
    start_worker(labs="workers.labs")
    site.until(lambda: run.result)
    reports = [at for at, report in zip(run.times, run.reports, strict=True) if report.events]
    assert len(reports) >= 3
    # The first goes at once, the last with the result. Counted from the lease, since a report that
    # arrives late shortens the time between arrivals.
    assert len(reports) <= (reports[-1] - run.leased_at) * 10 + 2


def test_events_are_numbered_after_those_of_earlier_run_attempts(
    site: StubSite, start_worker: Callable[..., Supervisor]
) -> None:
    run = site.queue_run(after=7)
    start_worker()
    site.until(lambda: run.result)
    assert run.reports[0].after == 7
    assert run.steps() == [0, 1, 2]


def test_a_lab_that_cannot_be_imported_is_not_offered(
    site: StubSite, start_worker: Callable[..., Supervisor]
) -> None:
    start_worker()
    site.until(lambda: site.lease_requests)
    assert set(site.lease_requests[0].labs) == {"odd"}


@pytest.mark.parametrize("lab", SLUGS)
def test_nothing_is_imported_between_click_and_first_point(lab: str, tmp_path: Path) -> None:
    notes = tmp_path / "imports"
    to_lab, from_us = os.pipe()
    to_us, from_lab = os.pipe()
    arguments = [str(to_lab), str(from_lab), str(os.getpid()), "workers.labs", str(notes)]
    process = subprocess.Popen(
        [sys.executable, "-c", NOTING_IMPORTS, *arguments],
        pass_fds=(to_lab, from_lab),
        env=environment(os.environ, 1),
    )
    os.close(to_lab)
    os.close(from_lab)
    channel = Channel(to_us, from_us)
    assert isinstance(channel.receive(), Ready)
    before = notes.read_text().split()
    quick = tomllib.loads((LABS / f"{lab.replace('-', '_')}.toml").read_text())["profile"]["quick"]
    channel.send(Start(lab, quick["config"], quick["replicates"], seed=0, threads=0))
    first = channel.receive()
    after = notes.read_text().split()
    *_, last = channel
    channel.close()
    process.wait(120)
    assert isinstance(first, Batch)
    assert first.events
    assert after == before
    assert isinstance(last, Ended)
    assert last.result.state == "succeeded", last.result.detail
