"""A server of S3's protocol with one bucket, in the test's process: objects are stored, read, asked
for and deleted. What the site's client sends is real HTTP.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Bucket(ThreadingHTTPServer):
    """`objects` by key; `requests` as they came; `broken`: every answer is 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, authorization
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://KEY:SE%2FCRET@127.0.0.1:{self.server_port}/pictures-of-a-site?region=here"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        signature = self.headers.get("Authorization", "")
        self.server.requests.append((self.command, self.path, signature))
        _empty, bucket, key = self.path.split("?")[0].split("/", 2)
        objects = self.server.objects
        if self.server.broken:
            return self._answer(500)
        if bucket != "pictures-of-a-site" or "Credential=KEY/" not in signature:
            return self._answer(403)
        if self.command == "PUT":
            objects[key] = body
            return self._answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        if self.command == "DELETE":
            objects.pop(key, None)
            return self._answer(204)
        if key not in objects:
            return self._answer(404)
        return self._answer(200, objects[key], Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT")

    do_GET = do_HEAD = do_PUT = do_DELETE = _handle

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def bucket() -> Iterator[Bucket]:
    server = Bucket()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
