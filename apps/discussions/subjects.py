"""What a thread is about, as an address names it and as a form sends it: `question:adam-step`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from apps.accounts.models import User
from apps.discussions.models import Thread
from apps.experiments.models import Claim, Lab, Run
from apps.questions.models import Question

About = Thread.About
GENERAL = "general"


@dataclass(frozen=True)
class Subject:
    """One thing that threads may be about."""

    about: Thread.About
    question: Question | None = None
    lab: Lab | None = None
    run: Run | None = None
    claim: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a thread about it."""
        return {
            "about": self.about,
            "question": self.question,
            "lab": self.lab,
            "run": self.run,
            "claim": self.claim,
        }

    def __str__(self) -> str:
        match self.about:
            case About.QUESTION if self.question:
                return f"question:{self.question.slug}"
            case About.LAB if self.lab:
                return f"lab:{self.lab.slug}"
            case About.RUN if self.run:
                return f"run:{self.run.pk}"
            case About.CLAIM:
                return f"claim:{self.claim}"
        return GENERAL


def subject_of(thread: Thread) -> Subject:
    """Return what a thread is about. Its question, lab or run may be None: it is gone."""
    return Subject(About(thread.about), thread.question, thread.lab, thread.run, thread.claim)


def find_subject(name: str, reader: User | AnonymousUser) -> Subject | None:
    """Return what `name` stands for, if `reader` may see it; None for anything else."""
    kind, _colon, key = name.partition(":")
    match kind:
        case "general" if not key:
            return Subject(About.GENERAL)
        case "question":
            question = Question.objects.offered().select_related("current").filter(slug=key).first()
            return Subject(About.QUESTION, question=question) if question else None
        case "lab":
            labs = Lab.objects.with_code().select_related("current__words_row")
            lab = labs.filter(slug=key).first()
            return Subject(About.LAB, lab=lab) if lab else None
        case "run":
            run = _run(key, reader)
            return Subject(About.RUN, run=run) if run else None
        case "claim" if Claim.objects.offered().filter(name=key).exists():
            return Subject(About.CLAIM, claim=key)
    return None


def _run(key: str, reader: User | AnonymousUser) -> Run | None:
    try:
        pk = UUID(key)
    except ValueError:
        return None
    runs = Run.objects.visible_to(reader).select_related("owner", "version__lab")
    return runs.filter(pk=pk).first()


def related_subjects(subject: Subject) -> list[Subject]:
    """Return what else a thread that begins from `subject` could be about: what it belongs to."""
    labs: list[str] = []
    if subject.question is not None and subject.question.current is not None:
        labs = subject.question.current.labs
    elif subject.run is not None:
        labs = [subject.run.version.lab_id]
    elif subject.claim:
        labs = [subject.claim.partition(".")[0]]
    rows = Lab.objects.with_code().select_related("current__words_row").in_bulk(labs)
    return [Subject(About.LAB, lab=rows[slug]) for slug in labs if slug in rows]
