"""Every write of private cards: written here, or taken from a file. A card is a question with an
owner; its text is a revision, and an edit makes a new one, since an attempt keeps the one that it
answered.

Each function locks the owner first, so that what they have stays within its bounds.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, RestrictedError, Subquery
from django.utils.html import escape
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import now
from apps.common.errors import Refused
from apps.common.text import clean, displayable, is_blank, length, normalize_newlines
from apps.questions import card_text, selectors
from apps.questions.limits import (
    MAX_GUID_LENGTH,
    MAX_ORIGIN_LENGTH,
    MAX_PRIVATE_CARDS,
    MAX_SIDE_CHARS,
    MIN_DIFFICULTY,
)
from apps.questions.models import Question, Revision
from apps.questions.signals import private_cards_deleting

SLUG_PREFIX = "private-"
GUID_PREFIX = "gradus.card-"  # of cards that were written here
MARKDOWN, HTML = Revision.TextFormat.MARKDOWN, Revision.TextFormat.HTML
CHUNK_ROWS = 500


class TooManyCards(Refused):
    """A person has as many private cards, or as much text in them, as one may have."""

    code = "too-many-cards"
    status = 409


class BadCard(Refused):
    """A side of a card is empty, or too long."""

    code = "bad-card"
    status = 422


@dataclass(frozen=True)
class CardText:
    """What a private card says."""

    front: str
    back: str
    text_format: str = MARKDOWN


@dataclass(frozen=True)
class ForeignCard:
    """A private card as a file has it."""

    guid: str
    text: CardText
    origin: str = ""
    sha256: str = ""  # of the note that it was read from, now or once; empty: written here
    # when an archive of Gradus says that it was changed; None: read from a note now
    updated_at: datetime | None = None

    @property
    def is_note(self) -> bool:
        return self.updated_at is None

    @property
    def chars(self) -> int:
        return len(self.text.front) + len(self.text.back)


def text_of(card: Question) -> CardText:
    """Return what a private card says now."""
    revision = card.current
    assert revision is not None
    return CardText(revision.statement_en, revision.answer_en, revision.text_format)


def cleaned(text: CardText) -> CardText:
    """Return a text as it is stored.

    Raises:
        BadCard: a side is empty or too long.
    """
    _check_length(text)  # before it is sanitized, which takes its time
    front, back = (_cleaned(side, text.text_format) for side in (text.front, text.back))
    if not (_says_something(front, text.text_format) and _says_something(back, text.text_format)):
        raise BadCard(_("Write something on both sides of the card."))
    stored = CardText(front, back, text.text_format)
    _check_length(stored)
    return stored


def _check_length(text: CardText) -> None:
    if max(length(text.front), length(text.back)) > MAX_SIDE_CHARS:
        message = _("A side of a card can have up to %(n)s characters.")
        raise BadCard(message % {"n": MAX_SIDE_CHARS})


def _cleaned(side: str, text_format: str) -> str:
    if text_format == HTML:
        return card_text.sanitized(side)
    return normalize_newlines(displayable(clean(side))).strip()


def _says_something(side: str, text_format: str) -> bool:
    return card_text.says_something(side) if text_format == HTML else not is_blank(side)


# ---------------------------------------------------------------- by hand


@transaction.atomic
def create(*, owner: User, text: CardText) -> Question:
    """Add a private card that its owner wrote.

    Raises:
        BadCard, TooManyCards: nothing is stored.
    """
    text = cleaned(text)
    lock_user(owner)
    card = ForeignCard(GUID_PREFIX + secrets.token_hex(8), text)
    _check_room(owner, [card])
    return _insert(owner, [card])[0]


@transaction.atomic
def change(*, card: Question, text: CardText) -> Question:
    """Replace what a private card says. Idempotent.

    Raises:
        BadCard, TooManyCards: nothing is stored.
    """
    text = cleaned(text)
    owner = _owner(card)
    lock_user(owner)
    card = selectors.private_card(owner, card.slug)
    if text_of(card) != text:
        before, after = text_of(card), ForeignCard(card.guid, text)
        grown = after.chars - len(before.front) - len(before.back)
        if grown > selectors.room_for_cards(owner).chars:
            raise _too_much()
        _revise([(card, text)])
    return selectors.private_card(owner, card.slug)


@transaction.atomic
def delete(*, owner: User, slugs: Collection[str] = (), origin: str = "") -> int:
    """Delete private cards of a person, with all that they did with them: those with a slug, or
    those that came from a file. Returns how many there were. Idempotent.
    """
    lock_user(owner)
    cards = Question.with_private.private_to(owner)
    cards = cards.filter(origin=origin) if origin else cards.filter(slug__in=slugs)
    # before what refers to them: who adds to that locks the card first, too
    pks = list(cards.select_for_update().order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), CHUNK_ROWS):  # Django reads what it deletes
        chunk = pks[start : start + CHUNK_ROWS]
        private_cards_deleting.send(sender=Question, owner=owner, pks=chunk)
        Question.with_private.filter(pk__in=chunk).delete()
    return len(pks)


def _owner(card: Question) -> User:
    assert card.owner is not None
    return card.owner


def _check_room(
    owner: User, cards: Sequence[ForeignCard], changed: Sequence[ForeignCard] = ()
) -> None:
    """Check that new cards fit, and what others will say."""
    room = selectors.room_for_cards(owner)
    if len(cards) > room.cards:
        message = _("You have %(n)s private cards, which is as many as there can be.")
        raise TooManyCards(message % {"n": MAX_PRIVATE_CARDS})
    if sum(card.chars for card in (*cards, *changed)) > room.chars:
        raise _too_much()


def _too_much() -> TooManyCards:
    return TooManyCards(_("Your private cards have as much text as there can be. Delete some."))


# ---------------------------------------------------------------- from a file


@dataclass(frozen=True)
class Taken:
    """What a file's cards came to."""

    cards: dict[str, Question]  # by GUID: all of the file's that are there now
    created: int
    changed: int


