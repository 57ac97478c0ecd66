"""The messages between a worker and its lab process, over a pair of pipes.

    lab process -> worker   Ready       once, when it can take a run
    worker -> lab process   Start       once, the run
    lab process -> worker   Batch ...   points, at most every REPORT_SECONDS
    lab process -> worker   Ended       once; then the process exits

A message is four bytes of length (little endian), then a msgpack map with its type in `type`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from workers.wire import Device, Event, Result

# at least, between two batches of a lab process, and between two reports of its run to the site
REPORT_SECONDS = 0.1


class Ready(Struct, frozen=True, tag=True):
    """The lab process has imported everything, and waits. Runs are leased for what it reports."""

    pid: int
    device: Device
    labs: dict[str, str]  # slug to the hash of the code that it imported
    engine: int  # version
    versions: dict[str, str]


class Start(Struct, frozen=True, tag=True):
    """The run to do."""

    lab: str
    config: dict[str, Any]
    replicates: int
    seed: int
    threads: int  # to compute with; 0: as many as the process was started with


class Batch(Struct, frozen=True, tag=True):
    """Points since the last batch."""

    events: list[Event]
    points_done: int  # points that the lab has yielded
    points_expected: int  # and will have yielded at its end; 0: unknown


class Ended(Struct, frozen=True, tag=True):
    """How the run ended, if the lab process lived to its end: succeeded or failed."""

    result: Result


Message = Ready | Start | Batch | Ended
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Channel:
    """One end of the pair of pipes. Any thread may send; a single thread receives."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = os.fdopen(reading, "rb")
        self._writing = writing
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write a message, waiting while the pipe is full.

        Raises:
            OSError: the other end is closed.
        """
        body = _encode(message)
        frame = memoryview(len(body).to_bytes(4, "little") + body)
        with self._lock:
            while frame:
                frame = frame[os.write(self._writing, frame) :]

    def receive(self) -> Message | None:
        """Return the next message; None at the end of the stream, even within a message.

        Raises:
            msgspec.DecodeError: the bytes are not a message.
        """
        size = int.from_bytes(self._reading.read(4), "little")
        body = self._reading.read(size)
        return _decode(body) if size and len(body) == size else None

    def __iter__(self) -> Iterator[Message]:
        while (message := self.receive()) is not None:
            yield message

    def close(self) -> None:
        """Close both pipes: only for the receiving thread, after the end of the stream."""
        with self._lock:
            self._reading.close()
            os.close(self._writing)
            self._writing = -1  # the descriptor may be reused for another file
