from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from apps.common import coverage
from apps.common.management.new_files_command import NewFilesCommand, check_topic
from apps.questions import lint, loading, schema, skeleton
from apps.questions.limits import MAX_SLUG_LENGTH
from apps.questions.skeleton import Plan


class Command(NewFilesCommand):
    help = (
        "Write the files of a new question, which load as they are and say TODO where texts and "
        "facts are missing."
    )
    advice = "Write what is marked TODO (docs/questions.md); ./gradus check-content lists the rest."

    def files(self, slug: str, **options: Any) -> Mapping[Path, str]:
        folder, plan = self._folder_and_plan(slug, options["topic"], options["catalogue"])
        return {folder / name: text for name, text in skeleton.files(plan).items()}

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
        check_topic(slug, topic)
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
