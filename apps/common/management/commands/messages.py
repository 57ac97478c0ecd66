"""Bring locale/*.po up to date with the sources: `manage.py messages [--check]`. `manage.py assets`
then compiles them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.translations import collect, read, untranslated, update


class Command(BaseCommand):
    help = (
        "Add new messages of the sources to locale/*.po, remove unused ones, and print those "
        "without a translation."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when something is missing"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        missing = []
        for po in sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po")):
            language = po.parts[-3]
            if check:
                catalogue = read(po, language)
                catalogue.update(collect(settings.ROOT), no_fuzzy_matching=True)
            else:
                catalogue = update(po, language, settings.ROOT)
            missing += [f"{language}: {message.id!r}" for message in untranslated(catalogue)]
        for line in missing:
            self.stdout.write(line)
        if check and missing:
            raise CommandError(f"{len(missing)} messages have no translation.")
