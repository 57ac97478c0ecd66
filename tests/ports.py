"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket

PORTS = range(20_000, 32_000)  # below the ephemeral ports of Linux and macOS


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
