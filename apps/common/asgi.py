"""Django's handler for ASGI, and middleware before it: `/healthz` says that the process works, a
request that cannot be read is refused, a body that is too large before it is stored, only a trusted
proxy says for whom a request is, and a job is done beside the requests of a web process, as long as
it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.common.error_views import bare
from apps.common.errors import Malformed, Refused, TooLarge, TooManyUploads
from apps.common.networks import Address, Network, address, is_in

# middleware whose `process_response` sets headers, and asks nothing of the request but its scheme
POLICIES = (
    "apps.common.middleware.BrowserPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # of scope, receive, send


class Health:
    """Answers `/healthz` itself: a sign of life of the loop that all requests wait for. It asks for
    nothing else, since a process whose database is away must not be taken for one that hangs.
    """

    HEADERS = (
        (b"content-type", b"text/plain"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    )

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/healthz":
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.HEADERS})
        await send({"type": "http.response.body", "body": b"ok\n"})


class Handler(ASGIHandler):
    """Answers 400 in words to a request that Django cannot read before there is a request object.
    Its own handler answers nothing to bytes that are no UTF-8, and fails on a parameter of
    Content-Type in an encoding that nobody knows.
    """

    def create_request(self, scope: Mapping[str, Any], body_file: Any) -> tuple[Any, Any]:
        with suppress(ValueError):
            request, unreadable = super().create_request(scope, body_file)
            if not unreadable:
                return request, None
        return None, _refusal(scope, Malformed)


class BesideRequests:
    """Calls a job every few seconds from the start of a web process to its end, in a thread. It
    waits for the loop that requests wait for: a process that hangs does not call it either.

    Args:
        job: may take as long as it needs, and must not raise.
        seconds: between two calls.
    """

    def __init__(self, app: App, job: Callable[[], None], seconds: float) -> None:
        self.app, self.job, self.seconds = app, job, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()  # lifespan.startup
        repeating = asyncio.create_task(self._repeat())
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        repeating.cancel()
        with suppress(asyncio.CancelledError):
            await repeating
        await send({"type": "lifespan.shutdown.complete"})

    async def _repeat(self) -> None:
        while True:
            await asyncio.to_thread(self.job)
            await asyncio.sleep(self.seconds)


class _NotRead(Exception):
    """A body that is not read to its end."""

    def __init__(self, error: Callable[[], Refused]) -> None:
        super().__init__()
        self.error = error


def _too_large(max_bytes: int) -> Callable[[], Refused]:
    def error() -> Refused:  # in the reader's language, which is chosen when it is answered
        text = _("At most %(size)s can be sent at once. Go back, and send less.")
        return TooLarge(text % {"size": filesizeformat(max_bytes)})

    return error


class LimitBody:
    """Answers 413 to a request whose body has more than `max_bytes`, with or without
    Content-Length. A few addresses may be sent more, by so many requests at once; what is stored of
    a body before anybody knows whose it is stays bounded.

    Args:
        larger: bytes of a body by path, where it may be more.
        max_larger: bodies of more than `max_bytes` at once; another is answered 503.
    """

    def __init__(
        self,
        app: App,
        max_bytes: int,
        larger: Mapping[str, int] | None = None,
        max_larger: int = 4,
    ) -> None:
        self.app, self.max_bytes, self.larger = app, max_bytes, larger or {}
        self.max_larger, self.larger_now = max_larger, 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self.larger.get(scope["path"], self.max_bytes)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > max_bytes:
            await self._refuse(scope, send, _too_large(max_bytes))
            return
        received, has_started, is_larger = 0, False, False

        async def receive_counted() -> Message:
            nonlocal received, is_larger
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise _NotRead(_too_large(max_bytes))
            if received > self.max_bytes and not is_larger:
                if self.larger_now >= self.max_larger:
                    raise _NotRead(TooManyUploads)
                is_larger = True
                self.larger_now += 1
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive_counted, send_and_note)
        except _NotRead as refusal:
            if not has_started:
                await self._refuse(scope, send, refusal.error)
        finally:
            self.larger_now -= is_larger

    async def _refuse(self, scope: Message, send: Send, error: Callable[[], Refused]) -> None:
        response = _refusal(scope, error)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in [*response.items(), ("Connection", "close")]
        ]
        start = {"type": "http.response.start", "status": response.status_code}
        await send(start | {"headers": headers})
        await send({"type": "http.response.body", "body": response.content})


def _refusal(scope: Mapping[str, Any], error: Callable[[], Refused]) -> HttpResponse:
    """Return the answer to a request that Django never read, in the language of its sender."""
    request = _bare_request(scope)
    with translation.override(translation.get_language_from_request(request)):
        return with_policies(request, bare(request, error()))


def with_policies(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return an answer that no middleware has seen with the headers that every other one has."""
    for name in POLICIES:
        middleware = import_string(name)(lambda _request: HttpResponse())  # which nobody calls
        response = middleware.process_response(request, response)
    return response


def _bare_request(scope: Mapping[str, Any]) -> HttpRequest:
    """Return a request with what decides the form and the language of its answer. The whole of it
    may be what Django would not parse.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    request = HttpRequest()
    request.META |= {
        "HTTP_ACCEPT": headers.get(b"accept", "*/*"),
        "HTTP_ACCEPT_LANGUAGE": headers.get(b"accept-language", ""),
    }
    request._get_scheme = lambda: scope["scheme"]  # type: ignore[attr-defined]
    request.COOKIES = parse_cookie(headers.get(b"cookie", ""))
    with suppress(Resolver404):
        request.resolver_match = resolve(scope["path"])
    return request


class TrustProxies:
    """Takes the client's address and the scheme from X-Forwarded-For and X-Forwarded-Proto if the
    connection comes from one of `proxies`. Of anybody else's request these headers change nothing.
    An IPv4 address is one also where the system has it in IPv6 (::ffff:203.0.113.7).
    """

    def __init__(self, app: App, proxies: Sequence[Network]) -> None:
        self.app, self.proxies = app, proxies

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        host, port = scope.get("client") or ("", 0)  # nobody, behind a socket
        peer = address(host)
        if peer is not None:
            scope = {**scope, "client": (str(peer), port)}
            if is_in(self.proxies, peer):
                client = client_address(peer, values_of(scope, b"x-forwarded-for"), self.proxies)
                schemes = values_of(scope, b"x-forwarded-proto")[-1:]
                scope["client"] = (str(client), 0)
                if schemes in (["http"], ["https"]):
                    scope["scheme"] = schemes[0]
        await self.app(scope, receive, send)


def client_address(peer: Address, forwarded: Sequence[str], proxies: Sequence[Network]) -> Address:
    """Return for whom a trusted proxy `peer` speaks: the right-most of the `forwarded` addresses
    that is no trusted proxy. What stands left of it anybody may have written, so a right-most entry
    that is no address leaves the proxy before it.
    """
    client = peer
    for entry in reversed(forwarded):
        hop = address(entry)
        if hop is None:
            break
        client = hop
        if not is_in(proxies, hop):
            break
    return client


def values_of(scope: Message, header: bytes) -> list[str]:
    """Return the values of a header, those of every line of it, without the empty ones."""
    lines = [value.decode("latin1") for name, value in scope["headers"] if name == header]
    return [value.strip() for value in ",".join(lines).split(",") if value.strip()]
