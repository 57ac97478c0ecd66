"""Ports for servers of tests."""

from __future__ import annotations

import os
import random
import socket

# Below the ephemeral ports of Linux and macOS; each process of the tests has its own.
FIRST, LAST, PROCESSES = 20_000, 32_000, 12
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
PORTS = range(FIRST + PROCESS, LAST, PROCESSES)


def free_port() -> int:
    """Return a free port that the system will not assign to a connection in the meantime."""
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {PORTS.start} to {PORTS.stop} is free")
