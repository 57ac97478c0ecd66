"""The file of an archive, as it is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import IO

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from apps.archives import files
from apps.archives.errors import ArchiveGone
from apps.archives.limits import CHUNK_BYTES
from apps.archives.models import Export
from apps.archives.services import exports


def send(export: Export, asked_range: str = "") -> StreamingHttpResponse:
    """Return the answer with a person's archive, and record that they download it.

    Args:
        asked_range: the header `Range` of who goes on with a download that was cut. A file never
            changes, so that what they have is its beginning.
    Raises:
        ArchiveGone: it is not ready, or its file was deleted.
    """
    try:
        file = files.path_of(export.file_name).open("rb") if export.is_ready else None
    except FileNotFoundError:
        file = None
    if file is None:
        raise ArchiveGone
    exports.note_download(export=export)
    size = export.size_bytes or 0
    start = first_byte(asked_range, size)
    file.seek(start)
    response = StreamingHttpResponse(_chunks(file), content_type="application/zip")
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(size - start)
    if start:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    response["Content-Disposition"] = f'attachment; filename="{export.download_name}"'
    return response


def first_byte(asked_range: str, size: int) -> int:
    """Return where the rest of a file begins that somebody asks for; 0 for all of it, as for every
    other range: a server may send all of a file for any.
    """
    rest = re.fullmatch(r"bytes=(\d{1,15})-", asked_range, re.ASCII)
    start = int(rest[1]) if rest else 0
    return start if start < size else 0


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file's bytes as they are sent, read in a thread."""
    while chunk := await sync_to_async(file.read, thread_sensitive=False)(CHUNK_BYTES):
        yield chunk
