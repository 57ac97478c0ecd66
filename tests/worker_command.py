"""The command that starts a worker, as documented in `workers/app.py`."""

from __future__ import annotations

import sys

# of Celery; without what workers tell each other, they start sooner
WORKER_ARGUMENTS = (
    "-A",
    "workers.app",
    "worker",
    "-Q",
    "labs,bench",
    "--without-gossip",
    "--without-mingle",
)
WORKER_COMMAND = (sys.executable, "-m", "celery", "--quiet", *WORKER_ARGUMENTS)
