"""Seconds until a site works again after a fault: a killed worker, a killed web process, and many
faults in a row.

    python -m benchmarks.recovery [kills of a worker] [kills of web] [faults]

A site of its own runs under the launcher's supervisor, with two workers of one slot and the default
settings. It counts from the kill until the run of the killed worker is queued again and until the
other worker, which is free, has leased it; until a page comes again; and from the last of many
faults until no run is queued or running. Targets: 25, 30, 3 and 60 s.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from launcher.home import Home
from launcher.running import Address, Site
from launcher.supervisor import HEALTHY_SECONDS, Child, Supervisor

from benchmarks import ROOT
from benchmarks.site import machine, quantile
from tests.chaos.site import remove
from tests.e2e.people import SMALL, Member
from tests.e2e.system import CAST, System
from tests.ports import free_port

LONG = {"epochs": "50"}
FAULT_SECONDS = 4.0  # between two faults
HEARTBEAT_SECONDS = 5.0
FAULTS = (signal.SIGKILL, signal.SIGSTOP)
PROGRAMS = ("web", "housekeep", "worker", "worker-2", "valkey")


class Recovering:
    """A site under the launcher's supervisor, which looks after it while the benchmark waits."""

    def __init__(self, home: Home, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.site = Site(home, supervisor, Address(port=free_port()))
        self.site.start_servers()
        url, redis_url = self.site.environment["DATABASE_URL"], self.site.environment["REDIS_URL"]
        self.system = System(home.path / "benchmark", url, redis_url)
        self.system.url = self.site.address.local
        self.system.manage_script("tests/e2e/fill.py", *CAST)
        self.site.start_web()
        self.site.wait_for_web()
        self.site.start_housekeep()
        self.site.start_workers(2)

    def wait(self, ready: Callable[[], Any], seconds: float = 300) -> Any:
        """Supervise until `ready`."""
        deadline = time.monotonic() + seconds
        while not (value := self._try(ready)):
            self.supervisor.look()
            assert time.monotonic() < deadline, f"not in {seconds:g} s"
            time.sleep(0.02)
        return value

    def wait_for_workers(self) -> None:
        """Wait until both workers have a free slot with a warm process: then they ask for work."""
        asked = "SELECT count(*) FROM experiments_worker WHERE last_seen_at > now() - interval '3s'"
        self.wait(lambda: self.query(asked)[0][0] == 2)

    def child(self, name: str) -> Child:
        return next(child for child in self.supervisor.children if child.name == name)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a program and its group, if it runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.child(name).process.pid, number)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.system.query(sql, *values)

    def answers(self) -> bool:
        return httpx.get(f"{self.system.url}/claims", timeout=5, trust_env=False).is_success

    @staticmethod
    def _try(ready: Callable[[], Any]) -> Any:
        with suppress(httpx.TransportError, psycopg.Error):
            return ready()
        return None


@contextmanager
def recovering_site() -> Iterator[Recovering]:
    home = Home(Path(tempfile.mkdtemp(prefix="gradus-benchmark-")))
    try:
        with Supervisor(home, home.lock()) as supervisor:
            yield Recovering(home, supervisor)
    finally:
        remove(home)


def kill_worker(site: Recovering, member: Member) -> tuple[float, float]:
    """Kill the worker of a run; return the seconds until the run is queued and leased again."""
    site.wait_for_workers()
    run = member.commit(LONG)
    query = (
        "SELECT w.name FROM experiments_runattempt a JOIN experiments_worker w ON w.id = worker_id "
        "WHERE run_id = %s AND last_progress_at > a.started_at"
    )
    ((name,),) = site.wait(lambda: site.query(query, run))
    pause = random.random() * HEARTBEAT_SECONDS
    killed_at = time.monotonic() + pause
    site.wait(lambda: time.monotonic() > killed_at)
    ((now,),) = site.query("SELECT now()")
    site.signal({"local": "worker", "local-2": "worker-2"}[name], signal.SIGKILL)
    times = (
        "SELECT min(ended_at), max(started_at), count(*) FROM experiments_runattempt "
        "WHERE run_id = %s"
    )
    ((ended_at, started_at, _n),) = site.wait(
        lambda: [row for row in site.query(times, run) if row[2] > 1]
    )
    member.post(f"/runs/{run}/stop", {})
    site.wait(lambda: member.state(run) not in ("queued", "running"))
    return (ended_at - now).total_seconds(), (started_at - now).total_seconds()


def kill_web(site: Recovering) -> tuple[float, float]:
    """Kill a web process that has lived; return the seconds until a page comes again, and how many
    of them the new process computed: the rest it waited, on a busy machine for a processor.
    """
    lived_at = site.child("web").started + HEALTHY_SECONDS
    site.wait(lambda: time.monotonic() > lived_at and site.answers())
    site.signal("web", signal.SIGKILL)
    killed_at = time.monotonic()
    site.wait(site.answers)
    seconds = time.monotonic() - killed_at
    used = psutil.Process(site.child("web").process.pid).cpu_times()
    return seconds, used.user + used.system


def drain(site: Recovering, members: list[Member], faults: int) -> tuple[float, int]:
    """Kill and freeze programs while learners queue runs.

    Returns:
        Seconds from the last fault until no run is queued or running, and how many there were.
    """
    site.wait_for_workers()
    last_at = 0.0
    # in threads: a request to a frozen process waits, and the supervisor must go on meanwhile
    with ThreadPoolExecutor(len(members)) as learners:
        for number in range(faults):
            work = ({}, "activation-atlas") if number % 4 else (SMALL, "dead-relu")
            # fails while the site is away; a run for every second fault is what two workers can do
            if number % 2 == 0:
                learners.submit(members[number % len(members)].commit, *work)
            site.signal(PROGRAMS[number % len(PROGRAMS)], FAULTS[number // len(PROGRAMS) % 2])
            last_at = time.monotonic()
            site.wait(lambda at=last_at: time.monotonic() > at + FAULT_SECONDS)
        waiting = "SELECT count(*) FROM experiments_run WHERE state IN ('queued', 'running')"
        site.wait(lambda: not site.query(waiting)[0][0], 600)
        drained_at = time.monotonic()
    owned = "SELECT count(*) FROM experiments_run r JOIN accounts_user u ON u.id = owner_id "
    handles = [member.handle for member in members]
    return drained_at - last_at, site.query(f"{owned} WHERE handle = ANY(%s)", handles)[0][0]


def main(workers: int, webs: int, faults: int) -> None:
    print(f"On {machine()}", flush=True)
    with recovering_site() as site:
        members = [Member(site.system, handle) for handle in ("mei", "ola", "sam")]
        killed = [kill_worker(site, members[0]) for _ in range(workers)]
        for name, seconds in zip(("queued", "leased"), zip(*killed, strict=True), strict=False):
            tell(f"{name} again after the worker's kill", seconds)
        if webs:
            back, computed = zip(*(kill_web(site) for _ in range(webs)), strict=True)
            tell("web back after its kill", back)
            tell("of them the new process computed", computed)
        if faults:
            drained, runs = drain(site, members, faults)
            print(f"drained {drained:.1f} s after the last of {faults} faults ({runs} runs in all)")
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


def tell(what: str, seconds: Sequence[float]) -> None:
    told = f"p50 {quantile(seconds, 0.5):.1f} s, worst {max(seconds):.1f} s"
    print(f"{what}: {told} ({len(seconds)} times)", flush=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    arguments = [int(text) for text in sys.argv[1:]]
    main(*(*arguments, *(6, 6, 15)[len(arguments) :]))
