"""Everything that a start does to the database, in one process, so that Django is loaded once."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

STEPS = {
    "migrate": {"interactive": False, "verbosity": 1},
    "make_roles": {},
    "load_labs": {},
    "load_questions": {},
    "make_operator": {},
}


class Command(BaseCommand):
    help = (
        "Migrate, make the roles, load labs and questions, create the first operator. Prints the "
        "output of each step, each line after the step's name and a tab."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        for name, options_of_step in STEPS.items():
            output = StringIO()
            try:
                call_command(name, stdout=output, **options_of_step)
            except CommandError as error:
                raise CommandError(f"{name}: {error}") from error
            for line in output.getvalue().splitlines():
                self.stdout.write(f"{name}\t{line}")
