"""Seconds from a click to the first point with several workers, and how a burst of runs is served.

    python -m benchmarks.wakeups [workers] [clicks] [1, or 0 without the burst]

Clicks, one after another, commit `dead-relu` while all workers are idle; each run is stopped after
its first point. Then four learners queue ten runs of `activation-atlas` each, one learner after the
other, and all are waited for: the burst says how long the site takes for all, and how evenly the
learners were served (the mean place of each in the order of starts; with a fair queue all are near
19.5, in the order of arrival they are 4.5, 14.5, 24.5 and 34.5).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks import ROOT
from benchmarks.click_to_first_point import clicks
from benchmarks.site import machine, quantile, site_for_benchmark
from tests.e2e.people import Member
from tests.e2e.system import System
from tests.e2e.waiting import until

LEARNERS = ("mei", "ola", "sam", "kay")
RUNS_EACH = 10


def burst(system: System) -> tuple[float, dict[str, float]]:
    """Queue `RUNS_EACH` runs of every learner, one learner after the other.

    Returns:
        Seconds from the first click to the end of the last run, and the mean place of each learner
        in the order of starts, from 0.
    """
    _wait_until_idle(system)
    members = [Member(system, handle) for handle in LEARNERS]
    started_at = time.perf_counter()
    for member in members:
        for _ in range(RUNS_EACH):
            member.commit({}, lab="activation-atlas")
    until(
        lambda: not system.query(f"{BURST} AND state IN ('queued', 'running')")[0][0],
        600,
        "the burst is over",
    )
    seconds = time.perf_counter() - started_at
    order = [handle for (handle,) in system.query(ORDER)]
    for member in members:
        member.close()
    return seconds, {
        handle: sum(n for n, other in enumerate(order) if other == handle) / RUNS_EACH
        for handle in LEARNERS
    }


BURST = """
SELECT count(*) FROM experiments_run JOIN experiments_labversion v ON v.id = version_id
WHERE v.lab_id = 'activation-atlas'
"""
ORDER = """
SELECT u.handle FROM experiments_run r JOIN experiments_labversion v ON v.id = r.version_id
JOIN accounts_user u ON u.id = r.owner_id WHERE v.lab_id = 'activation-atlas' ORDER BY r.started_at
"""


def _wait_until_idle(system: System) -> None:
    """Wait until every worker has a warm lab process: one that computes nothing any more."""
    workers = [name for name in system.running if name.startswith("worker")]

    def ticks() -> list[str]:
        labs = [pid for name in workers for pid in system.lab_processes(name)]
        return [" ".join(_stat(pid)[11:13]) for pid in sorted(labs)]

    def are_warm() -> bool:
        before = ticks()
        time.sleep(1)
        return len(before) == len(workers) and ticks() == before

    until(are_warm, 600, "a lab process of every worker is warm")


def _stat(pid: int) -> list[str]:
    path = Path(f"/proc/{pid}/stat")
    return path.read_text().rpartition(")")[2].split() if path.exists() else []


def main(workers: int, number: int, with_burst: int) -> None:
    print(f"On {machine()}; {workers} workers of one slot")
    with site_for_benchmark("web", "housekeep", GRADUS_SLOTS="1") as system:
        system.start(*(f"worker-{n}" for n in range(1, workers + 1)))
        seconds = clicks(system, number, _wait_until_idle)
        print(
            f"click to first point: p50 {quantile(seconds, 0.5) * 1000:.0f} ms, p95 "
            f"{quantile(seconds, 0.95) * 1000:.0f} ms ({number} times)"
        )
        if not with_burst:
            return
        took, places = burst(system)
        told = ", ".join(f"{handle} {place:.1f}" for handle, place in places.items())
        print(f"burst of {len(LEARNERS) * RUNS_EACH} runs: {took:.1f} s; mean places {told}")


if __name__ == "__main__":
    os.chdir(ROOT)
    arguments = [int(text) for text in sys.argv[1:]]
    main(*(*arguments, *(2, 15, 1)[len(arguments) :]))
