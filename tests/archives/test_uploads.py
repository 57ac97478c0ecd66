"""A body may be large at one address alone, and few of them come at once."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.common.asgi import LimitBody

pytestmark = pytest.mark.attack
LARGER, CHUNK = "/settings/data/import", 10


class Sender:
    """Sends a body in chunks of ten bytes; what happens within the last is given."""

    def __init__(self, limited: LimitBody, path: str, size: int) -> None:
        self.limited, self.left, self.status = limited, size, 0
        self.scope = {"type": "http", "path": path, "headers": [], "query_string": b""}
        self.within: list[Sender] = []

    async def receive(self) -> dict[str, Any]:
        size = min(CHUNK, self.left)
        self.left -= size
        if not self.left:
            for other in self.within:
                await other.send_all()
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(self.left)}

    async def note(self, message: Any) -> None:
        self.status = message.get("status", self.status)

    async def send_all(self) -> None:
        await self.limited(self.scope, self.receive, self.note)


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def limited() -> LimitBody:
    return LimitBody(reads_all, max_bytes=25, larger={LARGER: 100}, max_larger=2)


def status(limited: LimitBody, path: str, size: int, *within: Sender) -> int:
    sender = Sender(limited, path, size)
    sender.within = list(within)
    async_to_sync(sender.send_all)()
    return sender.status


@pytest.mark.parametrize(
    ("path", "size", "expected"),
    [("/other", 20, 200), ("/other", 30, 413), (LARGER, 100, 200), (LARGER, 101, 413)],
)
def test_only_one_address_takes_more(
    limited: LimitBody, path: str, size: int, expected: int
) -> None:
    assert status(limited, path, size) == expected


def test_so_many_large_bodies_come_at_once_and_room_is_made_again(limited: LimitBody) -> None:
    third, small = Sender(limited, LARGER, 60), Sender(limited, LARGER, 20)
    second = Sender(limited, LARGER, 60)
    second.within = [third, small]
    assert status(limited, LARGER, 60, second) == 200
    assert (second.status, third.status, small.status) == (200, 503, 200)
    assert limited.larger_now == 0
    assert status(limited, LARGER, 60) == 200
    assert status(limited, LARGER, 200) == 413 and limited.larger_now == 0
