"""What an Anki package has for a learner: the cards that are questions of this site, with their
history, and other notes, which become private cards. The dry run shows it, and the import takes it;
both ask here.

A note is a private card if the learner has one of its GUID; a question if its GUID says so, or else
if its first field is the question's title or statement, in either language; else a new private
card. Its front is the first field, its back the others; a cloze note is a card for each of its
gaps. Templates are not read.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID
from zipfile import ZipFile

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.archives import anki_collection
from apps.archives.anki_collection import AnkiCard, AnkiNote, AnkiReview
from apps.archives.anki_html import with_mathjax
from apps.archives.anki_package import slug_of
from apps.archives.limits import MAX_LISTED
from apps.common.clock import now
from apps.common.text import clean, displayable, length
from apps.progress.services.reviews import ForeignReview
from apps.questions import card_text, private_cards
from apps.questions import selectors as bank
from apps.questions.limits import MAX_GUID_LENGTH, MAX_PRIVATE_CHARS, MAX_SIDE_CHARS
from apps.questions.models import Question
from apps.questions.private_cards import CardText, ForeignCard

NAMESPACE = uuid.UUID("5f0f3b52-66a8-5d4b-9c0a-8c0f6a5f0a11")
FIRST = datetime(2006, 10, 1, tzinfo=UTC)  # there was no Anki before
SAME_SECONDS = 1.0  # two ratings of a card that are as close are one: a package has milliseconds
MAX_REVIEWS_OF_A_CARD = 2_000
MAX_FRONT_CHARS = 120  # of a card that the page names
# linear, whatever is not closed
TAG, SPACES = re.compile(r"<[^<>]*>"), re.compile(r"\s+")
UNSAID = re.compile(r"[^\w+\-=<>^/]|_")
MAX_COMPARED_CHARS = 20_000  # of a field
NO_TIME, TOO_LONG, ANOTHER_CARD, ANOTHER_NOTE = "time", "long", "card", "note"
NO_EFFECT, BEFORE_RESET, NO_CARD = "effect", "reset", "cardless"
NO_HISTORY, MALFORMED = "history", "malformed"
# of notes that become no private card, and of what such a card lacks
OF_A_BANK, NO_SIDES, TOO_MUCH_TEXT = "bank", "sides", "text"
TOO_MANY_CARDS, TOO_MANY_CHARS, MEDIA = "full", "chars", "media"
MAX_NOTE_CHARS = 60_000  # of all fields, as they are in Anki
MAX_GAPS, MAX_FIELDS = 50, 20  # of a note
# of all notes, each gap's text counted for itself: what a package packs into nothing, and would
# take hours to sanitize
MAX_READ_CHARS = 3 * MAX_PRIVATE_CHARS
GAP = re.compile(r"#[0-9]+\Z")  # of a cloze note, in a GUID
SEPARATOR = "<hr>"  # between the fields of a back
LEFT_OUT = {
    NO_TIME: _("reviews at a time at which there was no Anki, or in the future"),
    TOO_LONG: _("reviews of a card beyond the first 2000"),
    ANOTHER_CARD: _("further cards of a note of which one is taken"),
    ANOTHER_NOTE: _("further notes of the same question, or of the same GUID"),
    NO_CARD: _("notes without a card"),
    NO_EFFECT: _("entries of the log that rate nothing, such as cramming and days set by hand"),
    BEFORE_RESET: _("reviews before a card was reset"),
    NO_HISTORY: _("intervals of cards without a review in the file: they begin as new ones"),
    MALFORMED: _("rows that are not as Anki writes them"),
    OF_A_BANK: _("notes of a question that this site does not have, or has withdrawn"),
    NO_SIDES: _("notes whose front or back has no text"),
    TOO_MUCH_TEXT: _("notes with more than 10 000 characters on a side"),
    TOO_MANY_CARDS: _("notes beyond the 5000 private cards that one can have"),
    TOO_MANY_CHARS: _("notes beyond the text that one's private cards can have"),
    MEDIA: _("pictures, sounds and videos of private cards: their text is taken without them"),
}


@dataclass
class MatchedCard:
    """A card that is a question of this site."""

    question: Question
    card: AnkiCard
    by_guid: bool
    reviews: list[ForeignReview] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What its reviews are named by."""
        return self.question.slug


