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
from apps.questions import schema as rules
from apps.questions import html_columns
from apps.questions.validators import BadFact
from apps.questions.models import Piece, Question, Report, Revision

SET = ("title", "statement", "answer")
HTML = [f"{name}_html_{language}" for name in SET for language in html_columns.LANGUAGES] + [
    "html_made_by"
]
PIECE_HTML = [
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
def publish_made(*, revision: Revision, pieces: Sequence[Piece]) -> Revision:
    """Store a new revision whose HTML is made, with its pieces, and make it the question's present
    one.
    """
    question = Question.objects.select_for_update().get(pk=revision.question_id)
    last = question.revisions.aggregate(last=Max("number"))["last"]
    revision.number = (last or 0) + 1
    revision.save(force_insert=True)
    for piece in pieces:
        piece.revision = revision
    Piece.objects.bulk_create(pieces)
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
    pieces = list(revision.pieces.all())
    if faults := faults_of(revision, pieces):
        raise NotPublishable(
            _("This draft cannot be published yet: %(faults)s") % {"faults": "; ".join(faults)},
            faults=faults,
        )
    revision.save(update_fields=HTML)
    Piece.objects.bulk_update(pieces, PIECE_HTML)
    Question.objects.filter(pk=question.pk).update(
        **{name: revision.facts[name] for name in ("topic", "kinds", "difficulty")}
    )
    return _make_current(question, revision)


def faults_of(revision: Revision, pieces: Sequence[Piece]) -> list[str]:
    """Return what is wrong with a draft, in words, and fill the HTML columns of its rows."""
    if not isinstance(revision.facts, dict):
        return [_("Facts must be one JSON object, as in question.toml.")]
    counts: dict[str, int] = {}
    options: dict[int, list[str]] = {}
    for piece in pieces:
        counts[piece.kind] = counts.get(piece.kind, 0) + 1
        if piece.kind == Piece.Kind.OPTION:
            options.setdefault(piece.group, []).append(piece.key)
    said = {name: value for name, value in revision.facts.items() if name != "review"}
    links = {name: getattr(revision, name) for name in ("sources", "labs", "claims", "related")}
    try:
        rules.check({**said, **{name: value for name, value in links.items() if value}})
        rules.check_against(said, counts, options, has_rows="rows" in said.get("variant", {}))
        if "variant" in said:
            rules.check_draws(said["variant"])
    except BadFact as error:
        return [f"{'.'.join(map(str, error.path)) or 'facts'}: {error.what}"]
    return [
        f"{fault.text.name} ({fault.text.language}): {fault.what}"
        for fault in html_columns.set_html(revision, pieces)
    ]


@transaction.atomic
def draft_from(*, question: Question) -> Revision:
    """Make a draft with all that the question's present revision says."""
    question = Question.objects.select_for_update().get(pk=question.pk)
    assert question.current is not None
    draft, pieces = question.current, list(question.current.pieces.all())
    last = question.revisions.aggregate(last=Max("number"))["last"]
    draft.pk, draft.number, draft.published_at, draft._state.adding = None, last + 1, None, True
    draft.created_at = Clock()
    draft.save()
    for piece in pieces:
        piece.pk, piece.revision = None, draft
    Piece.objects.bulk_create(pieces)
    return draft


@transaction.atomic
def set_again(*, revision: Revision) -> None:
    """Make a revision's HTML anew, because what makes it has changed."""
    pieces = list(revision.pieces.all())
    html_columns.set_html(revision, pieces)
    revision.save(update_fields=HTML)
    Piece.objects.bulk_update(pieces, PIECE_HTML)


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
        >= Report.MOST_OPEN
    ):
        raise TooManyReports(
            _("You have %(n)s reports that are still open. Thank you; let us read those first.")
            % {"n": Report.MOST_OPEN}
        )
    said = {"about": about, "text": clean(text), "language": language}
    return Report.objects.create(
        reporter=reporter, key=key, revision=revision, question_id=revision.question_id, **said
    )
