"""A backup of a site that works loses nothing that was acknowledged before it, as root and as an
ordinary account: `benchmarks.backup_under_load`, which says at what rate.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.launcher.conftest import ROOT, ROOT_ONLY

pytestmark = [pytest.mark.attack, pytest.mark.slow]
COMMAND = ["-m", "benchmarks.backup_under_load", "5000"]
LARGE = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "screenshots", "evidence")


def figures(python: str, folder: Path, **options: Any) -> dict[str, Any]:
    variables = ("DATABASE_URL", "REDIS_URL", "SITE_URL", "SECRET_KEY", "HOME")
    inherited = {name: value for name, value in os.environ.items() if name not in variables}
    done = subprocess.run(
        [python, *COMMAND],
        cwd=folder,
        env=inherited | options.pop("env", {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    counts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return counts


def test_as_whoever_runs_the_tests() -> None:
    counts = figures(sys.executable, ROOT)
    assert counts["before"] >= 50 and counts["missing"] == 0 and counts["during"] > 0


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A checkout that an ordinary account can read."""
    account = pwd.getpwnam("nobody")
    folder = Path(f"/tmp/gradus-tests-{os.getpid()}-checkout")
    shutil.copytree(ROOT, folder, ignore=LARGE)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@ROOT_ONLY
def test_as_an_ordinary_account(theirs: Path) -> None:
    account = pwd.getpwnam("nobody")
    packages = str(Path(psycopg.__file__).resolve().parents[1])
    options: dict[str, Any] = {
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": [],
        "env": {"PYTHONPATH": packages},
    }
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run(
                [python, "-c", "import benchmarks.backup_under_load, redis.asyncio"],
                cwd=theirs,
                check=True,
                capture_output=True,
                **options,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        counts = figures(python, theirs, **options)
        assert counts["before"] >= 50 and counts["missing"] == 0 and counts["during"] > 0
        return
    pytest.skip("no Python that another account can run")
