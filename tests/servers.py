"""A pytest plugin, loaded before Django's: without DATABASE_URL it starts PostgreSQL and Valkey
from their wheels for the session.

`DATABASE_URL` and `REDIS_URL` take the tests to servers of one's own. On Linux the servers end with
the tests even after `kill -9` (the kernel tells them); what such an end leaves on the disk, the
next session removes.
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
# Speed, not safety: what a test wrote need not outlive a power cut.
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "log_min_messages=fatal",
)


def _start() -> None:
    from launcher.embedded import Postgres, Valkey
    from launcher.processes import stop

    _sweep()
    data = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    postgres, valkey = Postgres(data), Valkey(data)
    atexit.register(_forget, data)
    log = (data / "servers.log").open("ab")
    if "DATABASE_URL" not in os.environ:
        server = postgres.start(*FAST, output=log)
        atexit.register(stop, server, postgres.ends_by)
        postgres.make_database()
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in os.environ:
        atexit.register(stop, valkey.start(output=log), valkey.ends_by)
        os.environ["REDIS_URL"] = valkey.url


def _forget(data: Path) -> None:
    from launcher.embedded import server_folder, socket_folder

    for gone in (server_folder(data), socket_folder(data), data):
        shutil.rmtree(gone, ignore_errors=True)


def _sweep() -> None:
    """Remove what sessions left that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", left.name)
        if owner and left.stat().st_uid == os.geteuid() and not _alive(int(owner[1])):
            _forget(left)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# the workers of pytest-xdist inherit both
if not {"DATABASE_URL", "REDIS_URL"} <= os.environ.keys():
    _start()
# Playwright's sync API leaves a loop running in the test's thread
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
