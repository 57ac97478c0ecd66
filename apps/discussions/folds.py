"""What a fold says it gives away: its summary, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.common.text import in_language
from apps.discussions.models import Thread
from apps.experiments import presenters
from apps.experiments.models import LabWords, Run
from apps.questions.models import Question

NAMES = ("question", "lab", "claim")  # that a fold may give; a thread may be about a run, too
CLAIM = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
Key = str | int | UUID
Named = tuple[str, Key]  # a kind, and a slug, a name or a primary key


def named(name: str) -> Named | None:
    """Return what a fold's name stands for; None: it is no subject."""
    kind, _colon, key = name.partition(":")
    return (kind, key) if kind in NAMES and key else None


def subject_of(thread: Thread | None) -> Named | None:
    """Return what a thread is about, without a query."""
    if thread is None:
        return None
    match thread.about:
        case Thread.About.QUESTION if thread.question_id:
            return "question", thread.question_id
        case Thread.About.LAB if thread.lab_id:
            return "lab", thread.lab_id
        case Thread.About.CLAIM:
            return "claim", thread.claim
        case Thread.About.RUN if thread.run_id:
            return "run", thread.run_id
    return None


def lab_of(subject: Named) -> str:
    """Return the slug of the lab whose words name a subject; empty for a question or a run."""
    kind, key = subject
    if kind == "claim" and CLAIM.fullmatch(str(key)):
        return str(key).partition(".")[0]
    return str(key) if kind == "lab" else ""


@dataclass(frozen=True)
class Titles:
    """What subjects are called, by what the reader may see of them."""

    questions: Mapping[Key, Question]  # by slug and by primary key
    labs: Mapping[str, LabWords]  # the words of current versions, by the lab's slug
    runs: Mapping[UUID, Run]

    def summary(self, subject: Named | None) -> SafeString:
        """Return what stands on a fold."""
        title = self._title(subject) if subject else None
        if title is None:
            return format_html("{}", _("Gives something away. Show it"))
        return format_html(_("Gives away “{title}”. Show it"), title=title)

    def _title(self, subject: Named) -> SafeString | str | None:
        """Return the name of a subject; None: there is no such thing. It is no link: a summary is
        a button.
        """
        kind, key = subject
        match kind:
            case "question" if question := self.questions.get(key):
                title = mark_safe(in_language(question.current, "title_html"))  # noqa: S308 - nh3
                return title or in_language(question.current, "title")
            case "lab" if words_row := self.labs.get(str(key)):
                return in_language(words_row, "title")
            case "claim" if words_row := self.labs.get(lab_of(subject)):
                if str(key) in words_row.words.get("claims", {}):
                    return presenters.statement(words_row.words, str(key))
            case "run" if isinstance(key, UUID) and (run := self.runs.get(key)):
                return presenters.run_caption(run)
        return None
