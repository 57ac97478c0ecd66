"""What is said of a queued run, and what a real worker does then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.people import LONGER, SMALL, Member
from tests.e2e.system import System
from tests.e2e.waiting import until

pytestmark = pytest.mark.services
ENDED = ("succeeded", "failed", "cancelled")
BENCH = {"largest": "1000000", "width": "64", "depth": "2", "batch": "64", "repeats": "5"}
FACTOR, LEEWAY = 3.0, 10.0  # of an estimate, and seconds besides, that a wait may take


class Watched:
    """A run, and every place that it is said to have until it has points."""

    def __init__(self, member: Member, run: str) -> None:
        self.member, self.run = member, run
        self.places: list[tuple[float, dict[str, Any]]] = []

    def look(self) -> str:
        """Return its state, and keep what is said of its place."""
        shown = self.member.http.get(f"/api/v1/runs/{self.run}").json()
        if shown["place"]:
            self.places.append((time.time(), shown["place"]))
        return str(shown["state"])

    def until_it_says(self, reason: str) -> dict[str, Any]:
        until(lambda: self.look() and self.reasons[-1:] == [reason], 120, self.told)
        return self.places[-1][1]

    def until_it_is(self, *states: str) -> None:
        until(lambda: self.look() in states, 120, self.told)

    def cancel(self) -> None:
        self.member.post(f"/runs/{self.run}/stop", {})

    @property
    def started_at(self) -> float:
        sql = "SELECT extract(epoch FROM started_at) FROM experiments_run WHERE id = %s"
        return float(self.member.system.query(sql, self.run)[0][0])

    @property
    def reasons(self) -> list[str]:
        """The reasons that were given, each once where it was repeated."""
        codes = [place["reason_code"] for _at, place in self.places]
        return [code for n, code in enumerate(codes) if not n or code != codes[n - 1]]

    def told(self) -> str:
        return (
            f"{self.run}: {self.reasons}, {self.places[-1:]}\n{self.member.system.tail('worker')}"
        )

    def check_estimates(self) -> None:
        """Compare how long it was said to wait with how long it did. What is ahead may end sooner:
        an estimate goes by what its lab usually takes, and these settings are small.
        """
        for at, place in self.places:
            left, latest = self.started_at - at, place["latest_seconds"]
            if latest is not None and left > 0:
                assert left <= FACTOR * latest + LEEWAY, (left, place)


def test_a_benchmark_waits_for_the_machine_and_others_for_it(
    site: System, member: Callable[..., Member]
) -> None:
    mei, ola = member(site, "mei"), member(site, "ola")
    first = Watched(mei, mei.commit(LONGER))
    first.until_it_is("running")
    benchmark = Watched(ola, ola.commit(BENCH, lab="activation-cost"))
    assert benchmark.until_it_says("alone")["runs_ahead"] == 0
    first.cancel()
    benchmark.until_it_is("running")
    behind = Watched(mei, mei.commit(SMALL))
    behind.until_it_says("bench")
    benchmark.cancel()
    behind.until_it_is("running")
    behind.cancel()
    assert first.look() in ENDED and benchmark.look() in ENDED
    assert not {"no-worker", "other-code", "starting"} & set(benchmark.reasons[:1]), "not at first"
    assert not {"no-worker", "other-code"} & {*benchmark.reasons, *behind.reasons}
    behind.until_it_is(*ENDED)


@pytest.fixture
def quiet_site(
    assets: None,
    database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """A site whose worker its test starts, with one slot."""
    system = System(
        tmp_path_factory.mktemp("queue"),
        database("queue"),
        os.environ["REDIS_URL"],
        GRADUS_SLOTS="1",
    )
    system.make_ready()
    try:
        yield system.start("web", "housekeep").wait_for_web()
    finally:
        system.stop()


@pytest.mark.slow
def test_every_reason_that_is_given_comes_true(
    quiet_site: System, member: Callable[..., Member]
) -> None:
    mei, ola = member(quiet_site, "mei"), member(quiet_site, "ola")
    first = Watched(mei, mei.commit(LONGER))
    assert first.until_it_says("no-worker")["seconds"] is None
    quiet_site.start("worker").wait_for_worker()
    first.until_it_is("running")

    benchmark = Watched(ola, ola.commit(BENCH, lab="activation-cost"))
    behind = Watched(ola, ola.commit(SMALL))
    last = Watched(mei, mei.commit(SMALL))
    assert benchmark.until_it_says("alone")["runs_ahead"] == 0
    assert behind.until_it_says("bench")["runs_ahead"] == 1
    runs = [first, benchmark, behind, last]
    until(lambda: {run.look() for run in runs} <= set(ENDED), 400, last.told)
    assert "bench" in last.reasons
    starts = [run.started_at for run in runs]
    assert starts[0] < starts[1] < min(starts[2:]), "as the places said"
    for run in runs[1:]:
        run.check_estimates()

    quiet_site.stop("worker")
    late = Watched(mei, mei.commit(SMALL))
    assert "since" in late.until_it_says("no-worker")["reason"]
    quiet_site.start("worker")
    late.until_it_is("succeeded")
