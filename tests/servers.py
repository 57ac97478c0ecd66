"""A pytest plugin, loaded before Django's: without DATABASE_URL it starts PostgreSQL and Valkey from their wheels for the session.

`DATABASE_URL` and `REDIS_URL` take the tests to servers of one's own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in (str(ROOT), str(ROOT / "platform")):
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _start() -> None:
    from launcher.embedded import Postgres, Valkey

    data = Path(tempfile.mkdtemp(prefix="gradus-tests-"))
    postgres, valkey = Postgres(data), Valkey(data)
    # Speed, not safety: what a test wrote need not outlive a power cut.
    running = [postgres.start("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"), valkey.start()]
    postgres.make_database()
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = postgres.url, valkey.url

    def stop() -> None:
        for server in reversed(running):
            server.terminate() if server is not running[0] else server.send_signal(2)
            server.wait()
        for folder in (data, valkey.folder, *([postgres.cluster.parent] if postgres.account else [])):
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)


if "PYTEST_XDIST_WORKER" not in os.environ and "DATABASE_URL" not in os.environ:
    _start()
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's sync API leaves a loop running in the test's thread
