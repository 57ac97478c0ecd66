from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.experiments.loading import BadFile, load_evidence, load_labs
from apps.experiments.recording import SUFFIX


class Command(BaseCommand):
    help = "Load the labs' code and words from workers/labs, and their recorded runs. Idempotent."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changes = load_labs(settings.LABS_FOLDER)
            changes += [
                line
                for path in sorted(settings.EVIDENCE_FOLDER.glob(f"*{SUFFIX}"))
                if (line := load_evidence(path))
            ]
        except BadFile as error:
            raise CommandError(str(error)) from None
        for line in changes:
            self.stdout.write(line)
        self.stdout.write(
            f"{len(changes)} changes." if changes else "Everything was loaded already."
        )
