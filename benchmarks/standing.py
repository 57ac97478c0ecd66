"""A site that stands up for a measurement: servers of its own, real processes, nobody else in
it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from launcher.embedded import Postgres, Valkey, server_folder, socket_folder
from launcher.processes import spawn, stop

from tests.e2e.system import System
from workers.wire import celery_url


@contextmanager
def standing(*parts: str, **settings: str) -> Iterator[System]:
    """Yield a site whose `parts` run (all without names). Leases and beats are the usual ones
    unless `settings` say otherwise.
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
    """Yield an app whose one worker thread works on `tasks`, over the site's broker and with
    nothing else of ours.

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


def machine() -> str:
    """Return what this is measured on, and how busy that is."""
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
    """Return the value below which a part `q` of `values` lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
