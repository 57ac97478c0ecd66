"""The loop beside the web processes: each duty of each app, every few seconds."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from apps.common.locks import if_free
from apps.experiments.duties import DUTIES, ring_for_what_waits

log = logging.getLogger("housekeep")


class Command(BaseCommand):
    help = (
        "Give up silent tries, end overdue ones and runs whose code is gone, ring for what waits. "
        "Any number of copies may run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            if threading.current_thread() is threading.main_thread():
                signal.signal(number, lambda *_: over.set())
        while True:
            self.round()
            if once or over.wait(settings.TICK_SECONDS):
                return

    def round(self) -> None:
        for duty in DUTIES:
            try:
                with if_free(f"duty {duty.__name__}") as ours:
                    if ours and (done := duty()):
                        # While runs wait it rings every round: lines of that would bury what was
                        # done.
                        level = logging.DEBUG if duty is ring_for_what_waits else logging.INFO
                        log.log(level, "%s: %s", duty.__name__.replace("_", " "), done)
            except Exception:
                log.exception("%s failed; the next round tries again", duty.__name__)
            finally:
                connections.close_all()
