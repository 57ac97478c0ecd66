"""`/healthz`: a sign of life of a web process, which depends on nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.common.asgi import Health, Message


def ask(path: str, kind: str = "http") -> list[Message]:
    """Return what is sent in answer; the site behind it says that it was asked."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def site(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "the site was asked"})

    scope = {"type": kind, "path": path, "headers": []}
    asyncio.run(Health(site)(scope, None, send))  # type: ignore[arg-type]
    return sent


def test_it_answers_without_the_site_behind_it() -> None:
    start, body = ask("/healthz")
    assert start["status"] == 200 and body["body"] == b"ok\n"
    assert (b"cache-control", b"no-store") in start["headers"]


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "http"), ("/healthz/", "http"), ("/healthz", "websocket")]
)
def test_everything_else_goes_to_the_site(path: str, kind: str) -> None:
    assert ask(path, kind) == [{"type": "the site was asked"}]


def test_the_site_has_it_before_everything_else() -> None:
    from gradus.asgi import application

    assert isinstance(application, Health)
