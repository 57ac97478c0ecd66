"""No-op runs through the whole protocol: runs a second through one web process, against bare Celery
no-ops in the same run.

    python -m benchmarks.protocol [runs]

A no-op run is what every run does: a claim, one report of one point, a result. The machines are
threads of this process that speak the protocol over HTTP with keep-alive and do nothing else.
Target: at least 50 a second through one web process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from benchmarks import ROOT
from benchmarks.standing import bare_celery, machine, quantile, standing
from tests.e2e.system import System
from tests.e2e.waiting import until

WORKERS = 4
QUEUE = """
import os, sys, uuid
os.environ["DJANGO_SETTINGS_MODULE"] = "gradus.settings"
import django; django.setup()
from apps.accounts.models import User
from apps.experiments.models import Lab, Run, Share
lab = Lab.objects.select_related("current").get(slug="dead-relu")
people = [User(email=f"p{n}@example.org", handle=f"p{n}") for n in range(50)]
User.objects.bulk_create(people)
people = list(User.objects.filter(handle__regex="^p[0-9]+$"))
Share.objects.bulk_create(Share(owner=person) for person in people)
Run.objects.bulk_create(
    Run(
        owner=people[n % 50], key=str(n), version=lab.current, settings={}, at_defaults=True,
        queue="labs",
    )
    for n in range(int(sys.argv[1]))
)
print(lab.current.sha256)
"""
BARE = """
from celery import Celery
app = Celery("bare", broker=BROKER)
app.conf.update(worker_pool="threads", worker_concurrency=1, task_ignore_result=True)
@app.task(name="bare.nothing")
def nothing(last):
    if last:
        open(last, "w").close()
"""


def ours(system: System, runs: int) -> tuple[float, list[float], float]:
    """Return runs a second, seconds of each run, and CPU-seconds of the web process."""
    script = system.folder / "make_runs.py"
    script.write_text(QUEUE)
    sha256 = system.manage_script(str(script), str(runs)).strip()
    done, times, turn = [0], list[float](), threading.Lock()

    def work(_: int) -> None:
        with httpx.Client(
            base_url=f"{system.url}/api/worker/v1",
            headers={"Authorization": f"Worker {system.token}"},
            trust_env=False,
        ) as http:
            while True:
                began = time.perf_counter()
                if not _no_op(http, sha256):
                    return
                with turn:
                    done[0] += 1
                    times.append(time.perf_counter() - began)

    before, began = _cpu(system.running["web"].pid), time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    seconds = time.perf_counter() - began
    assert done[0] == runs, f"{done[0]} of {runs} runs were done"
    over = system.query(
        "SELECT count(*) FROM experiments_run WHERE state = 'succeeded' AND last_seq = 1"
    )[0][0]
    assert over == runs, f"{over} of {runs} runs ended well"
    return runs / seconds, times, _cpu(system.running["web"].pid) - before


def _no_op(http: httpx.Client, sha256: str) -> bool:
    """Claim, report and end one run; False when none waits."""
    device = {"kind": "cpu", "name": "nothing", "cores": 1}
    known: dict[str, Any] = {"device": device, "engine": "", "versions": {}}
    asked = {"queues": ["labs"], "slots": 1, "all_slots": 1, "labs": {"dead-relu": sha256}, **known}
    answer = http.post("/claim", json=asked).raise_for_status()
    if answer.status_code == 204:
        return False
    claim = answer.json()
    token, run_attempts = (
        {"X-Run-Attempt-Token": claim["token"]},
        f"/run-attempts/{claim['run_attempt_id']}",
    )
    point = {
        "arm": "relu 1",
        "series": "dead",
        "step": [0],
        "mean": [0.5],
        "low": [0.4],
        "high": [0.6],
    }
    http.post(
        f"{run_attempts}/events",
        json={"after": claim["after"], "events": [point], "points_done": 1, "points_expected": 1},
        headers=token,
    ).raise_for_status()
    verdict = {
        "claim": "dead-relu.lr-kills",
        "outcome": "holds",
        "effect": 0.5,
        "low": 0.4,
        "high": 0.6,
        "replicates": 16,
    }
    http.post(
        f"{run_attempts}/result",
        json={"state": "succeeded", "verdicts": [verdict], **known},
        headers=token,
    ).raise_for_status()
    return True


def _cpu(pid: int) -> float:
    """Return the CPU-seconds of a process so far (Linux; elsewhere not a number)."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare(system: System, messages: int) -> float:
    """Return no-op Celery messages a second, through one worker thread."""
    with bare_celery(system, BARE) as app:
        warm, last = system.folder / "warm", system.folder / "last"
        app.send_task("bare.nothing", [str(warm)], queue="bare", ignore_result=True)
        until(warm.exists, 60, "the bare worker is warm")
        began = time.perf_counter()
        for number in range(messages):
            app.send_task(
                "bare.nothing",
                [str(last) if number == messages - 1 else ""],
                queue="bare",
                ignore_result=True,
            )
        until(last.exists, 120, "all messages were worked on")
        return messages / (time.perf_counter() - began)


def main(runs: int) -> None:
    print(f"On {machine()}")
    with standing("web", "housekeep") as system:
        theirs = bare(system, runs)
        rate, times, cpu = ours(system, runs)
    print(f"bare Celery no-ops: {theirs:.0f} a second")
    took = f"p50 {quantile(times, 0.5) * 1000:.0f} ms, p95 {quantile(times, 0.95) * 1000:.0f} ms"
    print(f"no-op runs, one web process, {WORKERS} machines: {rate:.1f} a second; each {took}")
    print(f"the web process: {cpu / runs * 1000:.1f} CPU-ms a run")
    print(json.dumps({"ratio": round(theirs / rate, 1), "target": "at least 50 runs a second"}))


if __name__ == "__main__":
    os.chdir(ROOT)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
