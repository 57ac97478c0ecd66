from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.questions.figures import BadFigure
from apps.questions.generate import generated_files


class Command(BaseCommand):
    help = (
        "Render the figures of the bank's questions, and generate the variants of those with a "
        "variant.py. Needs requirements.txt, for NumPy."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="questions (default: all)")

    def handle(self, *args: Any, slug: list[str], **options: Any) -> None:
        folders = [
            path.parent
            for path in sorted(settings.BANK_FOLDER.glob("*/*/question.toml"))
            if not slug or path.parent.name in slug
        ]
        if missing := set(slug) - {folder.name for folder in folders}:
            raise CommandError(f"No such question: {', '.join(sorted(missing))}")
        changed = 0
        for folder in folders:
            try:
                files = generated_files(folder)
            except (BadFigure, ImportError) as error:
                raise CommandError(f"{folder}: {error}") from None
            for path, text in files.items():
                if not path.exists() or path.read_text(encoding="utf-8") != text:
                    path.write_text(text, encoding="utf-8")
                    self.stdout.write(str(path))
                    changed += 1
        self.stdout.write(f"{changed} files written." if changed else "Every file was up to date.")
