"""What an archive of Gradus has for a learner: the log of reviews, cards, private cards, notes,
bookmarks and the plan. The dry run shows it, and the import takes it; both ask here.

Keys of rows mean nothing on another site, or in another account, and are not read: a question is
known by its slug, a review by its own key. What is evidence or was said to others stays where it
was: a run is a measurement of that site, and a post would speak in the name of whoever uploads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
from apps.common.text import clean, displayable, length
from apps.progress import days, memory
from apps.progress.models import PLAN_MINUTES, PLAN_RETENTION, GradedBy
from apps.progress.models import Note as NoteRow
from apps.progress.services.reviews import ForeignReview
from apps.questions import private_cards
from apps.questions import selectors as bank
from apps.questions.limits import MAX_GUID_LENGTH, MAX_ORIGIN_LENGTH, MAX_PRIVATE_CHARS
from apps.questions.models import Question
from apps.questions.private_cards import CardText, ForeignCard

SHA256 = re.compile(r"[0-9a-f]{64}")
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


class PrivateCardRow(msgspec.Struct):
    slug: str
    guid: str
    front: str
    back: str
    text_format: str
    updated_at: datetime
    origin: str = ""
    sha256: str = ""


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
    private_cards: list[PrivateCardRow] = []
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
    private: dict[str, ForeignCard] = field(default_factory=dict)  # by slug there
    own_slugs: dict[str, str] = field(default_factory=dict)  # of those that are here, by slug there
    private_left_out: int = 0  # beyond what one may have
    unknown: list[str] = field(default_factory=list)  # slugs that no question here has
    invalid: int = 0  # rows with values that no row here can have
    not_taken: dict[str, int] = field(default_factory=dict)

    def slug_here(self, slug: str) -> str:
        """Return the slug that a question of the archive has on this site."""
        return self.own_slugs.get(slug, slug)


def is_archive(archive: ZipFile) -> bool:
    return any(info.filename == JSON for info in archive.infolist())


def read(archive: ZipFile, user: User) -> GradusContents:
    """Return what an archive has.

    Raises:
        BadArchive: it cannot be read.
    """
    data = _json(archive)
    private = _private_cards(data.private_cards, user)
    slugs = {row.question for row in data.cards} | {row.card_question for row in data.reviews}
    slugs |= {row.question for row in data.notes} | {row.question for row in data.bookmarks}
    offered = Question.objects.offered().filter(slug__in=[clean(slug) for slug in slugs])
    questions = {question.slug: question for question in offered}
    slugs_taken = questions.keys() | private.cards.keys()
    contents = GradusContents(
        handle=clean(data.account.handle)[:100],
        created_at=data.created_at,
        questions=questions,
        unknown=sorted(clean(slug)[:100] for slug in slugs - slugs_taken),
        private=private.cards,
        own_slugs=private.own_slugs,
        private_left_out=private.left_out,
        invalid=private.invalid,
        not_taken={name: len(rows) for name in NOT_TAKEN if (rows := getattr(data, name))},
    )
    contents.cards = {
        row.question: row.suspended for row in data.cards if row.question in slugs_taken
    }
    for row in data.reviews:
        if row.card_question in slugs_taken:
            if review := _review(row, user):
                contents.reviews.setdefault(row.card_question, []).append(review)
            else:
                contents.invalid += 1
    for note in data.notes:
        if note.question in slugs_taken:
            note.text = clean(note.text)
            if 0 < length(note.text) <= NoteRow.MAX_CHARS and _has_time(note.updated_at):
                contents.notes[note.question] = note
            else:
                contents.invalid += 1
    contents.bookmarks = sorted({row.question for row in data.bookmarks} & slugs_taken)
    contents.plan = next(filter(_is_valid_plan, data.plan), None)
    return contents


@dataclass
class _PrivateCards:
    cards: dict[str, ForeignCard] = field(default_factory=dict)  # by slug
    own_slugs: dict[str, str] = field(default_factory=dict)
    invalid: int = 0
    left_out: int = 0


def _private_cards(rows: Iterable[PrivateCardRow], user: User) -> _PrivateCards:
    """Return the private cards of an archive: as many as the person has room for."""
    result, room = _PrivateCards(), bank.room_for_cards(user)
    present, guids = private_cards.by_guid(user), set[str]()
    cards_left, chars_left = room.cards, room.chars
    unread = MAX_PRIVATE_CHARS  # no archive has more; to sanitize it takes its time
    for row in rows:
        unread -= len(row.front) + len(row.back)
        if unread < 0:
            result.left_out += 1
            continue
        card = _private_card(row)
        if card is None or card.guid in guids or row.slug in result.cards:
            result.invalid += 1
            continue
        here = present.get(card.guid)
        chars = private_cards.chars_taken(here, card)
        if (here is None and cards_left <= 0) or chars > chars_left:
            result.left_out += 1
            continue
        cards_left -= here is None
        chars_left -= chars
        guids.add(card.guid)
        result.cards[row.slug] = card
        if here is not None:
            result.own_slugs[row.slug] = here.slug
    return result


def _private_card(row: PrivateCardRow) -> ForeignCard | None:
    """Return a private card as it would be stored; None for one that cannot be."""
    guid = displayable(clean(row.guid)).strip()
    formats = (private_cards.MARKDOWN, private_cards.HTML)
    is_valid = 0 < len(guid) <= MAX_GUID_LENGTH and row.slug.startswith(private_cards.SLUG_PREFIX)
    if not is_valid or row.text_format not in formats or not _has_time(row.updated_at):
        return None
    try:
        text = private_cards.cleaned(CardText(row.front, row.back, row.text_format))
    except private_cards.BadCard:
        return None
    origin = displayable(clean(row.origin)).strip()[:MAX_ORIGIN_LENGTH]
    sha256 = row.sha256 if SHA256.fullmatch(row.sha256) else ""
    return ForeignCard(guid, text, origin, sha256, row.updated_at)


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