def by_guid(owner: User) -> dict[str, Question]:
    """Return all private cards of a person, with their texts, by GUID (one query)."""
    return {card.guid: card for card in selectors.private_cards(owner)}


def chars_taken(card: Question | None, foreign: ForeignCard) -> int:
    """Return by how much a file's card counts towards `MAX_PRIVATE_CHARS` when it is taken.

    Args:
        card: what there is of it here.
    """
    return foreign.chars if card is None or differs(card, foreign) else 0


def differs(card: Question, foreign: ForeignCard) -> bool:
    """Return whether a file says something else of a card than it says here, and not only what it
    said when it was imported last: what was edited here since stays. Of an archive's text and the
    one here, that which was changed last stays.
    """
    if foreign.is_note and foreign.sha256 == card.files_sha256:
        return False
    if foreign.updated_at and card.current and card.current.created_at >= foreign.updated_at:
        return False
    text = text_of(card)
    if foreign.is_note:  # which has no Markdown
        front, back = (
            card_text.as_note(side, text.text_format) for side in (text.front, text.back)
        )
        text = CardText(front, back, HTML)
    return text != foreign.text


@transaction.atomic
def take(*, owner: User, cards: Iterable[ForeignCard]) -> Taken:
    """Store a file's cards: those that are new, and what is new of others. Idempotent.

    Raises:
        TooManyCards: nothing is stored. Who read the file left out what does not fit.
    """
    lock_user(owner)
    stored = by_guid(owner)
    foreign = {card.guid: card for card in cards}
    new = [card for guid, card in foreign.items() if guid not in stored]
    present = [(stored[guid], card) for guid, card in foreign.items() if guid in stored]
    changed = [(card, of_file) for card, of_file in present if differs(card, of_file)]
    _check_room(owner, new, [of_file for _card, of_file in changed])
    _insert(owner, new)
    _revise([(card, of_file.text) for card, of_file in changed])
    # of a note also where its text is the same, so that its next import is not taken for an edit
    _note_digests([*changed, *(pair for pair in present if pair[1].is_note)])
    taken = by_guid(owner)
    return Taken({guid: taken[guid] for guid in foreign}, len(new), len(changed))


def _note_digests(cards: Iterable[tuple[Question, ForeignCard]]) -> None:
    """Store what files said when they were imported last."""
    rows = []
    for card, of_file in cards:
        if card.files_sha256 != of_file.sha256:
            card.files_sha256 = of_file.sha256
            rows.append(card)
    Question.with_private.bulk_update(rows, ["files_sha256"], batch_size=CHUNK_ROWS)


def _insert(owner: User, cards: Sequence[ForeignCard]) -> list[Question]:
    """Store new cards (a few queries for any number)."""
    questions = [
        Question(
            owner=owner,
            slug=SLUG_PREFIX + secrets.token_hex(8),
            guid=card.guid[:MAX_GUID_LENGTH],
            origin=card.origin.strip()[:MAX_ORIGIN_LENGTH].rstrip(),  # as a filter names it
            topic="",
            kinds=[],
            difficulty=MIN_DIFFICULTY,
            files_sha256=card.sha256,
        )
        for card in cards
    ]
    Question.with_private.bulk_create(questions, batch_size=CHUNK_ROWS)
    texts = [card.text for card in cards]
    _publish(list(zip(questions, texts, strict=True)), dict.fromkeys(map(_pk, questions), 1))
    return questions


def _revise(cards: Sequence[tuple[Question, CardText]]) -> None:
    """Give cards a new revision. Those before, which no attempt refers to, are deleted."""
    if not cards:
        return
    pks = [card.pk for card, _text in cards]
    rows = Revision.objects.filter(question__in=pks).values_list("question", "number")
    numbers = dict.fromkeys(pks, 1)
    for pk, number in rows:
        numbers[pk] = max(numbers[pk], number + 1)
    _publish(cards, numbers)
    old = Revision.objects.filter(question__in=pks)
    old = old.exclude(pk__in=[card.current_id for card, _text in cards])
    try:
        old.delete()
    except RestrictedError as error:
        used = {row.revision_id for row in error.restricted_objects}  # type: ignore[attr-defined]
        old.exclude(pk__in=used).delete()


def _publish(cards: Sequence[tuple[Question, CardText]], numbers: dict[int, int]) -> None:
    revisions, at = [], now()
    for card, text in cards:
        title = card_text.title(text.front, text.text_format)
        revisions.append(
            Revision(
                question=card,
                number=numbers[card.pk],
                title_en=title,
                title_zh=title,
                title_html_en=escape(title),
                title_html_zh=escape(title),
                statement_en=text.front,
                answer_en=text.back,
                text_format=text.text_format,
                created_at=at,
                published_at=at,
            )
        )
    Revision.objects.bulk_create(revisions, batch_size=CHUNK_ROWS)
    newest = Revision.objects.filter(question=OuterRef("pk")).order_by("-number").values("pk")
    rows = Question.with_private.filter(pk__in=numbers)
    rows.update(current=Subquery(newest[:1]))
    for revision in revisions:
        revision.question.current = revision


def _pk(question: Question) -> int:
    return question.pk
