"""The file of an archive, as it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import IO

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from apps.archives import files
from apps.archives.errors import ArchiveGone
from apps.archives.limits import CHUNK_BYTES
from apps.archives.models import Export
from apps.archives.services import exports


def send(export: Export) -> StreamingHttpResponse:
    """Return the answer with a person's archive, and record that they download it.

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
    response = StreamingHttpResponse(_chunks(file), content_type="application/zip")
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    response["Content-Length"] = str(export.size_bytes)
    response["Content-Disposition"] = f'attachment; filename="{export.download_name}"'
    return response


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file's bytes as they are sent, read in a thread."""
    while chunk := await sync_to_async(file.read, thread_sensitive=False)(CHUNK_BYTES):
        yield chunk
