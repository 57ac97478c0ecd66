from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.questions.loading import load_questions
from apps.questions.markdown_parser import BadFile
from apps.questions.tex import NoKatex


class Command(BaseCommand):
    help = (
        "Load the questions of apps/questions/bank. Idempotent; a changed text or fact makes a new "
        "revision."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changes = load_questions(settings.BANK_FOLDER)
        except (BadFile, NoKatex) as error:
            raise CommandError(str(error)) from None
        for line in changes:
            self.stdout.write(line)
        self.stdout.write(
            f"{len(changes)} changes." if changes else "Everything was loaded already."
        )
