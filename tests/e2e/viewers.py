"""Many viewers of one run: streams of server-sent events, read as a browser would."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict

import httpx


class Viewer:
    """What one viewer has received."""

    def __init__(self) -> None:
        self.listens = False
        self.state = ""
        self.numbers: list[int] = []  # of the batches, as they came
        # steps by arm and series
        self.curves: dict[tuple[str, str], list[float]] = defaultdict(list)

    def take(self, event: str, number: str, data: dict[str, object]) -> None:
        if event == "state":
            self.state = str(data["state"])
        elif event == "points":
            self.numbers.append(int(number))
            self.curves[str(data["arm"]), str(data["series"])] += data["step"]  # type: ignore[operator]
        elif event == "reset":
            self.numbers.append(int(number))
            self.curves.clear()


class Viewers:
    """Viewers in a thread of their own, from now until the run has ended."""

    def __init__(self, url: str, path: str, session: str, viewers: int) -> None:
        self.viewers = [Viewer() for _ in range(viewers)]
        self._url, self._path, self._cookies = url, path, {"sid": session}
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def listening(self) -> int:
        return sum(viewer.listens for viewer in self.viewers)

    def wait(self, seconds: float) -> None:
        """Wait until every stream has ended."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "a stream did not end with its run"
        assert not self._failed, self._failed

    def _watch(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._failed.append(error)

    async def _all(self) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self._url, cookies=self._cookies, limits=limits, timeout=60, trust_env=False
        ) as client:
            await asyncio.gather(*(self._one(client, viewer) for viewer in self.viewers))

    async def _one(self, client: httpx.AsyncClient, viewer: Viewer) -> None:
        event = number = ""
        async with client.stream("GET", self._path) as answer:
            assert answer.status_code == 200, answer.status_code
            viewer.listens = True
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "id":
                    number = value
                elif name == "data":
                    viewer.take(event, number, json.loads(value))
