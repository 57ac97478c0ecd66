"""Logs: every line has its time, none is lost when a file is full, and none is too long."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher import logs
from launcher.home import Home
from launcher.logs import MAX_LINE_BYTES, TIME, lines, without_time
from launcher.processes import spawn, tail
from launcher.supervisor import Supervisor

from tests.launcher.conftest import until

SPEAKER = "import sys\nfor n in range(int(sys.argv[1])): print('line', n)"


def read(log: Path) -> list[str]:
    """Return the lines of a log, with those that were put aside before them."""
    aside = log.with_suffix(".log.1")
    text = (aside.read_text() if aside.exists() else "") + log.read_text()
    return text.splitlines()


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(logs, "MAX_BYTES", 10_000)
    yield 10_000


def test_a_log_is_rotated_while_its_program_runs_and_loses_nothing(
    home: Home, small_files: int
) -> None:
    with home.log("web").receiving() as pipe:
        subprocess.run([sys.executable, "-c", SPEAKER, "350"], stdout=pipe, check=True)
    written = read(home.logs / "web.log")
    assert [without_time(line) for line in written] == [f"line {n}" for n in range(350)]
    assert all(TIME.match(line) for line in written)
    assert (home.logs / "web.log").stat().st_size < small_files


def test_all_that_a_program_ever_writes_takes_two_files(home: Home, small_files: int) -> None:
    log = home.log("web")
    for n in range(2_000):
        log.write(b"line %d" % n)
    assert sum(file.stat().st_size for file in home.logs.iterdir()) < 2.1 * small_files
    assert without_time(read(log.path)[-1]) == "line 1999"


def test_every_program_of_the_launcher_has_such_a_log(home: Home, small_files: int) -> None:
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    with Supervisor(home, home.lock()) as supervisor:
        for name, shown in (("shown", True), ("quiet", False)):
            command = [sys.executable, "-c", SPEAKER + "\nimport time; time.sleep(600)", "350"]
            supervisor.start(
                name,
                lambda output, command=command: spawn(
                    command, output=output, environment={"PYTHONUNBUFFERED": "1"}
                ),
                shown=shown,
            )
        for name in ("shown", "quiet"):
            log = home.logs / f"{name}.log"
            until(lambda log=log: log.exists() and "line 349" in log.read_text())
            written = read(log)
            assert [without_time(line) for line in written] == [f"line {n}" for n in range(350)]
            assert all(TIME.match(line) for line in written)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_line_of_any_length_takes_little_room_and_no_memory() -> None:
    long = b"GET /" + b"a" * 200_000
    stream = io.BufferedReader(io.BytesIO(b"short\n" + long + b"\nnext\n" + long))  # type: ignore[arg-type]
    first, cut, after, last = lines(stream)
    assert (first, after) == (b"short", b"next")
    for line in (cut, last):
        assert line.startswith(b"GET /aaaa") and len(line) < MAX_LINE_BYTES + 50
        left_out = re.search(rb"\[... (\d+) bytes left out\]$", line)
        assert left_out and int(left_out[1]) == len(long) - MAX_LINE_BYTES


@pytest.mark.parametrize("length", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES])
def test_a_line_that_just_fits_stays_whole(length: int) -> None:
    assert list(lines(io.BytesIO(b"a" * length + b"\nnext"))) == [b"a" * length, b"next"]


def test_a_cut_splits_no_character() -> None:
    (line,) = lines(io.BytesIO(("a" + "ü" * MAX_LINE_BYTES).encode()))
    assert line.decode().endswith("ü [... 2001 bytes left out]")


def test_a_disk_that_takes_nothing_stops_only_the_log(home: Home) -> None:
    log = home.log("web")
    log.path.mkdir()  # what is opened for writing fails, as on a full disk
    log.write(b"lost")
    log.path.rmdir()
    log.write(b"again")
    assert without_time(log.path.read_text()) == "again\n"


def test_the_end_of_a_log_is_told_without_the_times(home: Home) -> None:
    log = home.log("web")
    log.write(b"no such setting")
    assert tail(log.path) == "    no such setting"
