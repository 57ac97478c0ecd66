"""Requests that no browser sends, byte by byte over a connection: refused or closed, never a fault
of ours, and the next one is answered.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.serving import serving

pytestmark = [pytest.mark.attack, pytest.mark.django_db(transaction=True)]
CLOSED = 0  # without an answer
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
HEAD = b"Host: {host}\r\nConnection: close\r\n"


def get(path: bytes = b"/", *lines: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + HEAD + b"".join(lines) + b"\r\n"


def post(body: bytes, *lines: bytes, path: bytes = b"/theme") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\n" + HEAD + length + b"".join(lines) + b"\r\n" + body


def typed(content_type: bytes, body: bytes = b"theme=dark") -> bytes:
    return post(body, b"Content-Type: " + content_type + b"\r\n")


REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "HTTP 0.9": b"GET /\r\n\r\n",
    "a version that is none": b"GET / HTTP/9.9\r\n" + HEAD + b"\r\n",
    "a method that is none": b"\xff\xfe / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "another method": b"PURGE /labs HTTP/1.1\r\n" + HEAD + b"\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "an absolute address": get(b"http://evil.example/labs"),
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two Hosts": get(b"/", b"Host: evil.example\r\n"),
    "bytes in a path": get(b"/\xff\xfe\xed\xa0\x80"),
    "escaped bytes in a path": get(b"/labs/%ff%fe%ed%a0%80"),
    "NUL in a path": get(b"/labs/a%00b"),
    "broken escapes in a path": get(b"/labs/%%%zz%u0041%"),
    "line ends in a path": get(b"/labs/%0d%0aSet-Cookie:%20sid=evil"),
    "dots in a path": get(b"/static/../../../../etc/passwd"),
    "escaped dots in a path": get(b"/static/%2e%2e%2f%2e%2e%2fetc/passwd"),
    "a file with NUL": get(b"/static/build/app.css%00.html"),
    "a long path": get(b"/" + b"x" * 60_000),
    "bytes in a query": get(b"/labs?page=\xff\xfe"),
    "escaped bytes in a query": get(b"/labs?page=%ff&%ed%a0%80=1&=&&;"),
    "many fields in a query": get(b"/labs?" + b"a=1&" * 12_000),
    "a header without a name": get(b"/", b": x\r\n"),
    "a header with a space": get(b"/", b"Accept : text/html\r\n"),
    "NUL in a header": get(b"/", b"Accept: a\x00b\r\n"),
    "bytes in every header": get(
        b"/",
        *(
            name + b": \xff\xfe\xe9\r\n"
            for name in (b"Accept", b"Accept-Language", b"Cookie", b"Referer", b"User-Agent")
        ),
    ),
    "very many headers": get(b"/", *(b"X-%d: 1\r\n" % n for n in range(3_000))),
    "a header of 200 kB": get(b"/", b"X-Long: " + b"x" * 200_000 + b"\r\n"),
    "a header on two lines": get(b"/", b"Accept: text/html,\r\n text/plain\r\n"),
    "cookies that are none": get(b"/", b'Cookie: =; ;;a="\\;sid; sid="\\000"; csrf=%00\r\n'),
    "a cookie of 60 kB": get(b"/", b"Cookie: sid=" + b"x" * 60_000 + b"\r\n"),
    "dates and ranges": get(
        b"/static/build/app.css",
        b"If-Modified-Since: 99 Foo -1\r\nRange: bytes=-9999999999999999999999,5-1\r\n",
        b'If-None-Match: "\r\n',
    ),
    "languages without end": get(b"/", b"Accept-Language: " + b"zh;q=9e999," * 1_000 + b"\r\n"),
    "an encoding by name": typed(b"application/x-www-form-urlencoded; charset=rot13"),
    "an encoding that is compression": typed(b"application/x-www-form-urlencoded; charset=zlib"),
    "an encoding that is none": typed(b"application/x-www-form-urlencoded; charset=\xff"),
    "a parameter in an unknown encoding": typed(b"text/plain; charset*=nobody''utf-8"),
    "a parameter with NUL": typed(b"text/plain; charset*=utf-8''utf%00-8"),
    "a parameter in no encoding": typed(b"text/plain; charset*=undefined''%ff"),
    "a long content type": typed(b"text/plain; " + b"a=b;" * 12_000),
    "quotes in a content type": typed(b'multipart/form-data; boundary="\\"; charset="'),
    "two content types": post(b"theme=dark", FORM, FORM),
    "a boundary of bytes": typed(b"multipart/form-data; boundary=\xff\xfe"),
    "a long boundary": typed(b"multipart/form-data; boundary=" + b"x" * 5_000),
    "a length that is none": b"POST /theme HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n",
    "a negative length": b"POST /theme HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n",
    "a length without end": (
        b"POST /theme HTTP/1.1\r\n" + HEAD + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n"
    ),
    "a huge length": b"POST /theme HTTP/1.1\r\n" + HEAD + b"Content-Length: 99999999999\r\n\r\n",
    "two lengths": post(b"theme=dark", b"Content-Length: 3\r\n", FORM),
    "length and chunks": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n", FORM),
    "chunks that are none": (
        b"POST /theme HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    ),
    "a chunk of any size": (
        b"POST /theme HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        b"ffffffffffffffffffff\r\nx"
    ),
    "an encoding that nobody has": post(b"x", b"Transfer-Encoding: gzip\r\n", FORM),
    "a websocket": get(
        b"/", b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"
    ),
    "HTTP 2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a second request inside the first": get(b"/labs") + b"GET /admin/ HTTP/1.1\r\n\r\n",
    "the worker API, junk for a token": post(
        b"{}", b"Authorization: Worker \xff\xfe\r\n", path=b"/api/worker/v1/lease"
    ),
    "the worker API, another scheme": post(
        b"{}", b"Authorization: Basic " + b"=" * 9_000 + b"\r\n", path=b"/api/worker/v1/lease"
    ),
}


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, int]]:
    with serving() as url:
        yield str(urlsplit(url).hostname), int(urlsplit(url).port or 0)


def status_of(site: tuple[str, int], request: bytes) -> tuple[int, bytes]:
    """Send bytes until the site closes the connection; return status and answer."""
    host = f"{site[0]}:{site[1]}".encode()
    with socket.create_connection(site, timeout=60) as connection:
        received = bytearray()
        try:
            connection.sendall(request.replace(b"{host}", host))
            while block := connection.recv(65536):
                received += block
        except ConnectionError:  # it was closed while we still sent
            pass
    answer = STATUS.match(received)
    return (int(answer[1]) if answer else CLOSED), bytes(received)


def test_bytes_that_are_no_request_of_ours_are_no_fault_of_ours(
    site: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """In one test: the tables are emptied after each."""
    faults = []
    for what, request in REQUESTS.items():
        status, answer = status_of(site, request)
        head, _, body = answer.partition(b"\r\n\r\n")
        if status >= 500 or b"sid=evil" in head or b"root:x:" in body:
            faults.append(f"{what}: {answer[:200]!r}")
        if status_of(site, get(b"/settings"))[0] != 302:
            faults.append(f"after {what} nobody is answered")
    assert not faults, "\n".join(faults)
    assert "Exception in ASGI application" not in caplog.text


@pytest.mark.parametrize(
    ("language", "words"), [(b"en", b"could not be processed"), (b"zh", "无法处理".encode())]
)
def test_what_django_cannot_read_is_refused_in_words(
    site: tuple[str, int], language: bytes, words: bytes
) -> None:
    asked = typed(b"text/plain; charset*=nobody''utf-8\r\nAccept-Language: " + language)
    status, answer = status_of(site, asked)
    assert status == 400 and words in answer
