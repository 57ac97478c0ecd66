"""Every write to the bank that is not a draft being edited."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.common.errors import Refused
from apps.common.text import clean
from apps.questions import html_columns
from apps.questions import schema as rules
from apps.questions.models import Question, Report, Revision, RevisionText
from apps.questions.validators import BadFact

SET = ("title", "statement", "answer")
HTML = [f"{name}_html_{language}" for name in SET for language in html_columns.LANGUAGES] + [
    "html_made_by"
]
TEXT_HTML = [
    f"{name}_{language}" for name in ("html", "reason_html") for language in html_columns.LANGUAGES
]


class NotPublishable(Refused):
    """A draft has faults; `extra["faults"]` lists them."""

    code = "not-publishable"
    status = 422


class TooManyReports(Refused):
    """A person has as many reports waiting as may be."""

    code = "too-many-reports"
    status = 429


@transaction.atomic
def publish_made(*, revision: Revision, text_rows: Sequence[RevisionText]) -> Revision:
    """Store a new revision whose HTML is made, with its texts, and make it the question's present
    one.
    """
    question = Question.objects.select_for_update().get(pk=revision.question_id)
    last = question.revisions.aggregate(last=Max("number"))["last"]
    revision.number = (last or 0) + 1
    revision.save(force_insert=True)
    for text_row in text_rows:
        text_row.revision = revision
    RevisionText.objects.bulk_create(text_rows)
    return _make_current(question, revision)


@transaction.atomic
def publish_draft(*, revision: Revision) -> Revision:
    """Publish a draft that was written in the admin.

    Raises:
        NotPublishable: its facts or its texts have faults.
    """
    question = Question.objects.select_for_update().get(pk=revision.question_id)
    revision = Revision.objects.select_for_update().get(pk=revision.pk)
    if revision.is_published:
        return revision
    text_rows = list(revision.texts.all())
    if faults := faults_of(revision, text_rows):
        raise NotPublishable(
            _("This draft cannot be published yet: %(faults)s") % {"faults": "; ".join(faults)},
            faults=faults,
        )
    revision.save(update_fields=HTML)
    RevisionText.objects.bulk_update(text_rows, TEXT_HTML)
    Question.objects.filter(pk=question.pk).update(
        **{name: revision.facts[name] for name in ("topic", "kinds", "difficulty")}
    )
    return _make_current(question, revision)


def faults_of(revision: Revision, text_rows: Sequence[RevisionText]) -> list[str]:
    """Return what is wrong with a draft, in words, and fill the HTML columns of its rows."""
    if not isinstance(revision.facts, dict):
        return [_("Facts must be one JSON object, as in question.toml.")]
    counts: dict[str, int] = {}
    options: dict[int, list[str]] = {}
    for text_row in text_rows:
        counts[text_row.kind] = counts.get(text_row.kind, 0) + 1
        if text_row.kind == RevisionText.Kind.OPTION:
            options.setdefault(text_row.group, []).append(text_row.key)
    said = {name: value for name, value in revision.facts.items() if name != "review"}
    links = {name: getattr(revision, name) for name in ("sources", "labs", "claims", "related")}
    try:
        rules.check({**said, **{name: value for name, value in links.items() if value}})
        rules.check_against(said, counts, options, has_rows="rows" in said.get("variant", {}))
        if "variant" in said:
            rules.check_samples(said["variant"])
    except BadFact as error:
        return [f"{'.'.join(map(str, error.path)) or 'facts'}: {error.what}"]
    return [
        f"{fault.text.name} ({fault.text.language}): {fault.what}"
        for fault in html_columns.set_html(revision, text_rows)
    ]


@transaction.atomic
def draft_from(*, question: Question) -> Revision:
    """Make a draft with all that the question's present revision says."""
    question = Question.objects.select_for_update().get(pk=question.pk)
    assert question.current is not None
    draft, text_rows = question.current, list(question.current.texts.all())
    last = question.revisions.aggregate(last=Max("number"))["last"]
    draft.pk, draft.number, draft.published_at, draft._state.adding = None, last + 1, None, True
    draft.created_at = Clock()
    draft.save()
    for text_row in text_rows:
        text_row.pk, text_row.revision = None, draft
    RevisionText.objects.bulk_create(text_rows)
    return draft


@transaction.atomic
def set_again(*, revision: Revision) -> None:
    """Make a revision's HTML anew, because what makes it has changed."""
    text_rows = list(revision.texts.all())
    html_columns.set_html(revision, text_rows)
    revision.save(update_fields=HTML)
    RevisionText.objects.bulk_update(text_rows, TEXT_HTML)


def _make_current(question: Question, revision: Revision) -> Revision:
    Revision.objects.filter(pk=revision.pk).update(published_at=Clock())
    Question.objects.filter(pk=question.pk).update(current=revision)
    revision.refresh_from_db(fields=["published_at"])
    return revision


@transaction.atomic
def report_mistake(
    *, reporter: User, revision: Revision, about: str, text: str, language: str, key: str
) -> Report:
    """Store that someone found a mistake. The same key again is the same report.

    Raises:
        TooManyReports: too many of theirs wait for an answer.
    """
    # one report of a person at a time: the count below is exact
    User.objects.select_for_update().get(pk=reporter.pk)
    if known := Report.objects.filter(reporter=reporter, key=key).first():
        return known
    if (
        Report.objects.filter(reporter=reporter, state=Report.State.OPEN).count()
        >= Report.MAX_OPEN_REPORTS
    ):
        raise TooManyReports(
            _("You have %(n)s reports that are still open. Thank you; let us read those first.")
            % {"n": Report.MAX_OPEN_REPORTS}
        )
    said = {"about": about, "text": clean(text), "language": language}
    return Report.objects.create(
        reporter=reporter, key=key, revision=revision, question_id=revision.question_id, **said
    )
