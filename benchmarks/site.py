"""A site for a benchmark: its own servers, real processes, and no other users."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from celery import Celery
from launcher.embedded import Postgres, Valkey, server_folder, socket_folder
from launcher.processes import spawn, stop

from tests.e2e.system import System
from workers.wire import celery_url


@contextmanager
def site_for_benchmark(*parts: str, **settings: str) -> Iterator[System]:
    """Yield a site of which `parts` run (all if none is named).

    Leases and heartbeats are those of a site in use, unless `settings` differ.
    """
    folder = Path(tempfile.mkdtemp(prefix="gradus-benchmark-"))
    postgres, valkey = Postgres(folder), Valkey(folder)
    servers = [(postgres.start(), postgres.ends_by), (valkey.start(), valkey.ends_by)]
    postgres.make_database()
    usual = {
        "LEASE_SECONDS": "20",
        "HEARTBEAT_SECONDS": "5",
        "TICK_SECONDS": "5",
        "GRADUS_POLL_SECONDS": "2",
    }
    system = System(folder / "site", postgres.url, valkey.url, **{**usual, **settings})
    try:
        system.make_ready()
        system.start(*parts).wait_for_web()
        if "worker" in system.running:
            system.wait_for_worker()
        yield system
    finally:
        system.stop()
        for server, number in reversed(servers):
            stop(server, number)
        for gone in (server_folder(folder), socket_folder(folder), folder):
            shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def bare_celery(system: System, tasks: str) -> Iterator[Celery]:
    """Yield a Celery app with a worker of one thread, over the site's broker.

    Args:
        tasks: source of a module with `app`; it finds the broker as `BROKER`.
    """
    broker = celery_url(system.environment["REDIS_URL"])
    (system.folder / "bare.py").write_text(f"BROKER = {broker!r}\n{tasks}")
    environment = os.environ | {"PYTHONPATH": str(system.folder), "OMP_WAIT_POLICY": "PASSIVE"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    options = [
        "--quiet",
        "-A",
        "bare",
        "worker",
        "-Q",
        "bare",
        "--without-gossip",
        "--without-mingle",
    ]
    command = [sys.executable, "-m", "celery", *options]
    worker = spawn(command, environment=environment, output=subprocess.DEVNULL, cwd=system.folder)
    try:
        yield Celery("bare", broker=broker)
    finally:
        stop(worker)


def seconds_to_get(client: httpx.Client, path: str) -> float:
    """Return the seconds until a page has come, which must not be a refusal."""
    start = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return time.perf_counter() - start


def machine() -> str:
    """Describe the machine of the benchmark, and its load."""
    names = (
        line.partition(":")[2].strip()
        for line in _lines("/proc/cpuinfo")
        if line.startswith("model name")
    )
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    return f"{next(names, platform.processor())}, {os.cpu_count()} cores, {system}, load {load}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def quantile(values: Sequence[float], q: float) -> float:
    """Return the value below which a fraction `q` of `values` lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
