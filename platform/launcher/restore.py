"""`./gradus restore`: a site from the file of a backup.

Into the embedded PostgreSQL: the dump goes into a new cluster beside the present one, is compared
with what was saved, and only then takes its place; what was there is put aside, not deleted. Into a
PostgreSQL of one's own: the database must be empty, and one transaction restores and compares.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path

from launcher import cluster_record, code_version, database, pg_programs
from launcher.backup import PUT_ASIDE, TABLES, TEXT_SETTINGS, saved_tops, table_sums
from launcher.backup_file import Manifest, Reader, Table, reading, sync_folder
from launcher.cluster_record import ClusterRecord
from launcher.embedded import Postgres, new_server_folder
from launcher.home import Home
from launcher.running import started
from launcher.say import Problem, out, step

NEW_CLUSTER = "cluster.restored"


def restore_site(home: Home, file: Path, replace: bool) -> None:
    """Restore a site.

    Args:
        replace: whether a site that is there may be put aside.
    Raises:
        Problem: the file is no complete backup, of newer code, or differs from what was restored;
            the site runs, or would be replaced without `replace`. Then nothing was changed.
    """
    lock = home.lock()
    try:
        with ExitStack() as stack:
            with step("Checking the backup") as current:
                backup = stack.enter_context(reading(file.expanduser().resolve()))
                manifest = backup.manifest
                current.note = f"of {manifest.created_at:%Y-%m-%d %H:%M} UTC, by {manifest.code}"
                _check_code(manifest)
            with step("Restoring"):
                if url := os.environ.get("DATABASE_URL"):
                    _into_own_server(home, backup, url, replace)
                else:
                    _into_cluster(home, backup, replace)
    except OSError as error:
        raise Problem(
            f"The files could not be written: {error}.", "free some space, and restore again."
        ) from None
    finally:
        lock.release()
    out(
        f"Restored: {manifest.rows} rows in {len(manifest.tables)} tables, and "
        f"{len(backup.files)} files, all as they were saved."
    )


def _check_code(manifest: Manifest) -> None:
    if reason := manifest.code.newer_than(code_version.here()):
        commit = manifest.code.commit
        checkout = f"git fetch && git checkout {commit}" if commit else "git pull"
        raise Problem(
            f"The backup was made by {manifest.code}: that is {reason}.",
            f"bring the code here up to it ({checkout}), and restore then.",
        )
    columns = {table.name: table.columns for table in manifest.tables if table.schema == "public"}
    if database.lacks_newest_columns(columns):
        raise Problem(
            f"The backup was made by {manifest.code}, before the first release, and its tables "
            "cannot be migrated to those of the code here.",
            f"restore it with that code (git checkout {manifest.code.commit or 'COMMIT'}).",
        )


# ---------------------------------------------------------------- the embedded PostgreSQL


def _into_cluster(home: Home, backup: Reader, replace: bool) -> None:
    folder = new_server_folder(home.path)
    present = _present_clusters(home, folder)
    if not replace and (present or cluster_record.has_secrets(home.path)):
        what = f"its database is {present[0]}" if present else "its keys"
        raise Problem(
            f"There is a site in {home.path} ({what}).",
            "name a new folder with --data DIR; or add --replace, which puts the present site "
            "aside (it stays on the disk), and restores in its place.",
        )
    postgres = Postgres(home.path, folder / NEW_CLUSTER)
    shutil.rmtree(postgres.cluster, ignore_errors=True)
    try:
        with started(postgres, home) as url:
            _load(backup, url)
            _execute(url, "CHECKPOINT")
        with _files_replaced(home, backup) as aside:
            for cluster in present:
                # renamed where it is: another disk than the data folder's may hold it
                target = aside if cluster.parent == home.path else cluster.parent / aside.name
                target.mkdir(mode=0o700, exist_ok=True)
                cluster.rename(target / "cluster")
                out(f"   The database that was here is now {target / 'cluster'}.")
            postgres.cluster.rename(folder / "cluster")
            sync_folder(folder)
            cluster_record.write(ClusterRecord(folder, home.path, made=True))
    finally:
        shutil.rmtree(postgres.cluster, ignore_errors=True)


def _present_clusters(home: Home, default: Path) -> list[Path]:
    """Return the clusters that a restored one replaces: the one of this data folder, and what is in
    the new one's place.
    """
    clusters = {default / "cluster"}
    with suppress(Problem):  # missing, or of another folder, which keeps it
        clusters.add(cluster_record.check(home.path, default)[0].cluster)
    return [cluster for cluster in sorted(clusters) if cluster.exists()]


# ---------------------------------------------------------------- a PostgreSQL of one's own


def _into_own_server(home: Home, backup: Reader, url: str, replace: bool) -> None:
    if complaint := database.facts(url).complaint():
        raise Problem(complaint)
    with database.connected(url) as connection:
        tables = connection.execute(TABLES).fetchall()
    if tables:
        raise Problem(
            f"The database that DATABASE_URL names is not empty: it has {len(tables)} tables.",
            "create an empty one (createdb -T template0 -E UTF8 gradus_restored), and name it in "
            "DATABASE_URL. Gradus deletes no database of yours.",
        )
    changed = [
        name
        for name in backup.files
        if (path := home.path / name).exists() and path.read_bytes() != backup.read(name)
    ]
    if changed and not replace:
        raise Problem(
            f"{home.path} has other keys than the backup ({', '.join(sorted(changed)[:3])}).",
            "name a new folder with --data DIR; or add --replace, which puts the present files "
            "aside (they stay on the disk).",
        )
    _load(backup, url)
    with _files_replaced(home, backup):
        pass


# ---------------------------------------------------------------- for both


def _load(backup: Reader, url: str) -> None:
    """Restore the dump into an empty database, and compare the result with the manifest."""
    manifest = backup.manifest
    server = int(pg_programs.server_version(url).split(".")[0])
    programs = pg_programs.fitting(server, manifest.dump_major)
    with backup.dump() as dump:
        pg_programs.restore(dump, url, programs, comparison(manifest.tables), server)
    _execute(url, "ANALYZE")  # or the planner knows nothing of the tables until autovacuum has run


def comparison(tables: list[Table]) -> str:
    """Return an SQL statement that fails, with the differences, unless the database has these
    tables' rows.
    """
    from psycopg import sql

    statements: list[sql.Composable] = [sql.SQL(TEXT_SETTINGS)]
    for table in tables:
        statements.append(
            sql.SQL(
                "DO $compare$ DECLARE rows_found bigint; digest_found text; BEGIN "
                "{query} INTO rows_found, digest_found; "
                "IF (rows_found, digest_found) <> ({rows}, {digest}) THEN "
                "RAISE EXCEPTION '% has % rows (digest %), the backup has % (digest %)', "
                "{name}, rows_found, digest_found, {rows}, {digest}; "
                "END IF; END $compare$"
            ).format(
                query=table_sums(table.schema, table.name, table.columns),
                rows=sql.Literal(table.rows),
                digest=sql.Literal(table.digest),
                name=sql.Literal(f"{table.schema}.{table.name}"),
            )
        )
    return sql.SQL(";\n").join(statements).as_string(None)


@contextmanager
def _files_replaced(home: Home, backup: Reader) -> Iterator[Path]:
    """Replace the data folder's files by those of the backup, which are written before the block
    and take their places after it. Yields a folder for what is put aside; it is removed if that is
    nothing.
    """
    new = home.path / "restored.new"
    shutil.rmtree(new, ignore_errors=True)
    for name in backup.files:
        backup.extract(name, new / name)
    aside = Path(tempfile.mkdtemp(prefix=f"{PUT_ASIDE}{date.today():%Y%m%d}-", dir=home.path))
    yield aside
    for old in list(saved_tops(home.path)):
        old.rename(aside / old.name)
        out(f"   {old} is now {aside / old.name}.")
    for name in backup.files:
        _move(new / name, home.path / name)
    shutil.rmtree(new, ignore_errors=True)
    if not any(aside.iterdir()):
        aside.rmdir()
    sync_folder(home.path)


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.rename(target)


def _execute(url: str, statement: str) -> None:
    with database.connected(url) as connection:
        connection.autocommit = True
        connection.execute(statement)
