"""What stands before Django: a body larger than any of ours is refused before it is stored."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # of scope, receive, send


class _TooLong(Exception):
    pass


class LimitBody:
    """Answer 413 to a request whose body is longer than `most` bytes, said beforehand or not."""

    def __init__(self, app: App, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > self.most:
            await self._refuse(send)
            return
        counted, begun = 0, False

        async def receive_counted() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > self.most:
                raise _TooLong
            return message

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive_counted, send_noted)
        except _TooLong:
            if not begun:
                await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        detail = f"At most {self.most} bytes a request."
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
