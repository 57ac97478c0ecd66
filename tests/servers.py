"""A pytest plugin that starts PostgreSQL and Valkey from their wheels for the session.

It is loaded before Django's. With `DATABASE_URL` or `REDIS_URL` in the environment, the tests use
that server instead. On Linux the servers end with the tests even after `kill -9` (PDEATHSIG); the
next session removes what that leaves on the disk.

Several processes of tests (pytest-xdist) share PostgreSQL, in which each has a database of its own,
and have a Valkey each: its channels are the same for all who use it.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in (str(ROOT), str(ROOT / "platform")):
    if folder not in sys.path:
        sys.path.insert(0, folder)
PREFIX = "gradus-tests-"
OUR_VALKEY = "GRADUS_TESTS_VALKEY"  # tells the workers of pytest-xdist that REDIS_URL is of here
# Speed before durability: what tests write need not survive a crash.
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "log_min_messages=fatal",
)


def _start(*, postgres: bool, valkey: bool) -> None:
    from launcher.embedded import Postgres, Valkey
    from launcher.processes import stop

    _sweep()
    data = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    atexit.register(_remove, data)
    log = (data / "servers.log").open("ab")
    if postgres:
        database = Postgres(data)
        server = database.start(*FAST, output=log)
        atexit.register(stop, server, database.ends_by)
        database.make_database()
        os.environ["DATABASE_URL"] = database.url
    if valkey:
        broker = Valkey(data)
        atexit.register(stop, broker.start(output=log), broker.ends_by)
        os.environ["REDIS_URL"] = broker.url
        os.environ[OUR_VALKEY] = "1"


def _remove(data: Path) -> None:
    from launcher.embedded import server_folder, socket_folder

    for folder in (server_folder(data), socket_folder(data), data):
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of sessions that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", folder.name)
        if owner and folder.stat().st_uid == os.geteuid() and not _alive(int(owner[1])):
            _remove(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if "PYTEST_XDIST_WORKER" in os.environ:
    if OUR_VALKEY in os.environ:
        _start(postgres=False, valkey=True)
elif not {"DATABASE_URL", "REDIS_URL"} <= os.environ.keys():
    _start(
        postgres="DATABASE_URL" not in os.environ,
        valkey="REDIS_URL" not in os.environ,
    )
# torch's threads would wait for each other's processors; before torch is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Playwright's sync API leaves a loop running in the test's thread
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
