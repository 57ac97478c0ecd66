"""All that a start needs of the database, in one process: three would each load Django again, and a
warm start is to be quick.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

STEPS = {
    "migrate": {"interactive": False, "verbosity": 1},
    "load_labs": {},
    "load_questions": {},
    "make_operator": {},
}


class Command(BaseCommand):
    help = (
        "Migrate, load labs and questions, make the first operator. Prints what each said, each "
        "line after its name and a tab."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        for name, given in STEPS.items():
            said = StringIO()
            try:
                call_command(name, stdout=said, **given)
            except CommandError as error:
                raise CommandError(f"{name}: {error}") from error
            for line in said.getvalue().splitlines():
                self.stdout.write(f"{name}\t{line}")
