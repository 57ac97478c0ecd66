"""Idempotency keys of what was sent and not answered: the same command again sends the same key, so
that the site carries it out once.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from gradus_client.credentials import write_private
from gradus_client.errors import ConnectionFailed
from gradus_client.transport import new_key

FILE = "unanswered.json"
KEEP_SECONDS = 3600.0  # whoever sends the same later means another


class Unanswered(msgspec.Struct):
    key: str
    at: float


class Pending:
    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.path, self.now = folder / FILE, now

    @contextmanager
    def key(self, *request: Any) -> Iterator[str]:
        """Give the key of a request: that of the last time if it was never answered. It is kept
        before the request is sent, and forgotten once there is an answer.
        """
        text = json.dumps(request, sort_keys=True, default=str)
        name = hashlib.sha256(text.encode()).hexdigest()
        rows = self._read()
        row = rows.setdefault(name, Unanswered(new_key(), self.now()))
        self._write(rows)
        try:
            yield row.key
        except (ConnectionFailed, KeyboardInterrupt):
            raise
        except BaseException:
            self._forget(name)
            raise
        self._forget(name)

    def _forget(self, name: str) -> None:
        rows = self._read()
        rows.pop(name, None)
        self._write(rows)

    def _read(self) -> dict[str, Unanswered]:
        try:
            rows = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Unanswered])
        except (OSError, msgspec.MsgspecError):
            return {}
        begin = self.now() - KEEP_SECONDS
        return {name: row for name, row in rows.items() if begin < row.at <= self.now()}

    def _write(self, rows: dict[str, Unanswered]) -> None:
        if rows or self.path.exists():
            write_private(self.path, msgspec.to_builtins(rows))
