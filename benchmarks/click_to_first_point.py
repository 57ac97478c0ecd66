"""Seconds from a click to the first point of the curve.

Compared with those from a bare Celery message to the first torch operation in a warm process.

    python -m benchmarks.click_to_first_point [runs]

The click is the POST that commits and queues `dead-relu` at its own settings; the point is the
first one on a stream of the run, opened as soon as the answer names it. Target on 2 cores: p50 at
most 100 ms, p95 at most 250 ms. Each run is stopped after its first point, and the next click waits
until a lab process is warm again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks import ROOT
from benchmarks.site import bare_celery, machine, quantile, site_for_benchmark
from tests.e2e.people import Member
from tests.e2e.system import System
from tests.e2e.waiting import until

BARE = """
import time
import torch
from celery import Celery
app = Celery("bare", broker=BROKER)
app.conf.update(worker_pool="threads", worker_concurrency=1, task_ignore_result=True)
torch.zeros(4) @ torch.zeros(4)
@app.task(name="bare.first")
def first(path):
    torch.ones(8, 8) @ torch.ones(8, 8)
    with open(path, "w") as file:
        file.write(repr(time.time()))
"""


def clicks(system: System, runs: int, wait_until_warm: Callable[[System], None]) -> list[float]:
    """Return seconds from click to first point, of each run; before each click `wait_until_warm` is
    called.
    """
    member = Member(system, "mei")
    watching = httpx.Client(
        base_url=system.url, cookies={"sid": member.http.cookies["sid"]}, trust_env=False
    )  # as a browser would be
    seconds = []
    for _ in range(runs):
        wait_until_warm(system)
        clicked_at = time.perf_counter()
        run = member.commit({})
        seconds.append(first_point(watching, run) - clicked_at)
        member.post(f"/runs/{run}/stop", {})
        member.wait_for(run)
    watching.close()
    member.close()
    return seconds


def _wait_until_warm(system: System) -> None:
    """Wait until a lab process is warm: only then does the worker ask the site for a lease."""
    until(lambda: len(system.lab_processes()) == 1, 60, "one lab process is there")
    before = system.last_seen_at()
    until(lambda: system.last_seen_at() != before, 60, "the worker asks again")


def first_point(watching: httpx.Client, run: str) -> float:
    with watching.stream("GET", f"/runs/{run}/events", timeout=30) as answer:
        for line in answer.iter_lines():
            if line == "event: points":
                return time.perf_counter()
    raise RuntimeError("the stream ended without a point")


def bare(system: System, messages: int) -> list[float]:
    """Return seconds from each Celery message to the first torch operation in a warm process."""
    seconds = []
    with bare_celery(system, BARE) as app:
        for number in range(messages + 3):  # the first three warm up
            path = system.folder / f"bare-{number}"
            sent_at = time.time()
            app.send_task("bare.first", [str(path)], queue="bare", ignore_result=True)
            done_at = until(lambda path=path: _read(path), 60, "the message is worked on")
            seconds.append(float(done_at) - sent_at)
    return seconds[3:]


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def main(runs: int) -> None:
    print(f"On {machine()}")
    with site_for_benchmark(GRADUS_POLL_SECONDS="1") as system:
        theirs, mine = bare(system, runs), clicks(system, runs, _wait_until_warm)
    for name, values in (
        ("bare Celery message to first torch operation", theirs),
        ("click to first point", mine),
    ):
        print(
            f"{name}: p50 {quantile(values, 0.5) * 1000:.0f} ms, p95 "
            f"{quantile(values, 0.95) * 1000:.0f} ms ({len(values)} times)"
        )
    print(
        f"ratio of p50: {quantile(mine, 0.5) / quantile(theirs, 0.5):.1f}; target: p50 <= 100 "
        "ms, p95 <= 250 ms on 2 idle cores"
    )


if __name__ == "__main__":
    os.chdir(ROOT)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
