"""Writing an archive: one ZIP file, row by row, so that memory does not grow with what somebody
has.

The formats are described in docs/own-data.md, with what an import takes from them.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec
from django.conf import settings
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.archives import anki_package, contents
from apps.archives.limits import CHUNK_BYTES, CHUNK_ROWS
from apps.common.clock import now
from apps.discussions import picture_files
from apps.discussions.models import Picture
from apps.experiments import selectors, series

FORMAT, VERSION = "gradus-archive", 1
README, JSON, PACKAGE = "README.txt", "gradus.json", "gradus.apkg"


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


OnStep = Callable[[], None]
encode = msgspec.json.Encoder(decimal_format="number").encode


def count(user: User) -> int:
    """Return how many steps writing an archive has: rows, runs, pictures and cards."""
    of_files = user.runs.count() + user.pictures.count()
    return contents.count(user) + of_files + anki_package.count_notes(user)


def write(path: Path, user: User, on_step: OnStep = lambda: None) -> None:
    """Write the archive of a person.

    Args:
        on_step: called after each row, run, picture and card; what it raises ends the writing.
    """
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr(README, render_to_string("archives/readme.txt", {"user": user}))
        with archive.open(JSON, "w", force_zip64=True) as file:
            for line in _json_lines(user, on_step):
                file.write(line)
        for run, shows_verdict in contents.runs_of(user):
            if shows_verdict:
                _, curves = selectors.points_of(run)
                with archive.open(contents.points_file(run), "w", force_zip64=True) as file:
                    _write_csv(file, series.csv_rows(curves))
            on_step()
        for picture in user.pictures.order_by("pk").iterator(chunk_size=CHUNK_ROWS):
            _write_picture(archive, picture)
            on_step()
        with tempfile.TemporaryDirectory(prefix="gradus-archive-") as folder:
            package = Path(folder) / PACKAGE
            anki_package.write_package(package, user, on_step)
            with package.open("rb") as source:
                _copy(source, package.name, archive)


def _json_lines(user: User, on_step: OnStep) -> Iterator[bytes]:
    """Yield one JSON object, a line for each row."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "site": settings.SITE_URL,
        "created_at": now(),
        "account": contents.account(user),
    }
    yield encode(head)[:-1]
    for section in contents.SECTIONS:
        yield b',\n"%s": [' % section.name.encode()
        separator = b"\n"
        for row in section.rows(user):
            yield separator + encode(row)
            separator = b",\n"
            on_step()
        yield b"]"
    yield b"}\n"


def _write_csv(file: IO[bytes], rows: Iterator[list[Any]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text).writerows(rows)
    text.flush()
    text.detach()


def _write_picture(archive: ZipFile, picture: Picture) -> None:
    """Copy the file of a picture; one that is gone, as it was deleted meanwhile, is left out."""
    with suppress(FileNotFoundError), picture_files.open_file(picture) as source:
        _copy(source, contents.picture_file(picture), archive)


def _copy(source: Readable, name: str, archive: ZipFile) -> None:
    """Copy a file that is compressed already."""
    info = ZipInfo(name, date_time=now().timetuple()[:6])
    info.compress_type = ZIP_STORED
    with archive.open(info, "w", force_zip64=True) as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(chunk)
