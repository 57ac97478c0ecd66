"""The data folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from launcher.home import Home
from launcher.say import Problem

from tests.launcher.conftest import ROOT, until


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_created_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home = Home(tmp_path / "a" / "b")
        key, _ = home.secret_key(), home.store_token("local", "postgresql://x", "secret")
    finally:
        os.umask(before)
    assert mode(home.path) == 0o700
    assert {mode(path) for path in home.path.iterdir()} == {0o600} and len(key) > 50


def test_it_refuses_a_folder_that_others_may_read_and_changes_nothing(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(Problem, match="must be yours, and closed to others") as problem:
        Home(tmp_path)
    assert f"chmod 700 {tmp_path}" in problem.value.remedy
    assert mode(tmp_path) == 0o755 and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="cannot be created"):
        Home(tmp_path / "file" / "data")


def test_its_secret_key_is_made_once(home: Home) -> None:
    assert home.secret_key() == home.secret_key() == Home(home.path).secret_key()


def test_it_keeps_a_token_for_each_machine_and_database(home: Home) -> None:
    home.store_token("local", "postgresql://a", "one")
    home.store_token("local", "postgresql://b", "two")
    home.store_token("local", "postgresql://b", "three")
    assert (home.token("local", "postgresql://a"), home.token("local", "postgresql://b")) == (
        "one",
        "three",
    )
    assert home.token("local-2", "postgresql://a") == ""


def test_only_one_launcher_runs_in_it(home: Home) -> None:
    assert not home.running()
    lock = home.lock()
    assert home.running()
    with pytest.raises(Problem, match=f"already running here \\(process {os.getpid()},"):
        home.lock(seconds=5)
    lock.release()
    assert not home.running()
    home.lock().release()


def test_it_waits_for_the_processes_of_a_killed_launcher(home: Home) -> None:
    # a process that holds the lock, with another process id in it, like the watcher of a killed
    # launcher
    code = (
        "import sys; sys.path.insert(0, 'platform'); from pathlib import Path; from "
        "launcher.home import Home\n"
        f"lock = Home(Path({str(home.path)!r})).lock(); Path({str(home.path)!r}, "
        "'lock').write_text('999999999')\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout and holder.stdin and holder.stdout.readline() == b"held\n"
    with pytest.raises(Problem, match="left over from an earlier run did not stop"):
        home.lock(seconds=0.1)
    holder.stdin.close()
    home.lock(seconds=60).release()
    until(lambda: holder.poll() is not None)