@dataclass
class PrivateCard:
    """A card that is, or becomes, a private card."""

    foreign: ForeignCard
    card: AnkiCard
    present: Question | None  # that the learner has already
    reviews: list[ForeignReview] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.foreign.guid

    @property
    def is_changed(self) -> bool:
        return self.present is not None and private_cards.differs(self.present, self.foreign)


@dataclass
class AnkiContents:
    """What a package has for a learner."""

    matched: list[MatchedCard] = field(default_factory=list)
    private: list[PrivateCard] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # fronts of notes that are not taken
    other_count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def read(archive: ZipFile, owner: User, origin: str = "") -> AnkiContents:
    """Return what a package has.

    Args:
        origin: the name of its file.
    Raises:
        BadArchive: it cannot be read.
    """
    contents = AnkiContents()
    with anki_collection.opened(archive) as collection:
        notes = _Notes(contents, owner, origin)
        for note in collection.notes():
            notes.add(note)
        by_note = notes.questions()
        cards: dict[int, AnkiCard] = {}
        private: dict[tuple[int, int], AnkiCard] = {}
        for card in collection.cards():
            if card.note_id in by_note:
                first = cards.setdefault(card.note_id, card)
                if card is not first:
                    contents.left_out[ANOTHER_CARD] += 1
                    if card.place < first.place:
                        cards[card.note_id] = card
            elif card.note_id in notes.private:
                place = card.place if card.place in notes.private[card.note_id] else 0
                first = private.setdefault((card.note_id, place), card)
                if card is not first:
                    contents.left_out[ANOTHER_CARD] += 1
                    if card.place < first.place:
                        private[card.note_id, place] = card
        contents.left_out[NO_CARD] += len(by_note.keys() - cards.keys())
        contents.left_out[NO_CARD] += len(notes.private.keys() - {note for note, _ in private})
        for note_id, card in sorted(cards.items()):
            question, by_guid = by_note[note_id]
            contents.matched.append(MatchedCard(question, card, by_guid))
        for (note_id, place), card in sorted(private.items()):
            if foreign := notes.private[note_id].get(place):
                present = notes.present.get(foreign.guid)
                contents.private.append(PrivateCard(foreign, card, present))
        _read_reviews(collection, contents)
        contents.left_out[MALFORMED] += collection.malformed
    contents.matched.sort(key=lambda match: match.question.slug)
    return contents


