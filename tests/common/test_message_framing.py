"""Where an HTTP message ends is no matter of opinion: else proxy and site could disagree, and the
rest of one person's request would become the beginning of another's.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.serving import serving

pytestmark = pytest.mark.attack

REST = b"GET /labs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEAD = b"POST /language HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.django_db(transaction=True)
def test_a_message_of_two_lengths_is_refused() -> None:
    messages = [
        HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + REST,
        HEAD + b"Content-Length: 0\r\nContent-Length: 9\r\n\r\n" + REST,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + REST,
        HEAD + b"Content-Length: +0\r\n\r\n" + REST,
    ]
    with serving() as address:
        for message in messages:
            answer = sent(urlsplit(address).port or 0, message)
            assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, message


def sent(port: int, message: bytes) -> bytes:
    """Return all that comes back until the site closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(message)
        return b"".join(iter(lambda: connection.recv(65_536), b""))
