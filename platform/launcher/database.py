"""The launcher's queries of the database, without Django. Needs psycopg, so it runs in `.venv`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from launcher.say import Problem

MIN_POSTGRES_MAJOR = 15  # as in gradus.env
CHINESE_SAMPLE = "梯度下降"
# Until the first release tables may change without a migration. A database that has one of these
# tables without its column was made before the newest change.
NEWEST_COLUMNS = (
    ("questions_revision", "outline"),
    ("experiments_run", "config_hash"),
    ("experiments_labwords", "defaults_hash"),
)
RECREATE = "Recreate the cluster with initdb -E UTF8 --locale=C.UTF-8, and load a dump into it."


@dataclass(frozen=True)
class Facts:
    """Version, encoding and locale of a database."""

    version: int  # PostgreSQL's major version
    encoding: str
    has_chinese: bool  # whether pg_trgm makes trigrams of Chinese words
    is_older: bool = False  # made by a Gradus whose tables cannot be migrated

    def complaint(self) -> str:
        """Return what is wrong with it; empty if it is suitable."""
        if self.version < MIN_POSTGRES_MAJOR:
            return (
                f"PostgreSQL {self.version} is too old; Gradus needs {MIN_POSTGRES_MAJOR} or newer."
            )
        if self.encoding != "UTF8":
            problem = f"The database stores text as {self.encoding}, which cannot hold Chinese."
            return f"{problem} {RECREATE}"
        if not self.has_chinese:
            return (
                "The database's locale takes Chinese characters for no letters, so that search "
                f"finds no Chinese words. {RECREATE}"
            )
        if self.is_older:
            return (
                "The database was made by an older Gradus, before the first release, and its "
                "tables cannot be migrated. Move the data folder away (mv .gradus .gradus-old) or "
                "name another with --data DIR; with DATABASE_URL, name an empty database."
            )
        return ""


def facts(url: str) -> Facts:
    """Examine a database.

    Raises:
        Problem: it does not answer.
    """
    with connected(url) as connection:
        version = connection.info.server_version // 10_000
        return Facts(
            version,
            connection.info.parameter_status("server_encoding") or "",
            _has_chinese(connection),
            _is_older(connection),
        )


def last_seen(url: str) -> float | None:
    """Return the seconds since a worker last asked for work; None if none ever did, or there are no
    tables yet.
    """
    with connected(url) as connection:
        if not _has_workers(connection):
            return None
        query = (
            "SELECT extract(epoch FROM now() - max(last_seen_at)) FROM experiments_worker WHERE "
            "revoked_at IS NULL"
        )
        seconds = _value(connection, query)
        return None if seconds is None else float(seconds)


def token_state(url: str, token: str) -> Literal["known", "unknown", "revoked"]:
    """Return whether the site knows a worker's token."""
    with connected(url) as connection:
        if not _has_workers(connection):
            return "unknown"
        hashed = hashlib.sha256(token.encode()).digest()
        row = connection.execute(
            "SELECT revoked_at FROM experiments_worker WHERE token_hash = %s", [hashed]
        ).fetchone()
        if row is None:
            return "unknown"
        return "revoked" if row[0] else "known"


def stuck_mails(url: str) -> tuple[int, int]:
    """Return how many mails are queued after a failed attempt, and how many have failed for
    good.
    """
    with connected(url) as connection:
        if not _value(connection, "SELECT to_regclass('accounts_outgoingmail')::text"):
            return 0, 0
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'queued' AND error <> ''), "
            "count(*) FILTER (WHERE state = 'failed') FROM accounts_outgoingmail"
        ).fetchone()
        return row[0], row[1]


def connected(url: str) -> Any:
    """Return a connection.

    Raises:
        Problem: the database does not answer.
    """
    import psycopg

    try:
        return psycopg.connect(url, connect_timeout=3)
    except psycopg.Error as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise Problem(
            f"The database is not responding ({reason}).",
            "check that it is running and that DATABASE_URL is correct.",
        ) from None


def _has_chinese(connection: Any) -> bool:
    """Ask pg_trgm if it can be installed, else the character class that it uses."""
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            return bool(_value(connection, "SELECT cardinality(show_trgm(%s))", CHINESE_SAMPLE))
    except psycopg.Error:  # not allowed, not available, or an encoding without Chinese
        pass
    try:
        return bool(_value(connection, "SELECT %s ~ '^[[:alpha:]]+$'", CHINESE_SAMPLE))
    except (psycopg.Error, UnicodeError):
        return False


def lacks_newest_columns(columns: Mapping[str, Sequence[str]]) -> bool:
    """Return whether one of these tables lacks one of its newest columns.

    Args:
        columns: the names of the columns of each table.
    """
    return any(
        table in columns and column not in columns[table] for table, column in NEWEST_COLUMNS
    )


def _is_older(connection: Any) -> bool:
    """Return whether a table exists without one of its newest columns."""
    query = """
        SELECT to_regclass(%s) IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s)
        """
    return any(_value(connection, query, table, table, column) for table, column in NEWEST_COLUMNS)


def _has_workers(connection: Any) -> bool:
    return bool(_value(connection, "SELECT to_regclass('experiments_worker')::text"))


def _value(connection: Any, query: str, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None
