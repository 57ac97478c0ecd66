"""What `new_lab` and `new_question` have in common: a slug, a topic, and the coverage catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common import coverage
from apps.common.coverage import BadCatalogue
from apps.common.new_files import AlreadyThere, write_new
from apps.common.topics import TOPICS


class NewFilesCommand(BaseCommand):
    """A command that writes the files of something new: all of them, or none."""

    requires_system_checks = []
    advice = ""  # what to do next; `{slug}` is the new thing's

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--topic", default="", help=f"one of {', '.join(TOPICS)}")
        parser.add_argument(
            "--catalogue", type=Path, help="folder of the coverage catalogue, for its facts"
        )

    def files(self, slug: str, **options: Any) -> Mapping[Path, str]:
        """Return the files to write, with their text.

        Raises:
            CommandError: an option is wrong.
            BadCatalogue, KeyError: the catalogue, or its entry, is.
        """
        raise NotImplementedError

    def handle(self, *args: Any, slug: str, **options: Any) -> None:
        try:
            files = self.files(slug, **options)
            write_new(files)
        except (BadCatalogue, AlreadyThere) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"Nothing was written: {error}") from None
        except KeyError as error:
            raise CommandError(f"{slug} has no {error} in the catalogue.") from None
        for path in files:
            self.stdout.write(str(path.relative_to(settings.ROOT)))
        self.stdout.write(self.advice.format(slug=slug))


def check_topic(slug: str, topic: str) -> None:
    """Check the topic of something new.

    Raises:
        CommandError: it has none, or one that there is not.
    """
    if topic not in TOPICS:
        problem = f"There is no topic {topic!r}." if topic else f"{slug} needs a topic."
        raise CommandError(
            f"{problem}{coverage.near(topic, TOPICS)} --topic is one of: {', '.join(TOPICS)}"
        )
