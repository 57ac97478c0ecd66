"""A TCP proxy whose connections can be cut: Playwright's `set_offline` keeps open streams."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine

from tests.ports import free_port


class Proxy:
    """Passes bytes between browsers and one port of this machine, until it is cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = free_port()  # it is listened to again after a cut
        self._run(self._listen())
        self.url = f"http://127.0.0.1:{self.port}"

    def cut(self) -> int:
        """Close every connection, and refuse new ones. Returns how many were open."""
        return self._run(self._cut())

    def mend(self) -> None:
        """Let connections through again."""
        self._run(self._listen())

    def close(self) -> None:
        self._run(self._cut())
        self._run(self._wait_for_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, action: Coroutine[object, object, int]) -> int:
        return int(asyncio.run_coroutine_threadsafe(action, self._loop).result(60))

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, reuse_address=True
        )
        return self.port

    async def _cut(self) -> int:
        self._server.close()
        open_now = len(self._open) // 2
        for end in self._open:
            end.transport.abort()
        self._open.clear()
        return open_now

    async def _wait_for_all(self) -> int:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return len(others)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        both = {writer, far_writer}
        self._open |= both
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        self._open -= both

    @staticmethod
    async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()
