from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.experiments.models import Queue
from apps.experiments.services import make_worker


class Command(BaseCommand):
    help = "Create a worker, or give one a new token. Prints the token; it is not stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="local", help="the name shown in the admin")
        parser.add_argument(
            "--queues",
            default="labs,bench",
            help="that it may lease runs from, separated by commas",
        )

    def handle(self, *args: Any, name: str, queues: str, **options: Any) -> None:
        wanted = [queue for queue in queues.split(",") if queue]
        if wrong := [queue for queue in wanted if queue not in Queue.values]:
            raise CommandError(
                f"No such queue: {', '.join(wrong)}. There are {', '.join(Queue.values)}."
            )
        if not 1 <= len(name) <= 64:
            raise CommandError("A name has 1 to 64 characters.")
        self.stdout.write(make_worker(name=name, queues=wanted))
