"""What an Anki package has for a learner: the cards that are questions of this site, with their
history. The dry run shows it, and the import takes it; both ask here.

A note is a question if its GUID says so, or else if its first field is the question's title or
statement, in either language.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID
from zipfile import ZipFile

from django.utils.translation import gettext_lazy as _

from apps.archives import anki_collection
from apps.archives.anki_collection import AnkiCard, AnkiNote, AnkiReview
from apps.archives.anki_html import with_mathjax
from apps.archives.anki_package import slug_of
from apps.archives.limits import MAX_LISTED
from apps.common.clock import now
from apps.common.text import clean, displayable
from apps.progress.services.reviews import ForeignReview
from apps.questions.models import Question

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
LEFT_OUT = {
    NO_TIME: _("reviews at a time at which there was no Anki, or in the future"),
    TOO_LONG: _("reviews of a card beyond the first 2000"),
    ANOTHER_CARD: _("further cards of a note whose question is taken"),
    ANOTHER_NOTE: _("further notes of the same question"),
    NO_CARD: _("notes of a question without a card"),
    NO_EFFECT: _("entries of the log that rate nothing, such as cramming and days set by hand"),
    BEFORE_RESET: _("reviews before a card was reset"),
    NO_HISTORY: _("intervals of cards without a review in the file: they begin as new ones"),
    MALFORMED: _("rows that are not as Anki writes them"),
}


@dataclass
class MatchedCard:
    """A card that is a question of this site."""

    question: Question
    card: AnkiCard
    by_guid: bool
    reviews: list[ForeignReview] = field(default_factory=list)


@dataclass
class AnkiContents:
    """What a package has for a learner."""

    matched: list[MatchedCard] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # fronts of notes that are no question here
    other_count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def read(archive: ZipFile) -> AnkiContents:
    """Return what a package has.

    Raises:
        BadArchive: it cannot be read.
    """
    contents = AnkiContents()
    with anki_collection.opened(archive) as collection:
        by_note = _matched_notes(collection.notes(), contents)
        cards: dict[int, AnkiCard] = {}
        for card in collection.cards():
            if card.note_id in by_note:
                first = cards.setdefault(card.note_id, card)
                if card is not first:
                    contents.left_out[ANOTHER_CARD] += 1
                    if card.place < first.place:
                        cards[card.note_id] = card
        contents.left_out[NO_CARD] += len(by_note.keys() - cards.keys())
        for note, card in sorted(cards.items()):
            question, by_guid = by_note[note]
            contents.matched.append(MatchedCard(question, card, by_guid))
        _read_reviews(collection, contents)
        contents.left_out[MALFORMED] += collection.malformed
    contents.matched.sort(key=lambda match: match.question.slug)
    return contents


def _matched_notes(
    notes: Iterable[AnkiNote], contents: AnkiContents
) -> dict[int, tuple[Question, bool]]:
    """Return the questions of notes, by the note's key, and whether the GUID says so; other notes
    are added to `contents`.
    """
    questions = Question.objects.offered().select_related("current")
    by_slug = {question.slug: question for question in questions}
    by_text = _by_text(by_slug.values())
    by_question: dict[str, tuple[int, bool]] = {}
    for note in notes:
        by_guid = by_slug.get(slug_of(note.guid))
        question = by_guid or by_text.get(normalized(note.fields[0]))
        if question is None:
            contents.other_count += 1
            if len(contents.others) < MAX_LISTED:
                contents.others.append(_front(note))
        elif question.slug not in by_question:
            by_question[question.slug] = note.id, by_guid is not None
        else:
            contents.left_out[ANOTHER_NOTE] += 1
            if by_guid and not by_question[question.slug][1]:
                by_question[question.slug] = note.id, True
    return {note: (by_slug[slug], guid) for slug, (note, guid) in by_question.items()}


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
    by_card: dict[int, list[AnkiReview]] = {match.card.id: [] for match in contents.matched}
    for review in collection.reviews(by_card.keys()):
        if len(by_card[review.card_id]) < MAX_REVIEWS_OF_A_CARD:
            by_card[review.card_id].append(review)
        else:
            contents.left_out[TOO_LONG] += 1
    for match in contents.matched:
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
                key = uuid.uuid5(NAMESPACE, f"{match.question.slug} {row.milliseconds}")
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
    known = same_rows(listed, stored)
    return [review for review in listed if review.review_id not in known]


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