class _Notes:
    """The notes of a package, each told apart as it comes: of what is not taken, only the first
    fronts are kept.
    """

    def __init__(self, contents: AnkiContents, owner: User, origin: str) -> None:
        self.contents, self.origin = contents, origin
        self.present = private_cards.by_guid(owner)
        # of a cloze note the first gap may be missing
        self.known = {*self.present, *(GAP.sub("", guid) for guid in self.present)}
        room = bank.room_for_cards(owner)
        self.cards_left, self.chars_left = room.cards, room.chars
        self.unread_chars = MAX_READ_CHARS
        questions = Question.objects.offered().select_related("current")
        self.by_slug = {question.slug: question for question in questions}
        self.by_text = _by_text(self.by_slug.values())
        self.by_question: dict[str, tuple[int, bool]] = {}
        self.private: dict[int, dict[int, ForeignCard]] = {}  # by note and place of the card
        self.guids: set[str] = set()

    def questions(self) -> dict[int, tuple[Question, bool]]:
        """Return the questions of notes, by the note's key, and whether the GUID says so."""
        return {note: (self.by_slug[slug], guid) for slug, (note, guid) in self.by_question.items()}

    def add(self, note: AnkiNote) -> None:
        if guid_of_card(note.guid, 0) in self.known:
            self._add_private(note)
            return
        by_guid = self.by_slug.get(slug_of(note.guid))
        question = by_guid or self.by_text.get(normalized(note.fields[0]))
        if question is None:
            self._add_private(note)
        elif question.slug not in self.by_question:
            self.by_question[question.slug] = note.id, by_guid is not None
        else:
            self.contents.left_out[ANOTHER_NOTE] += 1
            if by_guid and not self.by_question[question.slug][1]:
                self.by_question[question.slug] = note.id, True

    def _add_private(self, note: AnkiNote) -> None:
        if reason := self._reason_against(note):
            self._leave_out(note, reason)
            return
        self.unread_chars -= _chars_to_read(note)
        digest = hashlib.sha256("\x1f".join(note.fields).encode()).hexdigest()
        taken: dict[int, ForeignCard] = {}
        for place, text in _sides(note):
            card = ForeignCard(guid_of_card(note.guid, place), text, self.origin, digest)
            if reason := self._reason_against_card(card):
                self._leave_out(note, reason)
                break
            self.guids.add(card.guid)
            self.cards_left -= card.guid not in self.present
            self.chars_left -= self._chars_of(card)
            taken[place] = card
        else:
            if not taken:
                self._leave_out(note, NO_SIDES)
        if taken:
            self.private[note.id] = taken
            self.contents.left_out[MEDIA] += sum(map(card_text.count_media, note.fields))

    def _reason_against(self, note: AnkiNote) -> str:
        is_known = guid_of_card(note.guid, 0) in self.known
        if slug_of(note.guid):
            return OF_A_BANK
        if not is_known and self.cards_left <= 0:
            return TOO_MANY_CARDS
        if sum(map(len, note.fields)) > MAX_NOTE_CHARS:
            return TOO_MUCH_TEXT
        return TOO_MANY_CHARS if _chars_to_read(note) > self.unread_chars else ""

    def _reason_against_card(self, card: ForeignCard) -> str:
        if card.guid in self.guids:
            return ANOTHER_NOTE
        if max(length(card.text.front), length(card.text.back)) > MAX_SIDE_CHARS:
            return TOO_MUCH_TEXT
        if card.guid not in self.present and self.cards_left <= 0:
            return TOO_MANY_CARDS
        return TOO_MANY_CHARS if self._chars_of(card) > self.chars_left else ""

    def _chars_of(self, card: ForeignCard) -> int:
        return private_cards.chars_taken(self.present.get(card.guid), card)

    def _leave_out(self, note: AnkiNote, reason: str) -> None:
        self.contents.left_out[reason] += 1
        self.contents.other_count += 1
        if len(self.contents.others) < MAX_LISTED:
            self.contents.others.append(_front(note))


def guid_of_card(guid: str, place: int) -> str:
    """Return what a private card is known by: the GUID of its note, and for further gaps of a cloze
    note their number.
    """
    name = displayable(clean(guid)).strip() or "-"
    if place:
        name = f"{name}#{place + 1}"
    if len(name) > MAX_GUID_LENGTH:
        return hashlib.sha256(name.encode()).hexdigest()[:MAX_GUID_LENGTH]
    return name


def _chars_to_read(note: AnkiNote) -> int:
    """Return how many characters `_sides` sanitizes."""
    first, others = len(note.fields[0]), sum(map(len, note.fields[1:MAX_FIELDS]))
    gaps = len(card_text.cloze_numbers(note.fields[0])[:MAX_GAPS])
    return others + first * (2 * gaps or 1)


def _sides(note: AnkiNote) -> Iterator[tuple[int, CardText]]:
    """Yield the text of each of a note's cards, by its place; not of one whose front or back says
    nothing, nor of the gaps after it, which would say no more.
    """
    first, rest = note.fields[0], note.fields[1:MAX_FIELDS]
    others = [card_text.sanitized(text) for text in rest]
    backs = [text for text in others if card_text.says_something(text)]
    for number in card_text.cloze_numbers(first)[:MAX_GAPS] or [0]:
        back = backs
        if number:
            front = card_text.sanitized(card_text.with_gap(first, number))
            filled = card_text.sanitized(card_text.without_gap(first, number))
            back = [filled, *backs] if card_text.says_something(filled) else backs
        else:
            front = card_text.sanitized(first)
        if not (back and card_text.says_something(front)):
            return
        yield max(0, number - 1), CardText(front, SEPARATOR.join(back), private_cards.HTML)


