"""`./gradus up` as a person starts it: one real site with its worker, ended politely and not."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.launcher.conftest import ROOT, forget, until

WARM_SECONDS = 10.0  # that a second start may take on an idle machine
PATIENCE = 240


class Started:
    """A launcher at work, with what it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self.port = folder, free_port()
        self.said = folder.with_suffix(".said")
        command = [sys.executable, str(ROOT / "gradus"), "up", "--data", str(folder), "--port", str(self.port), *arguments]
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "SITE_URL")}
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, cwd="/")

    @property
    def text(self) -> str:
        return self.said.read_text()

    def wait_until(self, pattern: str) -> re.Match[str]:
        until(lambda: re.search(pattern, self.text) or self.process.poll() is not None, PATIENCE)
        found = re.search(pattern, self.text)
        assert found, self.text
        return found

    def family(self) -> list[psutil.Process]:
        """Return the launcher's children and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    forget(tmp_path / "data")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ended(family: list[psutil.Process]) -> bool:
    return not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def names(family: list[psutil.Process]) -> str:
    return " ".join(" ".join(process.cmdline()) for process in family)


def test_a_site_starts_works_and_leaves_nobody_behind(folder: Path) -> None:
    first = Started(folder)
    try:
        url = first.wait_until(r"Gradus is ready after [\d.]+ s:  (\S+)")[1]
        assert urllib.request.urlopen(url, timeout=30).status == 200  # what it prints, answers
        link = first.wait_until(r"This link signs you in, once:  (\S+)")[1]
        assert link.startswith(f"{url}/operator/")
        until(lambda: "workers.process" in names(first.family()), 60)  # a lab process waits for work
        family = first.family()
        assert all(part in names(family) for part in ("uvicorn", "housekeep", "celery", "postgres", "valkey", "watcher"))

        other = Started(folder)  # a second one in the same folder
        assert other.process.wait(60) == 1 and "already runs here" in other.text
    finally:
        first.process.kill()
        first.process.wait()
    until(lambda: ended(family), 60)

    second = Started(folder)
    try:
        seconds = float(second.wait_until(r"Gradus is ready after ([\d.]+) s")[1])
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        assert seconds < WARM_SECONDS * max(1.0, 2 * load), second.text
        assert "This link signs you in" not in second.text  # there is an operator
        family = second.family()
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(60) == 0
        assert ended(family) and "Everything has ended." in second.text
    finally:
        second.process.kill()


def test_a_program_of_the_site_that_dies_is_started_again(folder: Path) -> None:
    started = Started(folder, "--workers", "0")
    try:
        url = started.wait_until(r"Gradus is ready after [\d.]+ s:  (\S+)")[1]
        assert "No worker runs here" in started.text
        (web,) = [process for process in started.family() if "uvicorn" in " ".join(process.cmdline())]
        (postgres,) = [process for process in started.family() if "-k" in process.cmdline() and "postgres" in process.cmdline()[0]]
        postgres.kill()
        web.kill()
        started.wait_until(r"postgres +\| was ended by signal 9; starting again")
        started.wait_until(r"web +\| was ended by signal 9; starting again")
        until(lambda: answers(url), 60)
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(60) == 0
    finally:
        started.process.kill()


def answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=30).status == 200)
    except OSError:
        return False


def test_a_database_that_is_not_there_is_said_and_nothing_goes_on(folder: Path) -> None:
    command = [sys.executable, str(ROOT / "gradus"), "up", "--data", str(folder), "--port", str(free_port()), "--workers", "0"]
    environment = os.environ | {"DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=PATIENCE)
    assert said.returncode == 1
    assert "The database does not answer" in said.stderr and "DATABASE_URL" in said.stderr and "Traceback" not in said.stderr
