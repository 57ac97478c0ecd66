"""Reading the collection of an Anki package that somebody uploaded, in any of its formats: SQLite
files, `collection.anki2` and `.anki21`, or one that is compressed with zstd, `.anki21b`.

The file may be anything. It is opened read-only, without extensions, triggers and views; SQLite may
read four tables and call nothing, with bounded steps; and each value is checked, since a column of
SQLite holds values of any type.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection as Sized
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import zstandard

from apps.archives import zip_reading
from apps.archives.errors import BadArchive
from apps.archives.limits import (
    CHUNK_BYTES,
    MAX_CARDS,
    MAX_COLLECTION_BYTES,
    MAX_COLLECTION_STEPS,
    MAX_FIELDS_BYTES,
    MAX_NOTES,
    MAX_REVIEWS,
    MAX_ZSTD_WINDOW_BYTES,
    MB,
)

NEWEST, NAMES = "collection.anki21b", ("collection.anki21", "collection.anki2")
TABLES = ("notes", "cards", "revlog")
FIELD_SEPARATOR = "\x1f"
STEP = 100_000  # instructions of SQLite between two counts
SUSPENDED = -1
MANUAL, CRAM = 4, 3  # revlog.type: set by hand, and studied ahead without effect


@dataclass(frozen=True)
class AnkiNote:
    id: int
    guid: str
    fields: list[str]  # HTML


@dataclass(frozen=True)
class AnkiCard:
    id: int
    note_id: int
    place: int  # of its template in the note, from 0
    suspended: bool
    interval: int  # days; 0: none yet


@dataclass(frozen=True)
class AnkiReview:
    card_id: int
    milliseconds: int  # since 1970
    ease: int  # 1 to 4; 0: no rating
    seconds: float
    is_reset: bool  # what came before does not count


def is_package(archive: ZipFile) -> bool:
    return bool({NEWEST, *NAMES} & {info.filename for info in archive.infolist()})


@contextmanager
def opened(archive: ZipFile) -> Iterator[AnkiCollection]:
    """Open the collection of a package.

    Raises:
        BadArchive: says why it cannot be read.
    """
    with tempfile.NamedTemporaryFile(prefix="gradus-anki-", suffix=".sqlite") as file:
        _unpack(archive, file)
        file.flush()
        try:
            with closing(_connected(Path(file.name))) as connection:
                yield AnkiCollection(connection)
        except (sqlite3.Error, sqlite3.Warning, UnicodeError, OverflowError) as error:
            is_stopped = "interrupted" in str(error)
            reason = BadArchive.TOO_MUCH_WORK if is_stopped else BadArchive.DAMAGED
            raise BadArchive(reason) from error


def _unpack(archive: ZipFile, file: IO[bytes]) -> None:
    """Write the newest collection of a package, decompressed, into a file."""
    if info := zip_reading.member(archive, NEWEST):
        _decompress(zip_reading.chunks(archive, info, MAX_COLLECTION_BYTES), file)
        return
    for name in NAMES:
        if info := zip_reading.member(archive, name):
            for chunk in zip_reading.chunks(archive, info, MAX_COLLECTION_BYTES):
                file.write(chunk)
            return
    raise BadArchive(BadArchive.UNKNOWN)


def _decompress(compressed: Iterator[bytes], file: IO[bytes]) -> None:
    count = 0
    source: Any = _Source(compressed)
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
    try:
        with decompressor.stream_reader(source, read_size=CHUNK_BYTES) as reader:
            while chunk := reader.read(CHUNK_BYTES):
                count += len(chunk)
                if count > MAX_COLLECTION_BYTES:
                    raise BadArchive(BadArchive.TOO_LARGE, n=MAX_COLLECTION_BYTES // MB)
                file.write(chunk)
    except zstandard.ZstdError as error:
        raise BadArchive(BadArchive.DAMAGED) from error


class _Source:
    """What zstandard reads from: chunks, whatever size it asks for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks

    def read(self, _size: int = -1) -> bytes:
        return next(self.chunks, b"")


def _connected(path: Path) -> sqlite3.Connection:
    """Return a connection that can do nothing but read TABLES.

    Raises:
        BadArchive: one of them is missing, or is no table.
        sqlite3.Error: it is no database.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * MAX_FIELDS_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {pragma}")
    steps = iter(range(MAX_COLLECTION_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, STEP)
    for table in TABLES:
        # no view, which would be a query of theirs, and no module
        rows = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", [table])
        kinds = [(kind, str(sql).split()[:2]) for kind, sql in rows]
        if [kind for kind, _sql in kinds] != ["table"] or kinds[0][1] != ["CREATE", "TABLE"]:
            raise BadArchive(BadArchive.DAMAGED)
    connection.set_authorizer(_authorized)
    return connection


def _authorized(action: int, first: str | None, _second: Any, _database: Any, view: Any) -> int:
    is_read = action == sqlite3.SQLITE_READ and first in TABLES
    is_allowed = view is None and (is_read or action == sqlite3.SQLITE_SELECT)
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


class AnkiCollection:
    """What a collection has. A row whose values are of other types than Anki writes is left out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.malformed = 0  # rows that were left out

    def notes(self) -> Iterator[AnkiNote]:
        for pk, guid, fields in self._rows("SELECT id, guid, flds FROM notes", MAX_NOTES):
            is_note = isinstance(pk, int) and isinstance(guid, str) and isinstance(fields, str)
            if is_note and len(fields) <= MAX_FIELDS_BYTES:
                yield AnkiNote(pk, guid, fields.split(FIELD_SEPARATOR))
            else:
                self.malformed += 1

    def cards(self) -> Iterator[AnkiCard]:
        rows = self._rows("SELECT id, nid, ord, queue, ivl FROM cards", MAX_CARDS)
        for row in rows:
            if all(isinstance(value, int) for value in row):
                pk, note, place, queue, interval = row
                yield AnkiCard(pk, note, place, queue == SUSPENDED, max(0, interval))
            else:
                self.malformed += 1

    def reviews(self, cards: Sized[int]) -> Iterator[AnkiReview]:
        """Yield the log of some cards: ratings, resets, and what had no effect."""
        query = "SELECT id, cid, ease, ivl, factor, time, type FROM revlog"
        for row in self._rows(query, MAX_REVIEWS):
            if not all(isinstance(value, int) for value in row):
                self.malformed += 1
                continue
            if row[1] not in cards:  # of another note, which is listed
                continue
            pk, card, ease, ivl, factor, milliseconds, kind = row
            is_reset = kind == MANUAL and not ivl and not factor
            is_rating = 1 <= ease <= 4 and kind <= CRAM and not (kind == CRAM and not factor)
            seconds = max(0, milliseconds) / 1000
            yield AnkiReview(card, pk, ease if is_rating else 0, seconds, is_reset)

    def _rows(self, query: str, limit: int) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(self.connection.execute(query)):
            if number >= limit:
                raise BadArchive(BadArchive.TOO_MANY_ROWS, n=limit)
            yield row
