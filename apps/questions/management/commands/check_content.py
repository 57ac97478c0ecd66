from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.questions import lint
from apps.questions.tex import NoKatex


class Command(BaseCommand):
    help = (
        "Check the questions' files. Prints faults with file and line, common slips of numeric "
        "parts that have no message, and the questions of the catalogue that are still missing."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        bank, labs = settings.BANK_FOLDER, settings.LABS_FOLDER
        try:
            faults = list(lint.faults(bank, labs))
        except NoKatex as error:
            raise CommandError(str(error)) from None
        self._list(
            "claims have no lab yet; answers show nothing in their place",
            lint.claims_without_lab(bank, labs),
        )
        self._list("texts are still to be written", lint.unfinished(bank))
        self._list("labs are still to be written", lint.unfinished_labs(labs))
        missing = lint.missing_questions(bank)
        self._list(
            f"of {lint.size_of_catalogue()} questions are missing",
            [f"{slug}: {title}" for slug, title in missing],
        )
        self._list(
            "common slips have no message; add a [[numeric.wrong]] where people make them",
            lint.slips_without_message(bank),
        )
        self._list("faults", faults)
        if faults:
            raise CommandError(f"{len(faults)} faults in the bank.")

    def _list(self, what: str, lines: list[str]) -> None:
        self.stdout.write(f"{len(lines)} {what}{':' if lines else '.'}")
        for line in lines:
            self.stdout.write(f"   {line}")
