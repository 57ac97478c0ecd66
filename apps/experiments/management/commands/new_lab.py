from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common import coverage
from apps.common.coverage import BadCatalogue
from apps.common.new_files import AlreadyThere, write_new
from apps.common.topics import TOPICS
from apps.experiments import lab_plans, skeleton
from apps.experiments.models import Lab

SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
MAX_SLUG_LENGTH = 64  # characters, as in `Lab.slug`


class Command(BaseCommand):
    help = (
        "Write the files of a new lab, which loads and runs as it is, decides nothing yet, and "
        "says TODO where code and words are missing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--topic", default="", help=f"one of {', '.join(TOPICS)}")
        parser.add_argument("--kind", default="", choices=Lab.Kind.values)
        parser.add_argument(
            "--catalogue", type=Path, help="folder of the coverage catalogue, for its facts"
        )

    def handle(
        self,
        *args: Any,
        slug: str,
        topic: str,
        kind: str,
        catalogue: Path | None,
        **options: Any,
    ) -> None:
        try:
            plan = self._plan(slug, topic, kind, catalogue)
            paths = {settings.ROOT / name: text for name, text in skeleton.files(plan).items()}
            write_new(paths)
        except (BadCatalogue, AlreadyThere) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"Nothing was written: {error}") from None
        except KeyError as error:
            raise CommandError(f"{slug} has no {error} in the catalogue.") from None
        for path in paths:
            self.stdout.write(str(path.relative_to(settings.ROOT)))
        self.stdout.write(
            "Write what is marked TODO (docs/labs.md); ./gradus check-content lists what is left. "
            f"Then record it: ./gradus evidence {slug}"
        )

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
        if topic not in TOPICS:
            problem = f"There is no topic {topic!r}." if topic else f"{slug} needs a topic."
            raise CommandError(
                f"{problem}{coverage.near(topic, TOPICS)} --topic is one of: {', '.join(TOPICS)}"
            )
        if entry:
            return lab_plans.from_catalogue(slug, topic, entry)
        return lab_plans.free(slug, topic, kind or "training")
