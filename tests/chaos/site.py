"""A site of its own for chaos: data folder, PostgreSQL, Valkey, port, and the processes that
`./gradus up` starts, under the same supervisor.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from launcher.embedded import server_folder, socket_folder
from launcher.home import Home
from launcher.running import Address, Site
from launcher.say import Problem
from launcher.supervisor import Child, Supervisor

from tests.ports import free_port

PR_SET_CHILD_SUBREAPER = 36
# of the user's own site: nothing of it may be touched, and its settings are not ours
NOT_INHERITED = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SITE_URL", "EMAIL_URL", "ALLOWED_HOSTS"),
    *("TRUSTED_PROXIES", "SSL_REDIRECT", "DEBUG", "DJANGO_SETTINGS_MODULE", "LOG_LEVEL"),
    *("GRADUS_URL", "GRADUS_TOKEN", "GRADUS_DATA", "GRADUS_LABS", "GRADUS_CLOCK_OFFSET"),
)
WORKERS = {"worker": "local", "worker-2": "local-2"}  # program -> name in the database
ARE_READY = "SELECT count(*) FROM experiments_worker WHERE last_seen_at IS NOT NULL"
START_SECONDS = 240.0  # on a machine that is busy with other things
POLL_SECONDS = 0.05


class ChaosSite:
    """The site while it runs. Its programs are looked after by whoever calls `look`."""

    def __init__(self, home: Home, supervisor: Supervisor, site: Site) -> None:
        self.home, self.supervisor, self._site = home, supervisor, site
        self.url = site.address.local
        self.database_url = site.environment["DATABASE_URL"]
        self.lease_seconds = float(site.environment.get("LEASE_SECONDS", 20))

    def child(self, name: str) -> Child:
        return next(child for child in self.supervisor.children if child.name == name)

    def process(self, name: str) -> subprocess.Popen[bytes] | None:
        """Return the process of a program; None while it waits for its restart."""
        process = self.child(name).process
        return process if process.poll() is None else None

    def lab_processes(self, worker: str) -> list[psutil.Process]:
        """Return the lab processes of a worker, the oldest first: it has a run, if any has."""
        process = self.process(worker)
        if process is None:
            return []
        try:
            return sorted(psutil.Process(process.pid).children(), key=psutil.Process.create_time)
        except psutil.NoSuchProcess:
            return []

    def look(self) -> None:
        """Let the supervisor do its work once, as it does ten times a second."""
        self.supervisor.look()
        time.sleep(POLL_SECONDS)

    def wait_for_workers(self) -> ChaosSite:
        """Wait until each has asked for a run, which it does with a warm lab process only.

        Raises:
            Problem: one did not come to that.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.query(ARE_READY)[0][0] < len(WORKERS):
            if time.monotonic() > deadline:
                raise Problem("The workers did not start.", f"read the logs in {self.home.logs}.")
            self.look()
        return self

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database.

        Raises:
            psycopg.OperationalError: it is away.
        """
        with psycopg.connect(self.database_url, connect_timeout=3, autocommit=True) as connection:
            return connection.execute(sql, values or None).fetchall()  # type: ignore[call-overload, no-any-return]

    def undelivered(self) -> list[Path]:
        """Return the results that workers have on disk, since the site has not taken them."""
        return sorted(self.home.path.glob("workers/*/spool/*.json"))

    def strays(self) -> list[str]:
        """Return the processes that have lost their parent, by their command lines (Linux)."""
        ours = {child.process.pid for child in self.supervisor.children}
        ours.add(self.supervisor.watcher.process.pid)
        return _living(set(psutil.Process().children()), ours)


@contextmanager
def chaos_site(mutant: str = "") -> Iterator[ChaosSite]:
    """Yield a site whose workers are ready, in a folder that stays until `remove`. Call it from
    the main thread.

    Args:
        mutant: a rule that web and housekeep go without, of `mutants.py`.
    """
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    _adopt_orphans()
    home = Home(Path(tempfile.mkdtemp(prefix="gradus-chaos-")))
    print(f"Data and logs: {home.path}", flush=True)
    with (
        (home.logs / "launcher.log").open("w") as log,
        redirect_stdout(log),
        Supervisor(home, home.lock()) as supervisor,
    ):
        site = Site(home, supervisor, Address(port=free_port()))
        workers_environment = site.environment | {"GRADUS_LABS": "tests.chaos.labs"}
        site.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "GRADUS_MUTANT": mutant,
        }
        site.start_servers()
        site.get_ready()
        site.start_web()
        site.wait_for_web()
        site.start_housekeep()
        site.environment = workers_environment
        site.start_workers(len(WORKERS))
        yield ChaosSite(home, supervisor, site).wait_for_workers()


def remove(home: Home) -> None:
    """Remove all that a site has on the disk."""
    for folder in (server_folder(home.path), socket_folder(home.path), home.path):
        shutil.rmtree(folder, ignore_errors=True)


def left_over(seconds: float = 15.0) -> list[str]:
    """Return the processes that outlive the site's end, by their command lines."""
    deadline = time.monotonic() + seconds
    while living := _living(set(psutil.Process().children(recursive=True)), set()):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return living


def _adopt_orphans() -> None:
    """Have processes that lose their parent become children of this one, where they are found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _living(processes: set[psutil.Process], known: set[int]) -> list[str]:
    lines = []
    for process in processes:
        try:
            if process.pid not in known and process.status() != psutil.STATUS_ZOMBIE:
                lines.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.NoSuchProcess:
            continue
    return lines


class Probe(threading.Thread):
    """Asks the site for a page all the time; knows when it answered."""

    SECONDS, TIMEOUT = 0.25, 2.0
    PATH = "/runs/00000000-0000-0000-0000-000000000000/points"  # a page with a query, and no more

    def __init__(self, url: str) -> None:
        super().__init__(name="probe", daemon=True)
        self._url = url
        self.answers: list[tuple[float, float, bool]] = []  # asked at, answered at, well
        self._closing = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=self.TIMEOUT, trust_env=False) as http:
            while not self._closing.wait(self.SECONDS):
                asked = time.time()
                try:
                    is_well = http.get(self._url + self.PATH).status_code < 500
                except httpx.HTTPError:
                    is_well = False
                self.answers.append((asked, time.time(), is_well))

    def close(self) -> None:
        self._closing.set()
        self.join()

    def back_after(self, moment: float) -> float | None:
        """Return when a page came that was asked for after `moment` (time.time)."""
        return next((at for asked, at, well in self.answers if well and asked >= moment), None)


def resume(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    """Let a frozen process go on, unless it was ended meanwhile."""
    try:
        process.send_signal(signal.SIGCONT)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return
