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

pytestmark = [pytest.mark.services, pytest.mark.slow]
ENDED = ("succeeded", "failed")
BENCH = {"largest": "1000000", "width": "64", "depth": "2", "batch": "64", "repeats": "5"}
FACTOR, LEEWAY = 3.0, 10.0  # within which an estimate is right, and seconds besides


class Watched:
    """A queued run, and every place that it is said to have until it has points."""

    def __init__(self, member: Member, run: str) -> None:
        self.member, self.run = member, run
        self.places: list[tuple[float, dict[str, Any]]] = []

    def look(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.member.http.get(f"/api/v1/runs/{self.run}").json()
        if shown["place"]:
            self.places.append((time.monotonic(), shown["place"]))
        return shown

    def until_it_says(self, reason: str) -> dict[str, Any]:
        until(lambda: self.look() and self.places[-1][1]["reason_code"] == reason, 120, self.told)
        return self.places[-1][1]

    def until_it_is_over(self) -> None:
        until(lambda: self.look()["state"] in ENDED, 300, self.told)

    @property
    def reasons(self) -> list[str]:
        """The reasons that were given, each once where it was repeated."""
        codes = [place["reason_code"] for _at, place in self.places]
        return [code for n, code in enumerate(codes) if not n or code != codes[n - 1]]

    def told(self) -> str:
        return f"{self.run}: {self.reasons}, {self.places[-1:]}"

    def check_estimates(self) -> None:
        """Compare how long it was said to wait with how long it did."""
        began = next(at for at, place in self.places if place["reason_code"] == "leased")
        for at, place in self.places:
            if place["latest_seconds"] is None or at >= began:
                continue
            left, latest, soonest = began - at, place["latest_seconds"], place["earliest_seconds"]
            assert left <= FACTOR * latest + LEEWAY, (left, place)
            assert left >= soonest / FACTOR - LEEWAY, (left, place)


@pytest.fixture(scope="module")
def quiet_site(
    assets: None,
    database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    """A site whose worker its tests start, with one slot."""
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


def test_every_reason_that_is_given_comes_true(
    quiet_site: System, member: Callable[..., Member]
) -> None:
    site, mei, ola = quiet_site, member(quiet_site, "mei"), member(quiet_site, "ola")
    first = Watched(mei, mei.commit(LONGER))
    assert first.until_it_says("no-worker")["seconds"] is None
    site.start("worker")
    site.wait_for_worker()
    first.until_it_says("leased")

    benchmark = Watched(ola, ola.commit(BENCH, lab="activation-cost"))
    behind = Watched(ola, ola.commit(SMALL))
    last = Watched(mei, mei.commit(SMALL))
    assert benchmark.until_it_says("alone")["runs_ahead"] == 0
    assert behind.until_it_says("bench")["runs_ahead"] == 1
    everything = [first, benchmark, behind, last]
    until(lambda: all(run.look()["state"] in ENDED for run in everything), 400, last.told)

    assert benchmark.reasons[0] == "alone" and benchmark.reasons[-1] == "leased"
    assert "bench" in behind.reasons and "bench" in last.reasons
    for run in everything:
        assert run.reasons[-1] == "leased", run.told()
        # it never said free, and then waited for others
        assert not {"queue", "bench", "alone", "no-worker"} & set(
            run.reasons[run.reasons.index("starting") :] if "starting" in run.reasons else []
        ), run.told()
    starts = [
        site.query("SELECT started_at FROM experiments_run WHERE id = %s", run.run)[0][0]
        for run in everything
    ]
    assert starts == sorted(starts), "as the places said"
    for run in everything[1:]:
        run.check_estimates()

    site.stop("worker")
    late = Watched(mei, mei.commit(SMALL))
    silent = late.until_it_says("no-worker")
    assert "since" in silent["reason"]
