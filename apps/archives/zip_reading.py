"""Reading a ZIP file that somebody uploaded: named members alone, into files or memory of bounded
size. Nothing is unpacked by the names that it has inside, so that no name leads anywhere.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from apps.archives.errors import BadArchive
from apps.archives.limits import CHUNK_BYTES, MAX_DIRECTORY_BYTES, MB

# of others the decompressor is not bounded by what is asked of it
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BEGINNING = b"PK\x03\x04"  # of the first member
DIRECTORY_SIZE = 5  # in what `_EndRecData` returns
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP file whose directory is of bounded size.

    Raises:
        BadArchive: it is none, is damaged, or has too many files.
    """
    with path.open("rb") as file:
        try:
            # what ZipFile itself reads, before it makes an object of each file in the directory
            end: Any = zipfile._EndRecData(file)  # type: ignore[attr-defined]
            if end is None:
                raise BadArchive(_reason_of(file))
            if end[DIRECTORY_SIZE] > MAX_DIRECTORY_BYTES:
                raise BadArchive(BadArchive.TOO_MANY_FILES)
            archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise BadArchive(BadArchive.NO_ZIP) from error
        with archive:
            yield archive


def _reason_of(file: BinaryIO) -> str:
    """Return why a file without a directory is none: one that begins as a ZIP file was cut off."""
    file.seek(0)
    return BadArchive.DAMAGED if file.read(4) == BEGINNING else BadArchive.NO_ZIP


def member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo | None:
    """Return the member of this very name; None if there is none.

    Raises:
        BadArchive: there are two, or it is a link, encrypted, or compressed in another way.
    """
    members = [info for info in archive.infolist() if info.filename == name]
    if not members:
        return None
    info = members[0]
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    if len(members) > 1 or is_link or info.flag_bits & 1 or info.compress_type not in METHODS:
        raise BadArchive(BadArchive.DAMAGED)
    return info


def chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> Iterator[bytes]:
    """Yield what a member has, decompressed and counted: the directory may lie about its size.

    Raises:
        BadArchive: it is damaged, or larger than `max_bytes`.
    """
    count = 0
    try:
        with archive.open(info) as file:
            while chunk := file.read(CHUNK_BYTES):
                count += len(chunk)
                if count > max_bytes:
                    raise BadArchive(BadArchive.TOO_LARGE, n=max_bytes // MB)
                yield chunk
    except (*DAMAGED, OSError) as error:
        raise BadArchive(BadArchive.DAMAGED) from error
