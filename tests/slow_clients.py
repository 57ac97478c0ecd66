"""Clients that keep connections and never finish a request: silent ones, ones that send their
headers a byte a second, and ones that send their body so. Whoever is cut off comes again.

    PYTHONPATH=platform python -m tests.slow_clients PORT COUNT ADDRESSES

It says "open" when all are.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from gradus.file_limit import raise_file_limit

ROOT = Path(__file__).resolve().parents[1]
HEADERS = b"GET /claims HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = b"POST /theme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
FIRST_BYTES = (b"", HEADERS, BODY)


def loopback_addresses(count: int) -> list[str]:
    return [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(count)]


class SlowClients:
    """`count` connections from `addresses` in turn, while the context lasts."""

    def __init__(self, port: int, count: int, addresses: Sequence[str]) -> None:
        self.port, self.addresses = port, addresses
        self.sockets: list[socket.socket | None] = [None] * count
        self.all_open = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        for client in filter(None, self.sockets):
            client.close()

    def _keep(self) -> None:
        while True:
            for nth, client in enumerate(self.sockets):
                if self._over.is_set():
                    return
                if client is None or not self._sends_a_byte(client, nth):
                    self.sockets[nth] = self._opened(nth)
            if all(self.sockets):
                self.all_open.set()
            self._over.wait(1)

    def _opened(self, nth: int) -> socket.socket | None:
        client = socket.socket()
        with suppress(OSError):
            client.bind((self.addresses[nth % len(self.addresses)], 0))
            client.settimeout(10)
            client.connect(("127.0.0.1", self.port))
            client.sendall(FIRST_BYTES[nth % len(FIRST_BYTES)])
            client.setblocking(False)
            return client
        client.close()
        return None

    def _sends_a_byte(self, client: socket.socket, nth: int) -> bool:
        """Send the next byte, if this client sends any. Returns whether it is still connected."""
        try:
            if FIRST_BYTES[nth % len(FIRST_BYTES)]:
                client.send(b"x")
            client.recv(1)  # something came: the end, or why
        except BlockingIOError:
            return True
        except OSError:
            pass
        client.close()
        return False


@contextmanager
def slow_clients(port: int, count: int, addresses: int) -> Iterator[None]:
    """Keep `count` slow connections open, in another process."""
    command = [sys.executable, "-m", "tests.slow_clients", *map(str, (port, count, addresses))]
    environment = os.environ | {"PYTHONPATH": "platform"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as clients:
        assert clients.stdin and clients.stdout
        assert clients.stdout.readline() == b"open\n"
        yield
        clients.stdin.close()


def main() -> None:
    port, count, addresses = map(int, sys.argv[1:])
    raise_file_limit()
    with SlowClients(port, count, loopback_addresses(addresses)) as clients:
        clients.all_open.wait()
        print("open", flush=True)
        sys.stdin.read()  # until whoever started us is done


if __name__ == "__main__":
    main()
