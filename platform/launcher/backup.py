"""`./gradus backup`: the database, as it is at one moment, and the data folder's keys and files, in
one file.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from launcher import cluster_record, code_version, pg_programs
from launcher.backup_file import DUMP, FILES, Manifest, Table, Writer, is_backup, writing
from launcher.home import Home
from launcher.running import database_url
from launcher.say import Problem, out, size, step

LAST = "last-backup.json"  # in the data folder
UNFINISHED = ".new"  # ends the name of what is being written, as in apps.common.files
PUT_ASIDE = "before-restore-"  # begins the name of a folder with what a restore has replaced
# of the data folder; the rest is saved
NOT_SAVED = {
    "alive",  # signs of life
    "exports",  # archives of people's data: copies, deleted after a week
    "programs.json",
    "cluster",
    "cluster.new",
    "cluster.restored",
    cluster_record.FILE,
    LAST,
    "lock",
    "logs",
    "ballast",
    "workers",  # scratch folders, and results that the site has not acknowledged
}
# what a row's text depends on
TEXT_SETTINGS = (
    "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; "
    "SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1; "
    "SET LOCAL bytea_output = 'hex'"
)
TABLES = """
    SELECT n.nspname, c.relname, array(
        SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1, 2
    """


def save_site(home: Home, given: Path) -> Path:
    """Save a site to a file, while it runs or not. Returns the file.

    Args:
        given: the file, or a folder in which it gets a name with the time.
    Raises:
        Problem: there is no site, or the file cannot be written.
    """
    now = datetime.now(UTC)
    file = _target(given, now, home)
    with _interruptible(), database_url(home) as url, step("Backup") as current:
        if not url:
            raise Problem(
                f"There is no site in {home.path}.", "name the one to save with --data DIR."
            )
        try:
            with writing(file) as archive:
                manifest = _save(home, url, archive, now)
        except OSError as error:
            raise Problem(
                f"{file} cannot be written: {error}.", "name a file on a disk with space."
            ) from None
        current.note = f"{size(file.stat().st_size)}, {manifest.rows} rows"
    _remember(home, file, now)
    out(f"Saved to {file}. It holds secrets: keep it where only you can read it.")
    if os.environ.get("SECRET_KEY"):
        out("SECRET_KEY comes from the environment and is not in it: keep that, too.")
    if os.environ.get("BUCKET_URL"):
        out("Pictures are in the bucket that BUCKET_URL names, and not in it: keep that, too.")
    elif not _is_saved(home, os.environ.get("MEDIA_ROOT")):
        out("The folder that MEDIA_ROOT names, with pictures, is not in it: keep that, too.")
    return file


def last(home: Home) -> tuple[Path, datetime] | None:
    """Return the file and the time of the last backup, if one is known."""
    try:
        fields = json.loads((home.path / LAST).read_text())
        return Path(fields["file"]), datetime.fromisoformat(fields["created_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def saved_tops(data: Path) -> Iterator[Path]:
    """Yield the files and folders at the top of a data folder that belong into a backup: keys, and
    `media` with the pictures that people have uploaded.
    """
    for top in sorted(data.iterdir()):
        is_left_out = top.name in NOT_SAVED or top.name.startswith(PUT_ASIDE)
        if not is_left_out and top.suffix != UNFINISHED:
            yield top


def saved_files(data: Path) -> Iterator[Path]:
    """Yield the files of a data folder that belong into a backup, relative to it."""
    for top in saved_tops(data):
        if top.is_file():
            yield top.relative_to(data)
            continue
        for folder, _folders, names in os.walk(top, followlinks=True):
            for name in sorted(names):
                if (path := Path(folder, name)).is_file() and path.suffix != UNFINISHED:
                    yield path.relative_to(data)


def _save(home: Home, url: str, archive: Writer, now: datetime) -> Manifest:
    """Write everything into the archive."""
    import psycopg

    server = pg_programs.server_version(url)
    programs = pg_programs.fitting(int(server.split(".")[0]))
    try:
        with _snapshot(url) as (connection, snapshot):
            with pg_programs.dumping(url, programs, snapshot) as dump:
                archive.add(DUMP, dump)
            tables = read_tables(connection)
    except psycopg.Error as error:
        raise Problem(
            f"The database could not be read: {str(error).strip()}", "run ./gradus doctor."
        ) from None
    for name in saved_files(home.path):
        # deleted meanwhile: a picture that no post has shown since before the snapshot
        with suppress(FileNotFoundError), (home.path / name).open("rb") as source:
            archive.add(FILES + name.as_posix(), source)
    manifest = Manifest(now, code_version.here(), server, programs.version, tables, archive.members)
    archive.add_manifest(manifest)
    return manifest


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[Any, str]]:
    """Yield a connection that sees the database as it is now, and the name of what it sees, for
    pg_dump to see the same.
    """
    from psycopg import IsolationLevel

    from launcher.database import connected

    with connected(url) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.commit()
        connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield connection, snapshot
        connection.rollback()


def read_tables(connection: Any) -> list[Table]:
    """Count every table's rows, and add them up."""
    connection.execute(TEXT_SETTINGS)
    tables = []
    for schema, name, columns in connection.execute(TABLES).fetchall():
        rows, digest = connection.execute(table_sums(schema, name, columns)).fetchone()
        tables.append(Table(name, schema, columns, rows, digest))
    return tables


def table_sums(schema: str, name: str, columns: list[str]) -> Any:
    """Return a query for the number of rows of a table and their digest: the sum of the first eight
    bytes of each row's SHA-256, as text. It depends on TEXT_SETTINGS.
    """
    from psycopg import sql

    return sql.SQL(
        "SELECT count(*), coalesce(sum(('x' || encode(substr(sha256(convert_to("
        "ROW({})::text, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint), 0)::text FROM ONLY {}"
    ).format(sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name))


def _is_saved(home: Home, media: str | None) -> bool:
    """Return whether a folder of pictures is one that a backup has."""
    if not media:
        return True
    folder = Path(media).expanduser().resolve()
    return any(folder.is_relative_to(top) for top in (home.media, *saved_tops(home.path)))


def _target(given: Path, now: datetime, home: Home) -> Path:
    """Return the file to write.

    Raises:
        Problem: its folder does not exist, it lies in the data folder, or it is something else.
    """
    path = given.expanduser().resolve()
    if path.is_dir():
        path = path / f"gradus-{now:%Y%m%d-%H%M%S}.backup"
    if not path.parent.is_dir():
        raise Problem(f"There is no folder {path.parent}.", "create it, or name another file.")
    if path.is_relative_to(home.path):
        raise Problem(
            f"{path} lies in the data folder {home.path}, and would be lost with it.",
            "name a file elsewhere, on another disk if you can.",
        )
    try:
        is_something_else = path.exists() and not (path.is_file() and is_backup(path))
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}.") from None
    if is_something_else:
        raise Problem(f"{path} exists, and is no backup of Gradus.", "name another file.")
    return path


def _remember(home: Home, file: Path, now: datetime) -> None:
    record = {"file": str(file), "created_at": now.isoformat()}
    with suppress(OSError):  # a full disk: the backup is made all the same
        (home.path / LAST).write_text(json.dumps(record) + "\n")


@contextmanager
def _interruptible() -> Iterator[None]:
    """End as for Ctrl-C if SIGTERM arrives, so that no unfinished file stays."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
