"""The connections of clients to a web process: uvicorn's, with bounds on what a client can keep
that is slow, silent, or many. Of these uvicorn has one alone, for the pause between two requests.

A client that we wait for has `patience_seconds`, for its headers, for its body, for reading its
answer. Bytes of body and answer buy more: whoever moves `min_rate` goes on for as long as it takes.
Seconds are counted by a timer of the loop: those in which the process hung are nobody's fault.

A network has so many connections, and a process, too. Where there would be more, the one that has
waited longest for a request gives way; so a client that opens thousands keeps nobody out, not even
a neighbour of the same address. When all are at work, a new one is answered 503. A trusted proxy
has as many as it needs, since it speaks for many; whose streams they are, `live` counts.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from apps.common.networks import Network, address, is_in, network_of

MAX_HEADER_BYTES = 65_536
# of a body in chunks, framing and trailers included: one byte a chunk, as nobody sends it
MAX_FRAMING = 6
DRAINED = 49_152  # bytes that have left the buffer when uvicorn may write again, at least
RETRY_SECONDS = 10
_TOO_LARGE = _("The request is too large.")
REASONS = {
    408: _("The request did not come within %(n)d seconds. Please try again."),
    413: _TOO_LARGE,
    431: _TOO_LARGE,
    503: _(
        "Too many connections are open at once from your network. Please close some, or try again "
        "in %(n)d seconds."
    ),
}


class ClientConnections:
    """All connections of a web process.

    Args:
        proxies: trusted ones, which `max_per_network` does not count.
        max_total: of the process; it needs a file descriptor for each, and others for its work.
        max_per_network: of an IPv4 address, or the /64 of an IPv6 one.
        max_body: bytes of a body that the site would read.
        min_rate: bytes a second.
    """

    def __init__(
        self,
        *,
        proxies: Sequence[Network] = (),
        max_total: int = 10_000,
        max_per_network: int = 256,
        max_body: int = 1_000_000,
        patience_seconds: float = 15.0,
        min_rate: float = 1_000.0,
    ) -> None:
        self.proxies = proxies
        self.max_total, self.max_per_network = max_total, max_per_network
        self.max_request = MAX_HEADER_BYTES + MAX_FRAMING * max_body
        self.patience_seconds, self.min_rate = patience_seconds, min_rate
        # dictionaries as ordered sets: what began to wait last comes last
        self._all: dict[ClientConnection, None] = {}
        self._by_network: dict[Network, dict[ClientConnection, None]] = defaultdict(dict)
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, *args: Any, **options: Any) -> ClientConnection:
        """Make a connection: what uvicorn calls its HTTP protocol class."""
        return ClientConnection(self, *args, **options)

    def __len__(self) -> int:
        return len(self._all)

    def network_of(self, client: tuple[str, int] | None) -> Network | None:
        """Return by what a client is counted; None for a trusted proxy, or a socket."""
        host = address(client[0]) if client else None
        return None if host is None or is_in(self.proxies, host) else network_of(host)

    def add(self, connection: ClientConnection) -> None:
        """Count a new connection, which may have to make room for itself, or is refused."""
        for group, limit in self._groups(connection):
            if len(group) >= limit and not self._make_room(group):
                connection.is_refused = True
        for group, _limit in self._groups(connection):
            group[connection] = None
        if self._timer is None:
            self._timer = connection.loop.call_later(1, self._tick, connection.loop)

    def began_to_wait(self, connection: ClientConnection) -> None:
        for group, _limit in self._groups(connection):
            if connection in group:
                del group[connection]
                group[connection] = None

    def remove(self, connection: ClientConnection) -> None:
        for group, _limit in self._groups(connection):
            group.pop(connection, None)
        if connection.network and not self._by_network[connection.network]:
            del self._by_network[connection.network]
        if self._timer and not self._all:
            self._timer.cancel()
            self._timer = None

    def pass_second(self) -> None:
        """Count a second for every connection, and cut off those without patience left."""
        for connection in list(self._all):
            connection.pass_second()

    def _groups(
        self, connection: ClientConnection
    ) -> Iterator[tuple[dict[ClientConnection, None], int]]:
        yield self._all, self.max_total
        if connection.network:
            yield self._by_network[connection.network], self.max_per_network

    def _make_room(self, group: Mapping[ClientConnection, None]) -> bool:
        """Close the connection that has waited longest for its client. Returns whether there was
        one.
        """
        waiting = next((connection for connection in group if connection.is_waiting), None)
        if waiting is None:
            return False
        waiting.give_way()
        self.remove(waiting)
        return True

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(1, self._tick, loop)
        self.pass_second()


class ClientConnection(HttpToolsProtocol):
    """One connection. It waits for its client, or the client for it."""

    def __init__(self, group: ClientConnections, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.group = group
        self.network: Network | None = None
        self.is_refused = False
        self.patience = group.patience_seconds
        self._request_bytes = 0  # that have come of the present request
        self._moved = 0  # bytes of body or answer, since the last second
        self._unsent = 0  # bytes of answer, a second ago

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a request, or for the rest of one: closing it loses nothing that was
        begun.
        """
        return (
            (self.cycle is None or self.cycle.response_complete or self.cycle.more_body)
            and not self.transport.get_write_buffer_size()
            and not self.transport.is_closing()
        )

    @property
    def _awaits_headers(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    # ------------------------------------------------------------ called by the loop and the parser

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.network = self.group.network_of(self.client)
        self.group.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.group.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_refused:  # now that the client listens
            self._refuse(503)
            return
        self._request_bytes += len(data)
        self._moved += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._awaits_headers and self._request_bytes > MAX_HEADER_BYTES:
            self._refuse(431)
        elif self._request_bytes > self.group.max_request:
            self._cut_off(413)

    def on_response_complete(self) -> None:
        self._request_bytes = 0
        self.patience = self.group.patience_seconds
        self.group.began_to_wait(self)
        super().on_response_complete()

    def resume_writing(self) -> None:
        self._moved += DRAINED
        super().resume_writing()

    # ------------------------------------------------------------ called by the group

    def pass_second(self) -> None:
        moved, self._moved = self._moved, 0
        unsent, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent:
            self._lose_patience(moved + max(unsent - self._unsent, 0))
        elif self._awaits_headers:
            self._lose_patience(0)
        elif self.cycle.more_body and not self.flow.read_paused:
            self._lose_patience(moved)
        else:  # the client waits for us
            self.patience = self.group.patience_seconds

    def _lose_patience(self, moved: int) -> None:
        """Lose a second, less what `moved` bytes buy."""
        self.patience += moved / self.group.min_rate - 1
        self.patience = min(self.patience, self.group.patience_seconds)
        if self.patience <= 0:
            self._cut_off(408)

    def give_way(self) -> None:
        self._cut_off(503)

    # ------------------------------------------------------------ its end

    def _cut_off(self, status: int) -> None:
        """End the connection, with the reason where the client can still be told: not in the
        middle of an answer, and not where it has asked for nothing.
        """
        has_answer = not self._awaits_headers and self.cycle.response_started
        if self._unsent or has_answer:
            self.transport.abort()
        elif self._request_bytes and not self.transport.is_closing():
            self._refuse(status)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        seconds = int(self.group.patience_seconds) if status == 408 else RETRY_SECONDS
        self.transport.write(_answer(status, seconds))
        self.transport.close()


@cache
def _answer(status: int, seconds: int) -> bytes:
    """Return an answer in all languages: its reader's is not known yet."""
    texts = []
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            texts.append(str(REASONS[status]) % {"n": seconds})
    body = "\n".join([*texts, ""]).encode()
    lines = [
        STATUS_LINE[status].strip(),
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"cache-control: no-store",
        b"x-content-type-options: nosniff",
        b"connection: close",
    ]
    if status == 503:
        lines.append(b"retry-after: %d" % seconds)
    return b"\r\n".join([*lines, b"", body])
