"""Clients that are slow, silent or many, over real sockets. Seconds are counted by hand: a patience
of 10,000 does not run out by itself while a test runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from apps.common.asgi import LimitBody
from apps.common.client_connections import MAX_HEADER_BYTES, ClientConnections

pytestmark = pytest.mark.attack

PATIENCE = 10_000
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
STREAM = b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n"
LARGE_BYTES = 30_000_000  # more than the buffers of both sides hold
HALF_HEADERS = GET[:-2]
MAX_BODY = 100_000
REASON = "Too many connections"


def post(length: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % length


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the body has come; `/stream` does not end."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    body = b"x" * LARGE_BYTES if scope["path"] == "/large" else b"answered"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    is_stream = scope["path"] == "/stream"
    await send({"type": "http.response.body", "body": body, "more_body": is_stream})
    if is_stream:
        await receive()  # until the client leaves


class Client:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.port = writer.get_extra_info("sockname")[1]

    async def answer(self) -> str:
        """Read until the site closes the connection."""
        try:
            return (await self.reader.read()).decode()
        except ConnectionResetError:
            return "reset"

    async def status(self) -> int:
        return int((await self.reader.readuntil(b"\r\n")).split()[1])


class Site:
    def __init__(self, **limits: Any) -> None:
        self.connections = ClientConnections(
            **{"max_body": MAX_BODY, "patience_seconds": PATIENCE, **limits}
        )

    async def start(self) -> Site:
        limited = LimitBody(app, max_bytes=MAX_BODY)
        config = uvicorn.Config(limited, log_level="critical", timeout_keep_alive=PATIENCE)
        config.load()
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(
            lambda: self.connections(config=config, server_state=state, app_state={}), "127.0.0.1"
        )
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def client(self, data: bytes = b"", source: str = "127.0.0.1") -> Client:
        """Return a client whose connection, and what it sent, the site has seen."""
        streams = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0), limit=1_000
        )
        client = Client(*streams)
        await until(lambda: self.has(client))
        await self.send(client, data)
        return client

    async def send(self, client: Client, data: bytes) -> None:
        client.writer.write(data)
        await client.writer.drain()
        connection = self.of(client)
        before = connection._request_bytes
        await until(
            lambda: (
                connection._request_bytes == before + len(data)
                or (connection.cycle and connection.cycle.response_complete)
                or connection.is_refused
                or not self.has(client)
            )
        )

    def of(self, client: Client) -> Any:
        return next(c for c in self.connections._all if c.client and c.client[1] == client.port)

    def has(self, client: Client) -> bool:
        return any(c.client and c.client[1] == client.port for c in self.connections._all)

    def pass_seconds(self, count: int) -> None:
        for _second in range(count):
            self.connections.pass_second()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.001)


def on_a_site(**limits: Any) -> Callable[[Callable[[Site], Awaitable[None]]], Callable[[], None]]:
    """Run a test in a loop with a site."""

    def decorated(test: Callable[[Site], Awaitable[None]]) -> Callable[[], None]:
        async def run() -> None:
            await test(await Site(**limits).start())

        def wrapped() -> None:
            asyncio.run(run())

        wrapped.__name__ = test.__name__
        return wrapped

    return decorated


@pytest.mark.parametrize("sent", [HALF_HEADERS, post(100) + b"half"])
def test_half_a_request_is_cut_off_with_the_reason(sent: bytes) -> None:
    async def run() -> None:
        site = await Site().start()
        client = await site.client(sent)
        site.pass_seconds(PATIENCE // 2)
        assert site.has(client)
        site.pass_seconds(PATIENCE // 2)
        answer = await client.answer()
        assert answer.startswith("HTTP/1.1 408 ") and "connection: close" in answer
        assert "did not come within" in answer and "秒" in answer
        await until(lambda: not site.connections)

    asyncio.run(run())


@on_a_site()
async def test_who_asks_for_nothing_is_cut_off_without_a_word(site: Site) -> None:
    client = await site.client()
    site.pass_seconds(PATIENCE)
    assert await client.answer() == ""


@on_a_site(min_rate=1)
async def test_a_body_that_trickles_is_cut_off_and_one_that_is_slow_is_not(site: Site) -> None:
    trickling, slow = await site.client(post(MAX_BODY)), await site.client(post(30_000))
    for _stretch in range(15):
        await site.send(slow, b"x" * 2_000)
        if site.has(trickling):
            await site.send(trickling, b"x")
        site.pass_seconds(PATIENCE // 10)
    assert (await trickling.answer()).startswith("HTTP/1.1 408 ")
    assert await slow.status() == 200


@on_a_site(min_rate=1)
async def test_who_does_not_read_the_answer_is_cut_off_and_who_reads_slowly_is_not(
    site: Site,
) -> None:
    deaf, slow = await site.client(LARGE), await site.client(LARGE)
    await until(lambda: site.of(deaf).transport.get_write_buffer_size())
    read = 0
    while read < LARGE_BYTES:
        chunk = await slow.reader.read(LARGE_BYTES)
        assert chunk, "it was cut off"
        read += len(chunk)
        site.pass_seconds(len(chunk) // 1_000)  # slower than a thousand bytes a second
    await until(lambda: not site.has(deaf))


@on_a_site()
async def test_who_waits_for_the_site_is_never_cut_off(site: Site) -> None:
    viewer = await site.client(STREAM)
    await viewer.status()
    site.pass_seconds(3 * PATIENCE)
    assert site.has(viewer)


@on_a_site(max_per_network=2)
async def test_where_a_network_has_too_many_the_longest_wait_gives_way(site: Site) -> None:
    first, second = await site.client(HALF_HEADERS), await site.client(HALF_HEADERS)
    third = await site.client(GET)
    assert await third.status() == 200
    answer = await first.answer()
    assert answer.startswith("HTTP/1.1 503 ") and REASON in answer and "retry-after: 10" in answer
    assert site.has(second) and len(site.connections) == 2
    elsewhere = await site.client(GET, source="127.0.0.2")
    assert await elsewhere.status() == 200 and len(site.connections) == 3


@on_a_site(max_per_network=2)
async def test_what_is_at_work_does_not_give_way_and_who_is_refused_learns_why(site: Site) -> None:
    viewers = [await site.client(STREAM) for _ in range(2)]
    refused = await site.client(GET)
    answer = await refused.answer()
    assert answer.startswith("HTTP/1.1 503 ") and REASON in answer and "你所在网络" in answer
    assert all(map(site.has, viewers))
    silent = [await site.client() for _ in range(5)]  # refused, too, but asks for nothing
    assert len(site.connections) == 3 and site.has(silent[-1])


@on_a_site(max_per_network=1, proxies=[ip_network("127.0.0.9/32")])
async def test_a_trusted_proxy_has_as_many_as_it_needs(site: Site) -> None:
    proxied = [await site.client(HALF_HEADERS, source="127.0.0.9") for _ in range(5)]
    assert all(map(site.has, proxied))


@on_a_site(max_total=3)
async def test_a_process_has_a_limit_too(site: Site) -> None:
    viewer = await site.client(STREAM, source="127.0.0.2")
    kept_alive = await site.client(GET, source="127.0.0.3")
    idle = await site.client(source="127.0.0.4")
    await site.send(kept_alive, GET)  # so that it has waited less long
    newest = await site.client(GET, source="127.0.0.5")
    assert await newest.status() == 200 and await idle.answer() == ""
    assert site.has(viewer) and site.has(kept_alive)


@on_a_site()
async def test_headers_without_end_are_refused(site: Site) -> None:
    client = await site.client(HALF_HEADERS)
    line = b"X-More: " + b"x" * 1_000 + b"\r\n"
    while site.has(client) and site.of(client)._request_bytes <= MAX_HEADER_BYTES:
        await site.send(client, line)
    assert (await client.answer()).startswith("HTTP/1.1 431 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 2000000000", b"Transfer-Encoding: chunked"])
def test_a_body_of_two_gigabytes_costs_nothing(framing: bytes) -> None:
    async def run() -> None:
        site = await Site().start()
        client = await site.client(b"POST /any HTTP/1.1\r\nHost: here\r\n" + framing + b"\r\n\r\n")
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        sent = 0
        while site.has(client) and not client.reader.at_eof() and sent < 10 * MAX_BODY:
            await site.send(client, chunk)
            sent += len(chunk)
        assert await client.status() == 413
        assert sent < 3 * MAX_BODY

    asyncio.run(run())


@on_a_site()
async def test_trailers_without_end_are_refused(site: Site) -> None:
    client = await site.client(
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    )
    line = b"X-More: " + b"x" * 20_000 + b"\r\n"
    while site.has(client):
        await site.send(client, line)
    assert (await client.answer()).startswith("HTTP/1.1 413 ")
