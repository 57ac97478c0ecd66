"""Uploaded files in a folder of this machine, and files that are sent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.core.files.storage import FileSystemStorage
from django.http import StreamingHttpResponse

CHUNK_BYTES = 1 << 16  # of a file that is sent
UNFINISHED = ".new"  # ends the name of a file that is being written; a backup leaves it out


class WholeFileStorage(FileSystemStorage):
    """A file takes its name when all of it is on the disk, in place of an older one of that name: a
    reader, a backup or a crash never meets half of one. Files and folders are their account's
    alone, as the data folder is.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=UNFINISHED, dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return name


class Sendable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def sent(file: Sendable) -> StreamingHttpResponse:
    """Return the answer that sends an open file from where it stands, and closes it."""
    response = StreamingHttpResponse(_chunks(file))
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    return response


async def _chunks(file: Sendable) -> AsyncIterator[bytes]:
    """Yield a file's bytes as they are sent, read in a thread."""
    while chunk := await sync_to_async(file.read, thread_sensitive=False)(CHUNK_BYTES):
        yield chunk
