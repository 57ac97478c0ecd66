"""Every write to the bank, except the editing of drafts in the admin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import BadRequest, Refused
from apps.common.structs import BadFact, check_storable
from apps.common.text import CONTENT_LANGUAGES, clean
from apps.notices.models import Kind as NoticeKind
from apps.notices.services import notify
from apps.questions import html_columns, validators
from apps.questions.limits import MAX_SYNONYMS
from apps.questions.models import Question, Report, Revision, RevisionText

REVISION_HTML = [
    "html_version",
    *(
        f"{field}_html_{language}"
        for field in html_columns.REVISION_FIELDS
        for language in CONTENT_LANGUAGES
    ),
]
TEXT_HTML = [
    f"{column}_{language}" for column in ("html", "detail_html") for language in CONTENT_LANGUAGES
]


# what an author writes in a draft, beside its texts, and in a text
DRAFT_COLUMNS = (
    "title_en",
    "title_zh",
    "statement_en",
    "statement_zh",
    "short_answer_en",
    "short_answer_zh",
    "answer_en",
    "answer_zh",
    "facts",
    "sources",
    "labs",
    "claims",
    "related",
    "synonyms",
    "starter",
    "reference",
)
TEXT_COLUMNS = ("key", "text_en", "text_zh", "detail_en", "detail_zh")


class NotPublishable(Refused):
    """A draft has faults; `extra["faults"]` lists them."""

    code = "not-publishable"
    status = 422


class AlreadyPublished(Refused):
    """A revision is published, and no draft any more: it never changes."""

    code = "already-published"


class TooManyReports(Refused):
    """A person has as many open reports as the bank allows."""

    code = "too-many-reports"
    status = 429


@transaction.atomic
def publish_revision(*, revision: Revision, texts: Sequence[RevisionText]) -> Revision:
    """Store a new revision, whose HTML is rendered already, with its texts, and make it the
    question's current one.
    """
    question = lock_question(revision.question_id)
    revision.number = next_number(question)
    revision.save(force_insert=True)
    for text in texts:
        text.revision = revision
    RevisionText.objects.bulk_create(texts)
    return _make_current(question, revision)


@transaction.atomic
def publish_draft(*, revision: Revision) -> Revision:
    """Publish a draft that was written in the admin.

    Raises:
        NotPublishable: its facts or its texts have faults.
    """
    question = lock_question(revision.question_id)
    revision = Revision.objects.select_for_update().get(pk=revision.pk)
    if revision.is_published:
        return revision
    texts = list(revision.texts.all())
    if faults := render_draft(revision, texts):
        raise NotPublishable(
            _("This draft cannot be published yet: %(faults)s") % {"faults": "; ".join(faults)},
            faults=faults,
        )
    revision.save(update_fields=[*REVISION_HTML, "outline"])
    RevisionText.objects.bulk_update(texts, TEXT_HTML)
    Question.objects.filter(pk=question.pk).update(
        **{name: revision.facts[name] for name in ("topic", "kinds", "difficulty")}
    )
    record(Kind.REVISION_PUBLISHED, subject=f"{question.slug} r{revision.number}")
    return _make_current(question, revision)


def render_draft(revision: Revision, texts: Sequence[RevisionText]) -> list[str]:
    """Fill the outline and the HTML columns of a draft's rows, without storing them. Returns what
    is wrong with the draft, as sentences.
    """
    if not isinstance(revision.facts, dict):
        return [_("Facts must be one JSON object, as in question.toml.")]
    links = {name: getattr(revision, name) for name in ("sources", "labs", "claims", "related")}
    if synonyms := [line for line in revision.synonyms.splitlines() if line.strip()]:
        # the column does not say which language they are in
        links["synonyms"] = {"en": synonyms[:MAX_SYNONYMS], "zh": synonyms[MAX_SYNONYMS:]}
    try:
        facts = validators.check(
            {**revision.facts, **{name: value for name, value in links.items() if value}}
        )
        revision.outline = outline_of(texts)
        validators.check_against(facts, revision.outline)
        validators.check_samples(facts)
    except BadFact as error:
        return [f"{'.'.join(map(str, error.path)) or 'facts'}: {error.message}"]
    if one_sided := _in_one_language(revision, texts):
        return [_("%(text)s: write it in both languages, or in none.") % {"text": one_sided}]
    return [
        f"{fault.html_column.name} ({fault.html_column.language}): {fault.message}"
        for fault in html_columns.render_html(revision, texts)
    ]


def _in_one_language(revision: Revision, texts: Sequence[RevisionText]) -> str:
    """Return the name of a text that may be left out and is there in one language only."""
    if bool(revision.short_answer_en) != bool(revision.short_answer_zh):
        return "short_answer"
    for text in texts:
        for field in ("text", "detail"):
            column = html_columns.HtmlColumn(text, field, "en")
            if bool(column.source) != bool(getattr(text, f"{field}_zh")):
                return column.name
    return ""


def outline_of(texts: Sequence[RevisionText]) -> dict[str, Any]:
    """Return the outline of a revision's texts.

    Raises:
        BadFact: the numbers of its parts are not 1, 2, 3, …
    """
    in_order = sorted(texts, key=lambda text: text.position)
    places = [validators.TextPlace(text.kind, text.part, text.key) for text in in_order]
    return validators.outline(places)


@transaction.atomic
def draft_from(*, question: Question) -> Revision:
    """Create a draft with the contents of the question's current revision.

    Raises:
        BadRequest: it has drafts alone.
    """
    question = lock_question(question.pk)
    if question.current is None:
        raise BadRequest(
            _("This question has no published revision to begin from. Edit its draft.")
        )
    draft, texts = question.current, list(question.current.texts.all())
    draft.pk, draft.number, draft.published_at = None, next_number(question), None
    draft._state.adding = True
    draft.created_at = Clock()
    draft.save()
    for text in texts:
        text.pk, text.revision = None, draft
    RevisionText.objects.bulk_create(texts)
    return draft


def lock_draft(pk: int) -> Revision:
    """Return a draft, locked.

    Raises:
        AlreadyPublished: it is no draft.
    """
    rows = Revision.objects.select_for_update(of=("self",)).select_related("question")
    revision = rows.get(pk=pk)
    if revision.is_published:
        raise AlreadyPublished(
            _("This revision is published, and never changes. Begin a draft from it.")
        )
    return revision


@transaction.atomic
def edit_draft(
    *, draft: Revision, changes: Mapping[str, Any], texts: Sequence[RevisionText] | None = None
) -> None:
    """Store changes of a locked draft. As in the admin, only what can be stored is checked; what
    it says is when it is published.

    Args:
        changes: by name, of `DRAFT_COLUMNS`.
        texts: all of them; without, they stay.
    Raises:
        BadRequest: `errors` names the fields; nothing is stored.
    """
    for column, value in changes.items():
        setattr(draft, column, value)
    errors = [*_unstorable(changes), *_wrong_texts(texts or ())]
    if errors:
        raise BadRequest(f"{errors[0]['field']}: {errors[0]['message']}", errors=errors)
    if changes:
        draft.save(update_fields=[*changes])
    if texts is not None:
        draft.texts.all().delete()
        for text in texts:
            text.revision = draft
        RevisionText.objects.bulk_create(texts)


def _unstorable(changes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, value in changes.items():
        try:
            check_storable(value, (name,))
        except BadFact as error:
            yield {"field": ".".join(map(str, error.path)), "message": error.message}


def _wrong_texts(texts: Sequence[RevisionText]) -> Iterator[dict[str, str]]:
    places = set()
    for number, text in enumerate(texts):
        try:
            text.full_clean(exclude=["revision"], validate_unique=False)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                field = "" if name == "__all__" else f".{name}"
                yield {"field": f"texts.{number}{field}", "message": messages[0]}
        place = (text.kind, text.part, text.position)
        if place in places:
            message = _("Another text has the same kind, part and position.")
            yield {"field": f"texts.{number}.position", "message": message}
        places.add(place)


@transaction.atomic
def rerender(*, revision: Revision) -> None:
    """Render a revision's HTML again, because the renderer has changed."""
    texts = list(revision.texts.all())
    html_columns.render_html(revision, texts)
    revision.save(update_fields=REVISION_HTML)
    RevisionText.objects.bulk_update(texts, TEXT_HTML)


