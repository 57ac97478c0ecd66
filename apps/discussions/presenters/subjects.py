"""What a thread is about, as pages name and link it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from apps.common.text import in_language
from apps.discussions.models import Thread
from apps.discussions.subjects import Subject
from apps.experiments import presenters as runs

About = Thread.About
SHORT_ID_CHARS = 8  # of a run, as its page shows it


@dataclass(frozen=True)
class PresentedSubject:
    """A thing that threads are about."""

    name: str  # as addresses and forms name it
    kind: str  # in words: question, lab, …
    title: SafeString | str  # a question's has formulas
    short: str  # fits in a title block
    url: str  # empty: it is gone, or nothing in particular
    action: str = ""  # what one does there
    action_url: str = ""
    source: str = ""  # of the title, where that is HTML
    says_kind: bool = False  # the title says what kind of thing it is

    @property
    def full_title(self) -> str:
        """What it is, and its title, for where no HTML can stand: formulas are TeX."""
        title = self.source or self.title
        return title if self.says_kind else f"{capfirst(self.kind)}: {title}"

    @property
    def threads_url(self) -> str:
        """The address of the list of threads about it."""
        return f"{reverse('discussions:threads')}?{urlencode({'about': self.name})}"


def present_subject(subject: Subject) -> PresentedSubject:
    """Return a subject in words. Its question, lab or run may be gone."""
    kind = str(subject.about.label)
    match subject.about:
        case About.QUESTION if subject.question and subject.question.current:
            question = subject.question
            title = mark_safe(in_language(question.current, "title_html"))  # noqa: S308 - nh3
            url = "" if question.withdrawn else question.get_absolute_url()
            action = _("Answer the question")
            source = in_language(question.current, "title")
            return PresentedSubject(
                str(subject), kind, title, question.slug, url, action, url, source
            )
        case About.LAB if subject.lab:
            lab = subject.lab
            url = "" if lab.withdrawn else reverse("experiments:lab", args=[lab.slug])
            name = lab.title if lab.current_id else lab.slug
            action = _("Predict, then run")
            return PresentedSubject(str(subject), kind, name, lab.slug, url, action, url)
        case About.RUN if subject.run:
            return _present_run(subject, kind)
        case About.CLAIM:
            url, claim = runs.ledger_url(subject.claim), subject.claim
            action = _("See the evidence")
            return PresentedSubject(str(subject), kind, claim, claim, url, action, url)
        case About.GENERAL:
            general = pgettext("thread", "In general")
            return PresentedSubject(str(subject), kind, general, general, "", says_kind=True)
    gone = _("no longer there")
    return PresentedSubject(str(subject), kind, gone, gone, "")


def _present_run(subject: Subject, kind: str) -> PresentedSubject:
    run = subject.run
    assert run is not None
    lab, short = run.version.lab, str(run.pk)[:SHORT_ID_CHARS]
    title = _("Run %(run)s of %(lab)s") % {"run": short, "lab": lab.slug}
    url = reverse("experiments:run", args=[run.pk])
    again = "" if lab.withdrawn else reverse("experiments:lab", args=[lab.slug])
    return PresentedSubject(
        str(subject),
        kind,
        title,
        short,
        url,
        _("Predict it yourself"),
        f"{again}?{urlencode({'from': run.pk})}" if again else "",
        says_kind=True,
    )
