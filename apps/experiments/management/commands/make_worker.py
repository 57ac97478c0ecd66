from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.experiments.models import Lane
from apps.experiments.services import make_worker


class Command(BaseCommand):
    help = (
        "Make a machine that may take runs, or give one a "
        "new token. Prints the token; it is not shown again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="local", help="the name shown in the admin")
        parser.add_argument(
            "--lanes", default="labs,bench", help="that it may claim from, with commas between"
        )

    def handle(self, *args: Any, name: str, lanes: str, **options: Any) -> None:
        wanted = [lane for lane in lanes.split(",") if lane]
        if wrong := [lane for lane in wanted if lane not in Lane.values]:
            raise CommandError(
                f"No such lane: {', '.join(wrong)}. There are {', '.join(Lane.values)}."
            )
        if not 1 <= len(name) <= 64:
            raise CommandError("A name has 1 to 64 characters.")
        self.stdout.write(make_worker(name=name, lanes=wanted))
