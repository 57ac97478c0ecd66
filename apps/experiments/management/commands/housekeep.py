"""Two loops beside the web processes, every few seconds: the housekeeping jobs of runs, and in a
thread of their own those of accounts, whose mail may wait for a slow server.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from apps.accounts.housekeeping import ACCOUNT_JOBS
from apps.common.locks import try_lock
from apps.experiments.housekeeping import RUN_JOBS, wake_workers_for_waiting_runs

log = logging.getLogger("housekeep")


class Command(BaseCommand):
    help = (
        "Requeue runs whose worker is silent, end overdue runs and those whose code is gone, "
        "wake workers for the rest, deliver mail, delete expired sessions. Any number of copies "
        "may run."
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
            self.round(ACCOUNT_JOBS)
            return
        accounts = threading.Thread(target=self.repeat, args=(ACCOUNT_JOBS, over), daemon=True)
        accounts.start()
        try:
            self.repeat(RUN_JOBS, over)
        finally:
            over.set()
            accounts.join(timeout=settings.KILL_SECONDS)  # a mail that was cut off is sent again

    def repeat(self, jobs: Sequence[Callable[[], int]], over: threading.Event) -> None:
        self.round(jobs)
        while not over.wait(settings.TICK_SECONDS):
            self.round(jobs)

    def round(self, jobs: Sequence[Callable[[], int]]) -> None:
        for job in jobs:
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
