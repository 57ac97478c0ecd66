"""The file of a backup: a zip archive with the dump of the database, the data folder's keys and
files, and, last, a manifest that says what is in it. Nothing in it is compressed (the dump is
already).

    database.dump       PostgreSQL's custom format
    data/…              files of the data folder
    manifest.json       Manifest
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from launcher.code_version import CodeVersion
from launcher.say import Problem

FORMAT = 1
DUMP, FILES, MANIFEST = "database.dump", "data/", "manifest.json"
MAX_MANIFEST_BYTES = 100_000_000  # half a million files
CHUNK_BYTES = 1 << 20
UNREADABLE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    RecursionError,
    NotImplementedError,
    RuntimeError,  # zipfile's, for an archive with a password
)


@dataclass(frozen=True)
class Table:
    """What a table of the database held."""

    name: str
    schema: str
    columns: list[str]  # those that are stored, not generated
    rows: int
    digest: str  # of all rows, in any order; see table_sums


@dataclass(frozen=True)
class Member:
    """A file in the archive."""

    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, and what made it."""

    created_at: datetime
    code: CodeVersion
    server: str  # PostgreSQL's version
    pg_dump: str  # its version
    tables: list[Table]
    members: dict[str, Member]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def dump_major(self) -> int:
        return int(self.pg_dump.split(".")[0])

    def as_json(self) -> str:
        fields = asdict(self) | {
            "format": FORMAT,
            "created_at": self.created_at.isoformat(),
            "code": self.code.as_json(),
        }
        return json.dumps(fields, indent=1)


class Writer:
    """An archive that is written; `members` grows with it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add(self, name: str, source: IO[bytes]) -> None:
        """Copy a file into the archive."""
        sha256, length = hashlib.sha256(), 0
        with self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
            while chunk := source.read(CHUNK_BYTES):
                sha256.update(chunk)
                length += len(chunk)
                member.write(chunk)
        self.members[name] = Member(length, sha256.hexdigest())

    def add_manifest(self, manifest: Manifest) -> None:
        """Complete the archive.

        Raises:
            Problem: it has more files than could be restored.
        """
        content = manifest.as_json().encode()
        if len(content) > MAX_MANIFEST_BYTES:
            raise Problem(
                f"The data folder has {len(manifest.members)} files, more than a backup can hold.",
                "keep pictures in a bucket (BUCKET_URL, docs/settings.md).",
            )
        self._archive.writestr(zipfile.ZipInfo(MANIFEST), content)


@contextlib.contextmanager
def writing(file: Path) -> Iterator[Writer]:
    """Yield a new archive, with mode 0600. It takes its name when it is complete and on the disk;
    if the block fails, nothing of it stays, and an older file of that name does.
    """
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{file.name}.", suffix=".unfinished", dir=file.parent
    )
    try:
        with os.fdopen(descriptor, "wb") as opened:
            with zipfile.ZipFile(opened, "w") as archive:
                yield Writer(archive)
            opened.flush()
            os.fsync(opened.fileno())
        Path(temporary).replace(file)
        sync_folder(file.parent)
    finally:
        Path(temporary).unlink(missing_ok=True)


class Reader:
    """An archive whose members have the checksums that its manifest names."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    @property
    def files(self) -> list[str]:
        """Return the files of the data folder, relative to it."""
        return [name.removeprefix(FILES) for name in self.manifest.members if name != DUMP]

    def read(self, file: str) -> bytes:
        """Return a file of the data folder."""
        return self._archive.read(FILES + file)

    def extract(self, file: str, target: Path) -> None:
        """Write a file of the data folder to `target`, with mode 0600."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with self._archive.open(FILES + file) as source, os.fdopen(descriptor, "wb") as opened:
            shutil.copyfileobj(source, opened, CHUNK_BYTES)
            opened.flush()
            os.fsync(opened.fileno())

    def dump(self) -> IO[bytes]:
        return self._archive.open(DUMP)


@contextlib.contextmanager
def reading(file: Path) -> Iterator[Reader]:
    """Yield a backup, after all of it was read once and compared with its checksums.

    Raises:
        Problem: there is no such file, it is no backup, incomplete, damaged, or of a newer format.
    """
    try:
        opened = file.open("rb")
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}.") from None
    with opened:
        try:
            archive = zipfile.ZipFile(opened)
            manifest = _manifest(archive)
            for name, member in manifest.members.items():
                _compare(archive, name, member)
        except UNREADABLE as error:
            raise _unreadable(file, opened, error) from None
        yield Reader(archive, manifest)


def is_backup(file: Path) -> bool:
    """Return whether a file looks like a backup, whole or not."""
    with file.open("rb") as opened:
        return _begins_like_one(opened)


def sync_folder(folder: Path) -> None:
    """Make sure that new names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    info = archive.getinfo(MANIFEST)
    if info.file_size > MAX_MANIFEST_BYTES:
        raise ValueError(f"{MANIFEST} is too large")
    fields: dict[str, Any] = json.loads(archive.read(info))
    if fields["format"] > FORMAT:
        raise Problem(
            "This backup has a format that this version of Gradus does not know: a newer one made "
            "it.",
            "restore it with that version (git pull), or a newer one.",
        )
    manifest = Manifest(
        datetime.fromisoformat(fields["created_at"]),
        CodeVersion(**fields["code"]),
        str(fields["server"]),
        str(fields["pg_dump"]),
        [Table(**table) for table in fields["tables"]],
        {_safe(name): Member(**member) for name, member in fields["members"].items()},
    )
    if DUMP not in manifest.members:
        raise ValueError(f"{DUMP} is missing")
    return manifest


def _safe(name: str) -> str:
    """Return a member's name, if it leads nowhere but into the data folder."""
    path = PurePosixPath(name)
    if name != DUMP and (not name.startswith(FILES) or ".." in path.parts or name != str(path)):
        raise ValueError(f"{name!r} is no name of a file in a backup")
    return name


def _compare(archive: zipfile.ZipFile, name: str, expected: Member) -> None:
    sha256, length = hashlib.sha256(), 0
    with archive.open(name) as member:
        while chunk := member.read(CHUNK_BYTES):
            sha256.update(chunk)
            length += len(chunk)
    if (length, sha256.hexdigest()) != (expected.size, expected.sha256):
        raise ValueError(f"{name} is not what was saved")


def _unreadable(file: Path, opened: IO[bytes], error: Exception) -> Problem:
    if not _begins_like_one(opened):
        return Problem(
            f"{file} is no backup of Gradus.", "name a file that ./gradus backup has written."
        )
    return Problem(
        f"The backup {file} is incomplete or damaged ({error}). Nothing was changed.",
        "use another backup, or copy this one again from where it was made.",
    )


def _begins_like_one(opened: IO[bytes]) -> bool:
    opened.seek(0)
    # the header of a zip archive's first member: 30 bytes, then its name
    header = opened.read(30 + len(DUMP))
    return header[:4] == b"PK\x03\x04" and header[30:] == DUMP.encode()
