"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket

# the ports that Linux and macOS give to connections of their own accord begin above
BELOW = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that is free, and that no connection of another program is given by chance
    before a server listens there.
    """
    for port in random.SystemRandom().sample(BELOW, 200):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {BELOW.start} to {BELOW.stop} is free")
