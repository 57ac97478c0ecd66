"""A small SMTP server in a thread: it stores what it receives, and its answers can be set."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class Handler(StreamRequestHandler):
    server: MailServer
    timeout = 60

    def handle(self) -> None:
        if self.server.tls and self.server.implicit:
            self.start_tls()
        self.say("220 ready")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "EHLO":
                tls = self.server.tls and not self.server.implicit
                self.say("250-mail", *(["250-STARTTLS"] if tls else []), "250 AUTH PLAIN")
            elif verb.upper() == "STARTTLS":
                self.say("220 go on")
                self.start_tls()
            elif verb.upper() == "DATA":
                self.receive()
            elif answer := self.server.answers.get(f"{verb.upper()} {rest}"):
                self.say(answer)
            else:
                self.say(self.server.answers.get(verb.upper(), "250 fine"))

    def start_tls(self) -> None:
        assert self.server.tls
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def receive(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.before_answer()
        if "DATA" not in self.server.answers:
            self.server.received.append(b"".join(lines).decode())
        self.say(self.server.answers.get("DATA", "250 taken"))

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class MailServer(ThreadingTCPServer):
    """Has a port from the start, and refuses connections until `listen`.

    `answers`: the replies to a verb, or to a whole line, instead of 250.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.received: list[str] = []
        self.answers: dict[str, str] = {}
        self.before_answer: Callable[[], object] = lambda: None  # to DATA
        self.tls: ssl.SSLContext | None = None
        self.implicit = False  # TLS from the start
        self.thread = threading.Thread(target=self.serve_forever, args=[0.05], daemon=True)

    def listen(self) -> None:
        self.server_activate()
        self.thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that disconnects, or does not trust the certificate."""


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server
        if server.thread.is_alive():
            server.shutdown()
