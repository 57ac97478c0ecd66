from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common import coverage
from apps.common.coverage import BadCatalogue
from apps.common.new_files import AlreadyThere, write_new
from apps.common.topics import TOPICS
from apps.questions import lint, loading, schema, skeleton
from apps.questions.limits import MAX_SLUG_LENGTH
from apps.questions.skeleton import Plan


class Command(BaseCommand):
    help = (
        "Write the files of a new question, which load as they are and say TODO where texts and "
        "facts are missing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--topic", default="", help=f"one of {', '.join(TOPICS)}")
        parser.add_argument(
            "--catalogue", type=Path, help="folder of the coverage catalogue, for its facts"
        )

    def handle(
        self, *args: Any, slug: str, topic: str, catalogue: Path | None, **options: Any
    ) -> None:
        try:
            folder, plan = self._folder_and_plan(slug, topic, catalogue)
            paths = {folder / name: text for name, text in skeleton.files(plan).items()}
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
            "Write what is marked TODO (docs/questions.md); ./gradus check-content lists the rest."
        )

    def _folder_and_plan(self, slug: str, topic: str, catalogue: Path | None) -> tuple[Path, Plan]:
        if not schema.is_slug(slug):
            raise CommandError(
                f"{slug!r} is no slug: lower-case letters and digits, with single hyphens between "
                f"words, at most {MAX_SLUG_LENGTH} characters, such as why-nonlinearity."
            )
        for path in loading.question_folders(settings.BANK_FOLDER):
            if path.name == slug:
                raise CommandError(f"There is a question {slug} already: {path}")
        entry = coverage.entry_of(catalogue, coverage.QUESTIONS, slug) if catalogue else {}
        listed = entry or _listed(slug)
        topic = topic or listed.get("topic", "")
        if topic not in TOPICS:
            problem = f"There is no topic {topic!r}." if topic else f"{slug} needs a topic."
            raise CommandError(
                f"{problem}{coverage.near(topic, TOPICS)} --topic is one of: {', '.join(TOPICS)}"
            )
        folder = settings.BANK_FOLDER / topic / slug
        if catalogue and entry:
            labs = coverage.read(catalogue, coverage.LABS)
            existing = lint.lab_claims(settings.LABS_FOLDER)
            claims, left_out = skeleton.claims_about(entry, labs, existing)
            return folder, skeleton.from_catalogue(slug, topic, entry, claims, left_out)
        if listed:
            return folder, Plan(slug, topic, (listed["title_en"], listed["title_zh"]))
        return folder, Plan(slug, topic)


def _listed(slug: str) -> dict[str, Any]:
    """Return topic and titles of a question that `catalogue.csv` lists; nothing for any other."""
    with lint.CATALOGUE.open(encoding="utf-8", newline="") as file:
        return next((row for row in csv.DictReader(file) if row["slug"] == slug), {})
