"""The file of an archive, as it is sent."""

from __future__ import annotations

import re

from django.http import StreamingHttpResponse

from apps.archives import files
from apps.archives.errors import ArchiveGone
from apps.archives.models import Export
from apps.archives.services import exports
from apps.common.files import sent


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
    response = sent(file)
    response["Content-Type"] = "application/zip"
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
