"""What a worker and its lab process say to each other: records in msgpack, each behind its length,
over a pair of pipes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from workers.wire import Device, Event, Result


class Ready(Struct, frozen=True, tag=True):
    """The lab process has imported everything, and waits. What it says of itself is what runs are
    claimed with.
    """

    pid: int
    device: Device
    labs: dict[str, str]  # slug to the SHA-256 of the code that it imported
    engine: str
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
    points_expected: int  # and will have; 0: it cannot say


class Ended(Struct, frozen=True, tag=True):
    """The last word of a lab process that came to an end by itself."""

    result: Result


Message = Ready | Start | Batch | Ended
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Line:
    """One end of the pair. Any thread may send; one thread receives."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = os.fdopen(reading, "rb")
        self._writing = writing
        self._turn = threading.Lock()

    def send(self, message: Message) -> None:
        """Write a record, waiting while the pipe is full.

        Raises:
            OSError: nobody reads any more.
        """
        body = _encode(message)
        frame = memoryview(len(body).to_bytes(4, "little") + body)
        with self._turn:
            while frame:
                frame = frame[os.write(self._writing, frame) :]

    def receive(self) -> Message | None:
        """Return the next record; None when the other end is closed, or broke off within one.

        Raises:
            msgspec.DecodeError: what came is no record.
        """
        size = int.from_bytes(self._reading.read(4), "little")
        body = self._reading.read(size)
        return _decode(body) if size and len(body) == size else None

    def __iter__(self) -> Iterator[Message]:
        while (message := self.receive()) is not None:
            yield message

    def close(self) -> None:
        """Close both pipes. Only for the thread that receives, when it has heard the end."""
        with self._turn:
            self._reading.close()
            os.close(self._writing)
            self._writing = -1  # its number may soon mean another file
