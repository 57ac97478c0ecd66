from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.common import coverage
from apps.common.management.new_files_command import NewFilesCommand, check_topic
from apps.experiments import lab_plans, skeleton
from apps.experiments.models import Lab

SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_SLUG_LENGTH = 64  # characters, as in `Lab.slug`


class Command(NewFilesCommand):
    help = (
        "Write the files of a new lab, which loads and runs as it is, decides nothing yet, and "
        "says TODO where code and words are missing."
    )
    advice = (
        "Write what is marked TODO (docs/labs.md); ./gradus check-content lists what is left. "
        "Then record it: ./gradus evidence {slug}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--kind", default="", choices=Lab.Kind.values)

    def files(self, slug: str, **options: Any) -> Mapping[Path, str]:
        plan = self._plan(slug, options["topic"], options["kind"], options["catalogue"])
        return {settings.ROOT / name: text for name, text in skeleton.files(plan).items()}

    def _plan(self, slug: str, topic: str, kind: str, catalogue: Path | None) -> lab_plans.Plan:
        if not SLUG.fullmatch(slug) or len(slug) > MAX_SLUG_LENGTH or keyword.iskeyword(slug):
            raise CommandError(
                f"{slug!r} is no slug of a lab: lower-case letters and digits, beginning with a "
                "letter, with single hyphens between words, no word of Python, at most "
                f"{MAX_SLUG_LENGTH} characters, such as dead-relu."
            )
        entry = coverage.entry_of(catalogue, coverage.LABS, slug) if catalogue else {}
        if catalogue and kind and kind != entry.get("kind"):
            raise CommandError(f"{slug} is of the kind {entry.get('kind')} in the catalogue.")
        topic = topic or entry.get("topic", "")
        check_topic(slug, topic)
        if entry:
            return lab_plans.from_catalogue(slug, topic, entry)
        return lab_plans.free(slug, topic, kind or "training")