def lock_question(pk: int) -> Question:
    return Question.objects.select_for_update().get(pk=pk)


def next_number(question: Question) -> int:
    """Return the number of a new revision of a locked question."""
    return (question.revisions.aggregate(last=Max("number"))["last"] or 0) + 1


def _make_current(question: Question, revision: Revision) -> Revision:
    Revision.objects.filter(pk=revision.pk).update(published_at=Clock())
    Question.objects.filter(pk=question.pk).update(current=revision)
    revision.refresh_from_db(fields=["published_at"])
    return revision


@transaction.atomic
def report_mistake(
    *, reporter: User, revision: Revision, about: str, text: str, language: str, key: str
) -> Report:
    """Store a learner's report of a mistake. Idempotent by `key`.

    Raises:
        TooManyReports: too many of the learner's reports are open.
    """
    # one report of a person at a time, so that the count below is exact
    lock_user(reporter)
    if report := Report.objects.filter(reporter=reporter, key=key).first():
        return report
    open_reports = Report.objects.filter(reporter=reporter, state=Report.State.OPEN).count()
    if open_reports >= Report.MAX_OPEN_REPORTS:
        raise TooManyReports(
            _("You have %(n)s reports that are still open. Thank you; let us read those first.")
            % {"n": Report.MAX_OPEN_REPORTS}
        )
    return Report.objects.create(
        reporter=reporter,
        key=key,
        revision=revision,
        question_id=revision.question_id,
        about=about,
        text=clean(text),
        language=language,
    )


@transaction.atomic
def tell_reporter(*, report: Report) -> None:
    """Tell a learner that their report was decided. The operator's note is not told."""
    if report.state == Report.State.OPEN or report.reporter_id is None:
        return
    revision = report.question.current or report.revision
    notify(
        people=[report.reporter_id],
        kind=NoticeKind.REPORT,
        subject=f"report:{report.pk}",
        title=revision.title_en,
        path=report.question.get_absolute_url(),
        details={
            "of": "question",
            "outcome": report.state,
            "title": {"en": revision.title_en, "zh": revision.title_zh},
        },
    )
