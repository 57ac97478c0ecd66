"""ASGI middleware before Django: a body that is too large is refused before it is stored."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # of scope, receive, send


class _TooLarge(Exception):
    pass


class LimitBody:
    """Answers 413 to a request whose body has more than `max_bytes`, with or without
    Content-Length.
    """

    def __init__(self, app: App, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.max_bytes:
            await self._refuse(send)
            return
        received, has_started = 0, False

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise _TooLarge
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive_counted, send_and_note)
        except _TooLarge:
            if not has_started:
                await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        detail = f"At most {self.max_bytes} bytes a request."
        body = json.dumps(
            {
                "type": "urn:gradus:too-large",
                "title": "too-large",
                "status": 413,
                "code": "too-large",
                "detail": detail,
            }
        )
        headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})
