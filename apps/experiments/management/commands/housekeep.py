"""Loops beside the web processes, every few seconds: the housekeeping jobs of runs; in a
thread of their own those of accounts, whose mail may wait for a slow server, and the `SLOW_JOBS` of
`housekeeping` in any other app; in a third their `DELIVERY_JOBS`, which wait for other people's
servers; in a fourth their `LONG_JOBS`, which may take minutes.

The loop of runs touches a file, `GRADUS_ALIVE`, while it goes round: about once a second while it
waits, and after each query. Who watches over housekeep (the launcher, a health check) sees by the
file's time whether it hangs, also while the database is away.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, connections
from django.utils.module_loading import module_has_submodule

from apps.accounts.housekeeping import ACCOUNT_JOBS
from apps.common.locks import try_lock
from apps.experiments.housekeeping import RUN_JOBS, wake_workers_for_waiting_runs

log = logging.getLogger("housekeep")
SIGN_SECONDS = 1.0  # between two signs of life while there is nothing to do


class Command(BaseCommand):
    help = (
        "Requeue runs whose worker is silent, end overdue runs and those whose code is gone, "
        "wake workers for the rest, make and deliver mail, deliver webhooks, make archives, delete "
        "what is old, and pictures that no post shows. Any number of copies may run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            if threading.current_thread() is threading.main_thread():
                signal.signal(number, lambda *_: over.set())
        if once:
            self.round(RUN_JOBS)
            for jobs in jobs_beside():
                self.round(jobs)
            return
        beside = [
            threading.Thread(target=self.repeat, args=(jobs, over), daemon=True)
            for jobs in jobs_beside()
        ]
        for thread in beside:
            thread.start()
        try:
            with connection.execute_wrapper(give_sign_after):
                self.repeat(RUN_JOBS, over, give_sign)
        finally:
            over.set()
            end = time.monotonic() + settings.KILL_SECONDS
            for thread in beside:  # what was cut off is sent, or begun, again
                thread.join(timeout=max(0.0, end - time.monotonic()))

    def repeat(
        self,
        jobs: Sequence[Callable[[], int]],
        over: threading.Event,
        sign: Callable[[], None] = lambda: None,
    ) -> None:
        due = 0.0
        while not over.is_set():
            sign()
            if time.monotonic() >= due:
                self.round(jobs, sign)
                due = time.monotonic() + settings.TICK_SECONDS
            over.wait(min(SIGN_SECONDS, max(0.0, due - time.monotonic())))

    def round(
        self, jobs: Sequence[Callable[[], int]], sign: Callable[[], None] = lambda: None
    ) -> None:
        for job in jobs:
            sign()
            try:
                with try_lock(f"housekeeping job {job.__name__}") as ours:
                    if ours and (done := job()):
                        # it does something in every round while runs wait
                        is_usual = job is wake_workers_for_waiting_runs
                        level = logging.DEBUG if is_usual else logging.INFO
                        log.log(level, "%s: %s", job.__name__.replace("_", " "), done)
            except Exception:
                log.exception("%s failed; the next round tries again", job.__name__)
            finally:
                connections.close_all()


def jobs_beside() -> list[list[Callable[[], int]]]:
    """Return the jobs that run beside those of runs, by thread."""
    return [
        [*ACCOUNT_JOBS, *jobs_named("SLOW_JOBS")],
        jobs_named("DELIVERY_JOBS"),
        jobs_named("LONG_JOBS"),
    ]


def jobs_named(name: str) -> list[Callable[[], int]]:
    """Return the jobs in `housekeeping.<name>` of all apps: those above this one are not imported
    by name.
    """
    jobs: list[Callable[[], int]] = []
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "housekeeping"):
            jobs += getattr(import_module(f"{app.name}.housekeeping"), name, ())
    return jobs


def give_sign() -> None:
    """Touch the file that says that the loop goes round."""
    if settings.ALIVE_FILE:
        with suppress(OSError):  # what cannot be told must not stop the work
            Path(settings.ALIVE_FILE).touch()


def give_sign_after(execute: Callable[..., Any], *args: Any) -> Any:
    """Wrap a query: many in a row may take longer than anybody waits for a sign of life."""
    try:
        return execute(*args)
    finally:
        give_sign()
