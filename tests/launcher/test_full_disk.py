"""A disk that is really full: PostgreSQL stops, and comes back because the ballast makes room."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from launcher import ballast
from launcher.ballast import Ballast
from launcher.embedded import server_folder
from launcher.home import Home
from launcher.running import Address, Site
from launcher.supervisor import Supervisor

from tests.launcher.conftest import forget, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Home]:
    """A data folder whose cluster lies on a disk of 300 MB."""
    home = Home(tmp_path / "data")
    house = server_folder(home.path)
    house.mkdir(parents=True, exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", str(house)],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("only an account that may mount has a small disk to fill")
    yield home
    subprocess.run(["umount", "-l", str(house)], check=True)
    forget(home.path)


def test_postgres_comes_back_from_a_full_disk(
    small_disk: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballast, "MIN_FREE_BYTES", 0)  # 300 MB are plenty, for once
    monkeypatch.delenv("DATABASE_URL", raising=False)
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    house = server_folder(small_disk.path)
    with Supervisor(small_disk, small_disk.lock()) as supervisor:
        site = Site(small_disk, supervisor, Address())
        site.start_servers()
        url, kept = site.environment["DATABASE_URL"], Ballast(house)
        assert kept.file.exists()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'before' AS word")
        postgres = next(child for child in supervisor.children if child.name == "postgres")
        first = postgres.process.pid
        fill(house)
        until(
            lambda: write_until_it_stops(url) or supervisor.look() or postgres.process.pid != first,
            360,
        )

        until(lambda: supervisor.look() or reads(url) == "before")
        assert not kept.file.exists()
        with psycopg.connect(url, autocommit=True) as connection:  # and it writes again
            connection.execute("UPDATE kept SET word = 'after'")
        assert reads(url) == "after"
    for number, handler in handlers.items():
        signal.signal(number, handler)


def fill(folder: Path) -> None:
    """Fill the disk, except for a megabyte."""
    with (folder / "filler").open("wb") as file, contextlib.suppress(OSError):
        left = os.statvfs(folder)
        for _ in range(left.f_bavail * left.f_frsize // 1_000_000 - 1):
            file.write(bytes(1_000_000))


def write_until_it_stops(url: str) -> None:
    """Write until the server refuses or dies; its log then needs a segment that the disk does not
    have.
    """
    with contextlib.suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        for _ in range(100):
            connection.execute("CREATE TABLE IF NOT EXISTS more (words text)")
            connection.execute(
                "INSERT INTO more SELECT repeat(md5(i::text), 50) FROM generate_series(1, 500) AS i"
            )
            connection.execute("SELECT pg_switch_wal()")


def reads(url: str) -> str:
    try:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT word FROM kept").fetchone()
            return str(row[0]) if row else ""
    except psycopg.Error:
        return ""
