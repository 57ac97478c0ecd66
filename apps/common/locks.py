"""Advisory locks of PostgreSQL, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def lock(name: str) -> None:
    """Wait for the lock `name`, and hold it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])


def limit_transaction(seconds: float) -> None:
    """Have the database end the transaction, and with it the connection, once it has taken
    `seconds` more: `statement_timeout` bounds each statement, never their sum.

    Without effect before PostgreSQL 17, and within a transaction that somebody else has begun.
    """
    if connection.pg_version < 170_000 or len(connection.atomic_blocks) > 1:  # type: ignore[attr-defined]
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('transaction_timeout', %s, true)", [f"{int(seconds * 1000)}ms"]
        )


@contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Hold the lock `name` over several transactions if it is free. Yields whether it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
        is_locked = bool(cursor.fetchone()[0])
    try:
        yield is_locked
    finally:
        if is_locked:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
