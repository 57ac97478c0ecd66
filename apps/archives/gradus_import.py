"""What an archive of Gradus has for a learner: the log of reviews, cards, notes, bookmarks and the
plan. The dry run shows it, and the import takes it; both ask here.

Keys of rows mean nothing on another site, or in another account, and are not read: a question is
known by its slug, a review by its own key. What is evidence or was said to others stays where it
was: a run is a measurement of that site, and a post would speak in the name of whoever uploads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zipfile import ZipFile

import msgspec
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.archives import zip_reading
from apps.archives.archive_file import FORMAT, JSON, VERSION
from apps.archives.errors import BadArchive
from apps.archives.limits import MAX_JSON_BYTES
from apps.common.clock import now
from apps.common.text import clean, length
from apps.progress import days, memory
from apps.progress.models import PLAN_MINUTES, PLAN_RETENTION, GradedBy
from apps.progress.models import Note as NoteRow
from apps.progress.services.reviews import ForeignReview
from apps.questions.models import Question

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
NOT_TAKEN = {
    "runs": _("runs are measurements of the site that made them; run the labs here"),
    "attempts": _("attempts answer a question as that site had it; their reviews are taken"),
    "answers": _("answers belong to attempts"),
    "threads": _("what was said to others stays where it was said"),
    "posts": _("what was said to others stays where it was said"),
    "notices": _("notices lead to pages of that site"),
    "security_activity": _("the log of that account is not this one's"),
}


class CardRow(msgspec.Struct):
    question: str
    suspended: bool = False


class ReviewRow(msgspec.Struct):
    card_question: str
    review_id: UUID
    at: datetime
    day: date
    rating: int | None = None
    undoes: UUID | None = None
    graded_by: str = "self"
    seconds: float = 0.0


class NoteOfQuestion(msgspec.Struct):
    question: str
    text: str
    updated_at: datetime


class BookmarkRow(msgspec.Struct):
    question: str


class PlanRow(msgspec.Struct):
    minutes: int
    retention: int
    interview: date | None = None
    two_buttons: bool = False


class AccountRow(msgspec.Struct):
    handle: str


class ArchiveJson(msgspec.Struct):
    """What is read of `gradus.json`; other members are counted."""

    format: str
    version: int
    created_at: datetime
    account: AccountRow
    cards: list[CardRow] = []
    reviews: list[ReviewRow] = []
    notes: list[NoteOfQuestion] = []
    bookmarks: list[BookmarkRow] = []
    plan: list[PlanRow] = []
    runs: list[msgspec.Raw] = []
    attempts: list[msgspec.Raw] = []
    answers: list[msgspec.Raw] = []
    threads: list[msgspec.Raw] = []
    posts: list[msgspec.Raw] = []
    notices: list[msgspec.Raw] = []
    security_activity: list[msgspec.Raw] = []


@dataclass
class GradusContents:
    """What an archive has for a learner, by question."""

    handle: str
    created_at: datetime
    questions: dict[str, Question]
    cards: dict[str, bool] = field(default_factory=dict)  # slug: suspended
    reviews: dict[str, list[ForeignReview]] = field(default_factory=dict)
    notes: dict[str, NoteOfQuestion] = field(default_factory=dict)
    bookmarks: list[str] = field(default_factory=list)
    plan: PlanRow | None = None
    unknown: list[str] = field(default_factory=list)  # slugs that no question here has
    invalid: int = 0  # rows with values that no row here can have
    not_taken: dict[str, int] = field(default_factory=dict)


def is_archive(archive: ZipFile) -> bool:
    return any(info.filename == JSON for info in archive.infolist())


def read(archive: ZipFile, user: User) -> GradusContents:
    """Return what an archive has.

    Raises:
        BadArchive: it cannot be read.
    """
    data = _json(archive)
    slugs = {row.question for row in data.cards} | {row.card_question for row in data.reviews}
    slugs |= {row.question for row in data.notes} | {row.question for row in data.bookmarks}
    offered = Question.objects.offered().filter(slug__in=[clean(slug) for slug in slugs])
    questions = {question.slug: question for question in offered}
    contents = GradusContents(
        handle=clean(data.account.handle)[:100],
        created_at=data.created_at,
        questions=questions,
        unknown=sorted(clean(slug)[:100] for slug in slugs - questions.keys()),
        not_taken={name: len(rows) for name in NOT_TAKEN if (rows := getattr(data, name))},
    )
    contents.cards = {
        row.question: row.suspended for row in data.cards if row.question in questions
    }
    for row in data.reviews:
        if row.card_question in questions:
            if review := _review(row, user):
                contents.reviews.setdefault(row.card_question, []).append(review)
            else:
                contents.invalid += 1
    for note in data.notes:
        if note.question in questions:
            note.text = clean(note.text)
            if 0 < length(note.text) <= NoteRow.MAX_CHARS and _has_time(note.updated_at):
                contents.notes[note.question] = note
            else:
                contents.invalid += 1
    contents.bookmarks = sorted({row.question for row in data.bookmarks} & questions.keys())
    contents.plan = next(filter(_is_valid_plan, data.plan), None)
    return contents


def _json(archive: ZipFile) -> ArchiveJson:
    info = zip_reading.member(archive, JSON)
    if info is None:
        raise BadArchive(BadArchive.UNKNOWN)
    text = b"".join(zip_reading.chunks(archive, info, MAX_JSON_BYTES))
    try:
        data = msgspec.json.decode(text, type=ArchiveJson)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadArchive(BadArchive.NO_JSON) from error
    if data.format != FORMAT:
        raise BadArchive(BadArchive.NO_JSON)
    if data.version > VERSION:
        raise BadArchive(BadArchive.NEWER)
    return data


def _review(row: ReviewRow, user: User) -> ForeignReview | None:
    """Return a row of the log; None for values that it cannot have."""
    is_rating = row.rating is not None and row.undoes is None
    is_undo = row.rating is None and row.undoes is not None
    in_range = row.rating is None or memory.AGAIN <= row.rating <= memory.EASY
    if not (is_rating or is_undo) or not in_range or not _has_time(row.at):
        return None
    # the day of the zone in which they were then, which differs from that of their present one
    there = days.day_of(row.at, user.time_zone)
    return ForeignReview(
        review_id=row.review_id,
        rating=row.rating,
        at=row.at,
        undoes=row.undoes,
        day=row.day if abs(row.day - there) <= timedelta(days=1) else there,
        seconds=row.seconds,
        graded_by=row.graded_by if row.graded_by in GradedBy.values else GradedBy.SELF,
    )


def _has_time(at: datetime) -> bool:
    return at.tzinfo is not None and FIRST <= at <= now()


def _is_valid_plan(plan: PlanRow) -> bool:
    bounds: list[tuple[int, tuple[int, int]]] = [
        (plan.minutes, PLAN_MINUTES),
        (plan.retention, PLAN_RETENTION),
    ]
    return all(low <= value <= high for value, (low, high) in bounds)
