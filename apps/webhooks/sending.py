"""One attempt at a delivery: a POST over a socket of our own, to an IP address that was checked.

The name of a target is looked up once. If each of its addresses may be connected to (`targets`),
the socket is opened to one of these very addresses, never to the name again: whoever answers a
second look-up with another address (DNS rebinding) changes nothing. No proxy, no redirect, no
cookie, no connection that is kept; what a target answers is read up to a bound, and the whole
attempt has a deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from apps.common.networks import Address
from apps.common.text import clean, displayable
from apps.webhooks.failures import Failed, Failure
from apps.webhooks.limits import (
    ATTEMPT_SECONDS,
    CONNECT_SECONDS,
    EXCERPT_SECONDS,
    MAX_ADDRESSES,
    MAX_EXCERPT_BYTES,
    MAX_HEAD_BYTES,
)
from apps.webhooks.targets import Target, may_connect


@dataclass(frozen=True)
class Answer:
    """What a target answered."""

    status: int
    excerpt: str  # the beginning of the body

    @property
    def failure(self) -> Failure | None:
        if 200 <= self.status < 300:
            return None
        return Failure.REDIRECT if 300 <= self.status < 400 else Failure.STATUS


class Deadline:
    """The instant by which an attempt is over."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self, at_most: float = ATTEMPT_SECONDS) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: none.
        """
        seconds = min(self.at - time.monotonic(), at_most)
        if seconds <= 0:
            raise TimeoutError
        return seconds


def post(target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a body to a target, and return what it answers.

    Args:
        headers: in ASCII, without line breaks.
    Raises:
        Failed: there was no answer.
    """
    deadline = Deadline(ATTEMPT_SECONDS)
    try:
        with _connected(target, deadline) as connection:
            _send(connection, _head(target, headers, body) + body, deadline)
            return _answer(connection, deadline)
    except TimeoutError:
        raise Failed(Failure.TIMEOUT) from None
    except ssl.SSLError as error:
        raise Failed(Failure.TLS, error.reason or error) from None
    except (http.client.HTTPException, ValueError) as error:
        raise Failed(Failure.PROTOCOL, type(error).__name__) from None
    except OSError as error:
        raise Failed(Failure.CONNECTION, error.strerror or error) from None


# ---------------------------------------------------------------- the connection


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host, to each of which this site may connect.

    Raises:
        Failed: there is none, or one to which it may not: then none of them is trusted.
    """
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        addresses = list(dict.fromkeys(ip_address(row[4][0]) for row in rows))
    except (OSError, ValueError, UnicodeError):
        raise Failed(Failure.ADDRESS) from None
    if not addresses or not all(map(may_connect, addresses)):
        raise Failed(Failure.ADDRESS)
    return addresses


def _connected(target: Target, deadline: Deadline) -> socket.socket:
    """Return a connection to one of the addresses of a target, with TLS if it says https."""
    addresses = resolve(target.host, target.port)[:MAX_ADDRESSES]
    connection = _first_open(addresses, target.port, deadline)
    if target.scheme == "http":
        return connection
    try:
        connection.settimeout(deadline.left())
        return tls_context().wrap_socket(connection, server_hostname=target.host)
    except BaseException:
        connection.close()
        raise


def _first_open(addresses: list[Address], port: int, deadline: Deadline) -> socket.socket:
    """Open a socket to the first address that takes it, within CONNECT_SECONDS in all."""
    until = Deadline(min(CONNECT_SECONDS, deadline.left()))
    problem: OSError = OSError("no address")
    for place, address in enumerate(addresses):
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            # one that is silent leaves time for the next
            connection.settimeout(until.left() / (1 if place == len(addresses) - 1 else 2))
            connection.connect((str(address), port))
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise Failed(Failure.CONNECTION, problem.strerror or "timed out")


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return how targets prove who they are: by a certificate for their name, of an authority that
    the system trusts (or of SSL_CERT_FILE). TLS 1.2 or newer.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


# ---------------------------------------------------------------- request and answer


def _head(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    assert not any("\r" in line or "\n" in line for line in lines)
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


def _send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(deadline.left())
        rest = rest[connection.send(rest) :]


class _Bounded(io.RawIOBase):
    """What comes over a connection, until a deadline and up to a number of bytes."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self.connection, self.deadline, self.bytes_left = connection, deadline, MAX_HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.bytes_left <= 0:
            raise http.client.LineTooLong("answer")
        self.connection.settimeout(self.deadline.left())
        count = self.connection.recv_into(memoryview(buffer)[: self.bytes_left])
        self.bytes_left -= count
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file that http.client reads."""
        return io.BufferedReader(self, buffer_size=1024)


def _answer(connection: socket.socket, deadline: Deadline) -> Answer:
    bounded = _Bounded(connection, deadline)
    response = http.client.HTTPResponse(bounded, method="POST")  # type: ignore[arg-type]
    response.begin()
    # the status has decided: a body that comes slowly, or breaks off, changes nothing
    bounded.deadline = Deadline(min(EXCERPT_SECONDS, deadline.left()))
    bounded.bytes_left = 4 * MAX_EXCERPT_BYTES  # with the sizes of chunks
    return Answer(response.status, _excerpt(response))


def _excerpt(response: http.client.HTTPResponse) -> str:
    content = b""
    try:
        while len(content) < MAX_EXCERPT_BYTES:
            part = response.read1(MAX_EXCERPT_BYTES - len(content))
            if not part:
                break
            content += part
    except (OSError, http.client.HTTPException, ValueError):
        pass
    return displayable(clean(content.decode("utf-8", "replace"))).strip()
