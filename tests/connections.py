"""Work on several connections to the database at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from django.db import connection, connections


def elsewhere(work: Callable[[], Any]) -> Future[Any]:
    """Start `work` on a connection of its own; return when it is done, or waits for a lock that we
    hold.
    """
    backend = Future[int]()

    def and_close() -> Any:
        try:
            connection.ensure_connection()
            backend.set_result(connection.connection.info.backend_pid)
            return work()
        finally:
            connections.close_all()

    future = ThreadPoolExecutor(1).submit(and_close)
    params = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with psycopg.Connection.connect(**params, autocommit=True) as third:
        while not future.done() and not _waits(third, backend):
            wait([future], timeout=0.05)
    return future


def _waits(third: psycopg.Connection[Any], backend: Future[int]) -> bool:
    if not backend.done():
        return False
    asked = third.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [backend.result()]
    ).fetchone()
    return bool(asked and asked[0])


@contextmanager
def before(statement: str, work: Callable[[], Any], *, skip: int = 0) -> Iterator[None]:
    """Have `work` done elsewhere just before our statement that begins so; at the end it must have
    done well.
    """
    seen, begun = count(), list[Future[Any]]()

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith(statement) and next(seen) == skip:
            begun.append(elsewhere(work))
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield
    begun[0].result()


def at_once(action: Callable[[], object], times: int = 6) -> list[object]:
    """Call a function in several threads that start together; return the results, exceptions
    included.
    """
    gate, results = threading.Barrier(times), list[object]()

    def one() -> None:
        try:
            gate.wait(60)
            results.append(action())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _n in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(results) == times
    return results
