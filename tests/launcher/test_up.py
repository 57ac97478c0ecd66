"""`./gradus up`: a real site with its worker, stopped by SIGINT and by SIGKILL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from launcher.home import Home
from launcher.running import status
from launcher.signs import Program, Report

from tests.launcher.conftest import forget, lives, until
from tests.ports import free_port

WARM_SECONDS = 10.0  # that a second start may take on an idle machine
PATIENCE = 600


class Started:
    """A launcher at work, with its output."""

    def __init__(self, checkout_copy: Path, folder: Path, *arguments: str) -> None:
        self.folder, self.port = folder, free_port()
        self.output = folder.with_suffix(".output")
        command = [
            sys.executable,
            str(checkout_copy / "gradus"),
            "up",
            "--data",
            str(folder),
            "--port",
            str(self.port),
            *arguments,
        ]
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "REDIS_URL", "SITE_URL")
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment, cwd="/"
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_until(self, pattern: str) -> re.Match[str]:
        until(lambda: re.search(pattern, self.text) or self.process.poll() is not None, PATIENCE)
        match = re.search(pattern, self.text)
        assert match, self.text
        return match

    def family(self) -> list[psutil.Process]:
        """Return the launcher's children and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    forget(tmp_path / "data")


def ended(family: list[psutil.Process]) -> bool:
    return not [process for process in family if process.is_running() and lives(process.pid)]


def command(process: psutil.Process) -> list[str]:
    """Return its command line; empty if it has just ended, like PostgreSQL's short-lived
    processes.
    """
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def names(family: list[psutil.Process]) -> str:
    return " ".join(" ".join(command(process)) for process in family)


class Pulse:
    """How many times slower than an idle machine this one is, while it is looked at: the same small
    sum again and again.
    """

    IDLE_SECONDS = 0.006  # that the sum takes where nothing else runs

    def __enter__(self) -> Pulse:
        self._over, self._took = threading.Event(), list[float]()
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        self.slowness = max(1.0, 2 * load, sum(self._took) / len(self._took) / self.IDLE_SECONDS)

    def _beat(self) -> None:
        while True:
            started = time.perf_counter()
            sum(range(500_000))
            self._took.append(time.perf_counter() - started)
            if self._over.wait(0.1):
                return


def test_a_site_starts_works_and_leaves_nobody_behind(checkout_copy: Path, folder: Path) -> None:
    first = Started(checkout_copy, folder)
    try:
        url = first.wait_until(r"Gradus is ready after [\d.]+ s:  (\S+)")[1]
        assert status(url) == 200  # what it prints, answers
        link = first.wait_until(r"This one-time link signs you in:  (\S+)")[1]
        assert link.startswith(f"{url}/operator/")
        until(lambda: "workers.process" in names(first.family()))  # a lab process waits for work
        family = first.family()
        running = names(family)
        assert all(
            part in running
            for part in ("gradus.serve", "housekeep", "celery", "postgres", "valkey", "watcher")
        )

        other = Started(checkout_copy, folder)  # a second one in the same folder
        assert other.process.wait(PATIENCE) == 1 and "already running here" in other.text
    finally:
        first.process.kill()
        first.process.wait()
    until(lambda: ended(family))

    second = Started(checkout_copy, folder)
    try:
        with Pulse() as pulse:
            ready = second.wait_until(r"Gradus is ready after ([\d.]+) s")
        assert float(ready[1]) < WARM_SECONDS * pulse.slowness, (pulse.slowness, second.text)
        assert "This one-time link signs you in" not in second.text  # there is an operator
        family = second.family()
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(PATIENCE) == 0
        assert "Everything has stopped." in second.text
        until(lambda: ended(family), 30)
    finally:
        second.process.kill()


def test_a_program_of_the_site_that_dies_or_freezes_is_started_again(
    checkout_copy: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_LABS", "no.labs")  # its worker need not import torch here
    started = Started(checkout_copy, folder)
    report = Home(folder).report

    def running() -> dict[str, Program]:
        """Return the programs that work by now."""
        known = Report.read(report)
        programs = known.programs if known else []
        return {p.name: p for p in programs if p.runs and not (p.is_asked and p.is_starting)}

    def replaced(names: tuple[str, ...], before: dict[str, Program]) -> bool:
        now = running()
        return all(name in now and now[name].pid != before[name].pid for name in names)

    try:
        url = started.wait_until(r"Gradus is ready after [\d.]+ s:  (\S+)")[1]
        until(lambda: running().keys() == {"postgres", "valkey", "web", "housekeep", "worker"})
        first = running()
        os.kill(first["postgres"].pid, signal.SIGKILL)
        os.kill(first["web"].pid, signal.SIGKILL)
        until(lambda: replaced(("postgres", "web"), first))
        started.wait_until(r"postgres +\| was ended by signal 9; restarting")
        started.wait_until(r"web +\| was ended by signal 9; restarting")
        until(lambda: status(url) == 200)

        frozen = ("valkey", "web", "housekeep", "worker")
        second = running()
        for name in frozen:
            os.kill(second[name].pid, signal.SIGSTOP)
        until(lambda: replaced(frozen, second))
        for name in frozen:
            started.wait_until(rf"{name} +\| hangs: no sign of life for 15 s; ending it")
            assert not lives(second[name].pid)
        assert status(url) == 200
        assert running()["postgres"].pid == second["postgres"].pid
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(PATIENCE) == 0
    finally:
        started.process.kill()


def test_a_database_that_is_not_there_is_said_and_nothing_goes_on(
    checkout_copy: Path, folder: Path
) -> None:
    command = [
        sys.executable,
        str(checkout_copy / "gradus"),
        "up",
        "--data",
        str(folder),
        "--port",
        str(free_port()),
        "--workers",
        "0",
    ]
    environment = os.environ | {"DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=PATIENCE
    )
    assert done.returncode == 1
    assert (
        "The database is not responding" in done.stderr
        and "DATABASE_URL" in done.stderr
        and "Traceback" not in done.stderr
    )
