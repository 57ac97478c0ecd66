"""PostgreSQL and Valkey from their wheels, as real processes."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from launcher import embedded
from launcher.ballast import BALLAST_BYTES, Ballast
from launcher.database import facts
from launcher.embedded import Postgres, Valkey, socket_folder
from launcher.home import Home
from launcher.processes import stop
from launcher.say import Problem

from tests.launcher.conftest import ROOT, ROOT_ONLY, forget, lives, python_for, until

LINUX_ONLY = pytest.mark.skipif(
    sys.platform != "linux", reason="parent-death signals exist on Linux alone"
)

# Starts both servers, prints their URLs and processes, then waits to be killed.
HOLDER = """
import subprocess, sys; sys.path.insert(0, 'platform')
from pathlib import Path
from launcher.embedded import Postgres, Valkey
data = Path(sys.argv[1])
data.mkdir(mode=0o700, exist_ok=True)
postgres, valkey = Postgres(data), Valkey(data)
quiet = {'output': subprocess.DEVNULL}
running = [postgres.start(**quiet), valkey.start(**quiet)]
postgres.make_database()
print(postgres.url, valkey.url, *(server.pid for server in running), sep='\\n', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def postgres(home: Home) -> Iterator[Postgres]:
    embedded_postgres = Postgres(home.path)
    with home.log("postgres").receiving() as log:
        server = embedded_postgres.start(output=log)
        yield embedded_postgres
        stop(server, embedded_postgres.ends_by)


def hold(
    data: Path,
    account: pwd.struct_passwd | None = None,
    python: str = sys.executable,
    **environment: str,
) -> tuple[subprocess.Popen[str], list[str]]:
    """Start the servers in another process; returns it, and what it printed."""
    become = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    holder = subprocess.Popen(
        [python, "-c", HOLDER, str(data)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},  # no LANG, no LC_ALL
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **become,
    )
    assert holder.stdout
    return holder, [holder.stdout.readline().strip() for _ in range(4)]


def test_the_database_knows_chinese_without_any_locale_in_the_environment(tmp_path: Path) -> None:
    holder, (url, *_rest) = hold(tmp_path / "data")
    try:
        tested = facts(url)
        assert (tested.encoding, tested.has_chinese, tested.complaint()) == ("UTF8", True, "")
    finally:
        assert holder.stdin
        holder.stdin.close()
        holder.wait()
        forget(tmp_path / "data")


@LINUX_ONLY
def test_nothing_is_left_running_after_kill_9_of_the_parent(tmp_path: Path) -> None:
    holder, (url, _broker, *pids) = hold(tmp_path / "data")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    holder.kill()
    holder.wait()
    until(lambda: not any(lives(int(pid)) for pid in pids))

    again, (url, *_rest) = hold(tmp_path / "data")  # it was a clean end: what was stored is there
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    again.kill()
    again.wait()
    until(lambda: not socket_is_alive(url))
    forget(tmp_path / "data")


def socket_is_alive(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_servers_listen_on_sockets_that_others_cannot_reach(postgres: Postgres, home: Home) -> None:
    with psycopg.connect(postgres.url.replace("/gradus?", "/postgres?")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert postgres.socket.stat().st_mode & 0o077 == 0
    assert postgres.cluster.stat().st_mode & 0o077 == 0
    assert socket_folder(home.path).stat().st_mode & 0o066 == 0


def test_a_second_start_keeps_the_cluster(postgres: Postgres, home: Home) -> None:
    postgres.make_database()
    postgres.make_database()
    created = (postgres.cluster / "PG_VERSION").stat().st_mtime_ns
    Postgres(home.path).make_cluster()
    assert (postgres.cluster / "PG_VERSION").stat().st_mtime_ns == created


def test_an_incomplete_cluster_is_created_again(home: Home) -> None:
    postgres = Postgres(home.path)
    for half in ("cluster", "cluster.new"):
        (postgres.folder / half).mkdir(exist_ok=True)
        (postgres.folder / half / "base").write_text("an interrupted initdb left this")
    postgres.make_cluster()
    assert (postgres.cluster / "PG_VERSION").exists() and not (
        postgres.folder / "cluster.new"
    ).exists()


def test_a_cluster_of_another_version_is_refused(home: Home) -> None:
    postgres = Postgres(home.path)
    postgres.cluster.mkdir()
    (postgres.cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(
        Problem, match="made by PostgreSQL 14, and this version of Gradus brings 18"
    ):
        postgres.make_cluster()


def test_a_socket_path_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / ("x" * 100)
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with pytest.raises(
        Problem, match=r"too long for a socket \(\d+ bytes, at most 10[37]\)"
    ) as problem:
        Postgres(tmp_path / "data")
    assert "XDG_RUNTIME_DIR" in problem.value.remedy and not (tmp_path / "data").exists()


def test_a_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runtime = tmp_path_factory.mktemp("run")  # a short path, as sockets need
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    (tmp_path / "elsewhere").mkdir()
    socket_folder(tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="belongs to another user"):
        Valkey(tmp_path / "data")


@ROOT_ONLY
def test_root_lends_postgres_an_account_and_opens_nobodys_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "data")
    before = os.umask(0o077)
    try:
        postgres = Postgres(home.path)
        server = postgres.start(output=subprocess.DEVNULL)
    finally:
        os.umask(before)
    try:
        assert psutil.Process(server.pid).username() in embedded.ACCOUNTS
        assert (closed.stat().st_mode & 0o777, home.path.stat().st_mode & 0o777) == (0o700, 0o700)
    finally:
        stop(server, postgres.ends_by)
        forget(home.path)


@ROOT_ONLY
def test_an_ordinary_account_runs_the_servers_as_itself() -> None:
    account = pwd.getpwnam("nobody")
    packages = str(Path(psycopg.__file__).parents[1])
    python = python_for(account, packages)
    if not python:
        pytest.skip("no Python and checkout that another account can read")
    data = Path("/tmp") / f"gradus-tests-{os.getpid()}-nobody"
    data.mkdir(mode=0o700)
    os.chown(data, account.pw_uid, account.pw_gid)
    try:
        holder, (url, broker, *pids) = hold(data, account, python, PYTHONPATH=packages)
        assert {psutil.Process(int(pid)).username() for pid in pids} == {"nobody"}
        assert str(data / "cluster") in " ".join(psutil.Process(int(pids[0])).cmdline())
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis.from_url(broker).ping()
        holder.kill()
        holder.wait()
        until(lambda: not any(lives(int(pid)) for pid in pids))
    finally:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(
            f"/tmp/gradus-{account.pw_uid}-{embedded.short_name(data)}", ignore_errors=True
        )


def test_an_account_without_a_name_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987_654)
    with pytest.raises(Problem, match="User 987654 has no entry in /etc/passwd") as problem:
        Postgres(tmp_path)
    assert "DATABASE_URL" in problem.value.remedy


@ROOT_ONLY
def test_root_without_an_account_for_postgres_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(embedded, "ACCOUNTS", ("no-such-account",))
    with pytest.raises(Problem, match="none of the accounts no-such-account exists") as problem:
        Postgres(tmp_path)
    assert "useradd" in problem.value.remedy


def test_the_broker_keeps_nothing_and_listens_on_its_socket_alone(home: Home) -> None:
    valkey = Valkey(home.path)
    server = valkey.start(output=subprocess.DEVNULL)
    try:
        with redis.Redis.from_url(valkey.url) as client:
            assert (
                client.config_get("save")["save"] == "" and client.config_get("port")["port"] == "0"
            )
        assert not psutil.Process(server.pid).net_connections("tcp")
    finally:
        stop(server, signal.SIGTERM)


# ---------------------------------------------------------------- the ballast


def test_the_ballast_is_kept_until_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = Ballast(tmp_path)
    free = 5_000_000_000
    monkeypatch.setattr(Ballast, "free", lambda self: free)
    ballast.keep()
    assert ballast.file.stat().st_size == BALLAST_BYTES
    assert not ballast.drop_if_full() and ballast.file.exists()
    free = 10_000_000
    assert ballast.drop_if_full() and not ballast.file.exists()
    assert not ballast.drop_if_full()


def test_no_ballast_is_taken_from_a_disk_with_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ballast, "free", lambda self: 500_000_000)
    Ballast(tmp_path).keep()
    assert not list(tmp_path.iterdir())