def _by_text(questions: Iterable[Question]) -> dict[str, Question]:
    """Return questions by what may stand on a card's front; a text that two have names neither."""
    by_text: dict[str, list[Question]] = {}
    for question in questions:
        revision = question.current
        assert revision is not None
        texts = {
            normalized(with_mathjax(getattr(revision, f"{name}{ending}_{language}")))
            for name in ("title", "statement")
            for ending in ("", "_html")
            for language in ("en", "zh")
        }
        for text in texts - {""}:
            by_text.setdefault(text, []).append(question)
    return {text: which[0] for text, which in by_text.items() if len(which) == 1}


def normalized(html: str) -> str:
    """Return what a text says, whatever its case, spaces, punctuation and HTML: letters, digits and
    the signs that change what a formula says.
    """
    text = unescape(TAG.sub(" ", html[:MAX_COMPARED_CHARS]))
    return UNSAID.sub("", unicodedata.normalize("NFKC", text).casefold())


def _front(note: AnkiNote) -> str:
    field_text = clean(note.fields[0][:MAX_COMPARED_CHARS])
    text = SPACES.sub(" ", unescape(TAG.sub(" ", field_text))).strip()
    return displayable(text)[:MAX_FRONT_CHARS] or "–"


# ---------------------------------------------------------------- the log


def _read_reviews(collection: anki_collection.AnkiCollection, contents: AnkiContents) -> None:
    cards: list[MatchedCard | PrivateCard] = [*contents.matched, *contents.private]
    by_card: dict[int, list[AnkiReview]] = {match.card.id: [] for match in cards}
    for review in collection.reviews(by_card.keys()):
        if len(by_card[review.card_id]) < MAX_REVIEWS_OF_A_CARD:
            by_card[review.card_id].append(review)
        else:
            contents.left_out[TOO_LONG] += 1
    for match in cards:
        rows = sorted(by_card[match.card.id], key=lambda review: review.milliseconds)
        reset = max((n for n, row in enumerate(rows, start=1) if row.is_reset), default=0)
        contents.left_out[BEFORE_RESET] += sum(bool(row.ease) for row in rows[:reset])
        for row in rows[reset:]:
            at = _time(row.milliseconds)
            if not row.ease:
                contents.left_out[NO_EFFECT] += 1
            elif at is None:
                contents.left_out[NO_TIME] += 1
            else:
                key = uuid.uuid5(NAMESPACE, f"{match.key} {row.milliseconds}")
                match.reviews.append(ForeignReview(key, row.ease, at, seconds=row.seconds))
        contents.left_out[NO_HISTORY] += not match.reviews and match.card.interval > 0


def _time(milliseconds: int) -> datetime | None:
    """Return when a review was; None where it can have been none."""
    first, last = FIRST.timestamp() * 1000, now().timestamp() * 1000
    if not first <= milliseconds <= last:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def missing(
    reviews: Iterable[ForeignReview], stored: Iterable[tuple[UUID, datetime, int | None]]
) -> list[ForeignReview]:
    """Return those reviews that are not in the log yet: of the same rating within a second.

    Args:
        stored: key, time and rating of the log's ratings, undone ones included: what was taken back
            here does not come again.
    """
    listed = list(reviews)
    in_log = same_rows(listed, stored)
    return [review for review in listed if review.review_id not in in_log]


def same_rows(
    reviews: Iterable[ForeignReview], stored: Iterable[tuple[UUID, datetime, int | None]]
) -> dict[UUID, UUID]:
    """Return the key in the log of each review that is there under another: of the same rating
    within a second, each once.
    """
    left = sorted((at, key, rating) for key, at, rating in stored if rating is not None)
    result = {}
    for review in reviews:
        same = next(
            (
                row
                for row in left
                if row[2] == review.rating
                and abs((row[0] - review.at).total_seconds()) <= SAME_SECONDS
            ),
            None,
        )
        if same is not None:
            result[review.review_id] = same[1]
            left.remove(same)
    return result
