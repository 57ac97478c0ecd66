"""No-op runs a second through the whole protocol and one web process.

Compared with bare Celery no-ops in the same benchmark.

    python -m benchmarks.protocol [runs]

A no-op run is what every run does: a lease, one report of one point, a result. The workers are
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
from benchmarks.site import bare_celery, machine, quantile, site_for_benchmark
from tests.e2e.system import System
from tests.e2e.waiting import until
from workers.wire import PREFIX, RUN_ATTEMPT_HEADER

WORKERS = 4
QUEUE = """
import os, sys, uuid
os.environ["DJANGO_SETTINGS_MODULE"] = "gradus.settings"
import django; django.setup()
from apps.accounts.models import User
from apps.experiments.models import ComputeUsage, Lab, Run
lab = Lab.objects.select_related("current").get(slug="dead-relu")
people = [User(email=f"p{n}@example.org", handle=f"p{n}") for n in range(50)]
User.objects.bulk_create(people)
people = list(User.objects.filter(handle__regex="^p[0-9]+$"))
ComputeUsage.objects.bulk_create(ComputeUsage(owner=person) for person in people)
Run.objects.bulk_create(
    Run(
        owner=people[n % 50], key=str(n), version=lab.current, config={}, at_defaults=True,
        queue="labs",
    )
    for n in range(int(sys.argv[1]))
)
print(lab.current.code_hash)
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
    code_hash = system.manage_script(str(script), str(runs)).strip()
    times, lock = list[float](), threading.Lock()

    def work(_: int) -> None:
        with httpx.Client(
            base_url=f"{system.url}{PREFIX}",
            headers={"Authorization": f"Worker {system.token}"},
            trust_env=False,
        ) as http:
            while True:
                started_at = time.perf_counter()
                if not no_op(http, code_hash):
                    return
                with lock:
                    times.append(time.perf_counter() - started_at)

    cpu_before, start = _cpu_seconds(system.running["web"].pid), time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    seconds = time.perf_counter() - start
    assert len(times) == runs, f"{len(times)} of {runs} runs were done"
    query = "SELECT count(*) FROM experiments_run WHERE state = 'succeeded' AND last_seq = 1"
    succeeded = system.query(query)[0][0]
    assert succeeded == runs, f"{succeeded} of {runs} runs succeeded"
    return runs / seconds, times, _cpu_seconds(system.running["web"].pid) - cpu_before


def no_op(http: httpx.Client, code_hash: str) -> str:
    """Lease, report and end one run; return which, or an empty text if none is queued."""
    device = {"kind": "cpu", "name": "nothing", "cores": 1}
    software: dict[str, Any] = {"device": device, "engine": 0, "versions": {}}
    slots = {"queues": ["labs"], "slots": 1, "all_slots": 1}
    request = {**slots, "labs": {"dead-relu": code_hash}, **software}
    answer = http.post("/lease", json=request).raise_for_status()
    if answer.status_code == 204:
        return ""
    lease = answer.json()
    headers = {RUN_ATTEMPT_HEADER: lease["token"]}
    path = f"/run-attempts/{lease['run_attempt_id']}"
    point = {
        "arm": "relu 1",
        "series": "dead",
        "step": [0],
        "mean": [0.5],
        "low": [0.4],
        "high": [0.6],
    }
    progress = {"points_done": 1, "points_expected": 1}
    report = {"after": lease["after"], "events": [point], **progress}
    http.post(f"{path}/events", json=report, headers=headers).raise_for_status()
    verdict = {
        "claim": "dead-relu.lr-kills",
        "outcome": "holds",
        "effect": 0.5,
        "low": 0.4,
        "high": 0.6,
        "replicates": 16,
    }
    result = {"state": "succeeded", "verdicts": [verdict], **software}
    http.post(f"{path}/result", json=result, headers=headers).raise_for_status()
    return str(lease["run"])


def _cpu_seconds(pid: int) -> float:
    """Return the CPU-seconds of a process so far (Linux; elsewhere NaN)."""
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
        start = time.perf_counter()
        for number in range(messages):
            argument = str(last) if number == messages - 1 else ""
            app.send_task("bare.nothing", [argument], queue="bare", ignore_result=True)
        until(last.exists, 120, "all messages were worked on")
        return messages / (time.perf_counter() - start)


def main(runs: int) -> None:
    print(f"On {machine()}")
    with site_for_benchmark("web", "housekeep") as system:
        theirs = bare(system, runs)
        rate, times, cpu = ours(system, runs)
    print(f"bare Celery no-ops: {theirs:.0f} a second")
    percentiles = (
        f"p50 {quantile(times, 0.5) * 1000:.0f} ms, p95 {quantile(times, 0.95) * 1000:.0f} ms"
    )
    print(
        f"no-op runs, one web process, {WORKERS} workers: {rate:.1f} a second; each {percentiles}"
    )
    print(f"the web process: {cpu / runs * 1000:.1f} CPU-ms a run")
    print(json.dumps({"ratio": round(theirs / rate, 1), "target": "at least 50 runs a second"}))


if __name__ == "__main__":
    os.chdir(ROOT)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
