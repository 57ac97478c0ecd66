"""A small server in a thread, as the target of a webhook: it stores what it receives, and its
answer can be set.
"""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Received:
    line: str  # the first of the request
    headers: dict[str, str]
    body: bytes


class Handler(StreamRequestHandler):
    server: TargetServer
    timeout = 30

    def handle(self) -> None:
        self.server.connections += 1
        if self.server.tls:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
        line = self.rfile.readline().decode().strip()
        headers = {}
        while (header := self.rfile.readline().decode().strip()) != "":
            name, _, value = header.partition(": ")
            headers[name] = value
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        self.server.received.append(Received(line, headers, body))
        self.server.answer(self)

    def say(self, text: str | bytes) -> None:
        self.wfile.write(text if isinstance(text, bytes) else text.encode())


def answers(status: int, body: str = "fine", *headers: str) -> Callable[[Handler], None]:
    """Return an answer with a status and a body."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]

    def answer(handler: Handler) -> None:
        handler.say("\r\n".join([*lines, "", body]))

    return answer


class TargetServer(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), Handler)
        self.host, self.port = host, self.server_address[1]
        self.received: list[Received] = []
        self.connections = 0
        self.answer: Callable[[Handler], None] = answers(200)
        self.tls: ssl.SSLContext | None = None

    def url(self, path: str = "/hook", host: str = "") -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects, or does not trust the certificate."""


@contextmanager
def target_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[TargetServer]:
    with TargetServer(host, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        yield server
        server.shutdown()


def make_certificate(folder: Path, name: str = "127.0.0.1") -> Path:
    """Return the file of a certificate of one's own for an IP address, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target")])
    today = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - day)
        .not_valid_after(today + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear)
    path.write_bytes(certificate.public_bytes(pem) + private)
    return path
