"""Writing an Anki package: decks, notes and media by genanki; when each card is due, and the log of
reviews, by us, into the collection that genanki writes.

A note is one question, in both languages; its GUID is the question's slug, so that Anki updates the
note that it has, and an import knows which card it was. Its card shows the language of the account.

A private card is a note of a type of its own, with front and back, under the GUID that it has: that
of the note that it was imported from.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import genanki
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.translation import override
from pygments.formatters import HtmlFormatter

from apps.accounts.models import User
from apps.accounts.zones import zone_of
from apps.archives import anki_html, anki_schedule
from apps.archives.anki_schedule import LoggedReview, Schedule
from apps.common.clock import now
from apps.common.text import CONTENT_LANGUAGES
from apps.progress import days, selectors
from apps.progress.memory import Memory
from apps.progress.models import Card
from apps.progress.selectors.questions import new_private_cards
from apps.questions import card_text
from apps.questions import selectors as bank
from apps.questions.models import Question, Revision

GUID_PREFIX = "gradus-"  # then the slug of the question
DECK_ID, DECK = 1_893_204_711, "Gradus"
MODEL_IDS = {"en": 1_893_204_721, "zh": 1_893_204_722}
MODEL_NAMES = {"en": "Gradus (English)", "zh": "Gradus（中文）"}
PRIVATE_MODEL_ID, PRIVATE_MODEL_NAME = 1_893_204_731, "Gradus (private card)"
FIELDS = ("Question", "Answer", "问题", "答案", "Title", "Link")
SHOWN = {"en": ("Question", "Answer"), "zh": ("问题", "答案")}
SITE_LANGUAGES = {"en": "en", "zh": "zh-hans"}
CARD_STYLE = (
    ".card{font:17px/1.55 sans-serif;max-width:42em;margin:auto;padding:0 12px;text-align:left}"
    ".card img{max-width:100%}.code pre,pre{overflow-x:auto;padding:8px;background:#f1f4f0}"
    "h2{font-size:1.05em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2px}"
    ".nightMode .code pre,.nightMode pre{background:#1d2733}.right{font-weight:600}"
)
CARDS_AT_A_TIME = 50


@dataclass(frozen=True)
class ScheduledCard:
    """What is written of one card besides its note."""

    guid: str
    schedule: Schedule
    reviews: list[LoggedReview]


def guid_of(question: Question) -> str:
    """Return the GUID of a question's note: the same in every package."""
    if question.is_private:
        return question.guid
    return f"{GUID_PREFIX}{question.slug}"


def slug_of(guid: str) -> str:
    """Return the slug of the question that a GUID names; empty if it is none of ours."""
    return guid.removeprefix(GUID_PREFIX) if guid.startswith(GUID_PREFIX) else ""


def count_notes(user: User) -> int:
    """Return how many notes the package of a person has."""
    return int(cards_of(user).count()) + new_private_cards(user).count()


def cards_of(user: User) -> Any:
    """Return the cards of a person that a package has: those whose question has a text. Private
    cards that never came up have none, and are added.
    """
    cards = Card.objects.filter(user=user, question__current__isnull=False)
    return cards.select_related("question__current").order_by("created_at", "pk")


def write_package(path: Path, user: User, on_card: Callable[[], None] = lambda: None) -> None:
    """Write the cards of a person, with their memory and history, as an Anki package.

    Args:
        on_card: called after each card.
    """
    language = "zh" if user.mail_language.startswith("zh") else "en"
    model, private_model = _model(language), _private_model()
    deck = genanki.Deck(DECK_ID, DECK)
    first_day = _first_day(user)
    scheduled: list[ScheduledCard] = []
    taken: set[int] = set()
    with tempfile.TemporaryDirectory(prefix="gradus-anki-") as folder:
        media: dict[str, Path] = {}
        position = 0
        for card in _with_reviews(user):
            position += 1
            if card.question.is_private:
                deck.add_note(_private_note(card.question, private_model))
            else:
                deck.add_note(_note(card.question, model, Path(folder), media))
            scheduled.append(_scheduled(card, user, first_day, position, taken))
            on_card()
        for question in new_private_cards(user).iterator(chunk_size=CARDS_AT_A_TIME):
            position += 1
            deck.add_note(_private_note(question, private_model))
            scheduled.append(_new(question, user, first_day, position))
            on_card()
        package = _Package(
            deck, sorted(map(str, media.values())), scheduled, _creation(user, first_day)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # genanki guesses at HTML that it takes for a mistake
            package.write_to_file(str(path), timestamp=now().timestamp())


def _with_reviews(user: User) -> Iterator[Card]:
    cards = cards_of(user).prefetch_related("reviews").iterator(chunk_size=CARDS_AT_A_TIME)
    while chunk := list(islice(cards, CARDS_AT_A_TIME)):
        yield from chunk


# ---------------------------------------------------------------- notes


def _model(language: str) -> genanki.Model:
    """Return the type of note whose card shows one language."""
    front, back = SHOWN[language]
    template = {
        "name": MODEL_NAMES[language],
        "qfmt": f"<h2>{{{{Title}}}}</h2>{{{{{front}}}}}",
        "afmt": f"{{{{FrontSide}}}}<hr id=answer>{{{{{back}}}}}"
        '<p><a href="{{Link}}">{{Link}}</a></p>',
    }
    if language == "zh":  # the title is in the text
        template["qfmt"] = f"{{{{{front}}}}}"
    code = HtmlFormatter(cssclass="code").get_style_defs(".code")  # type: ignore[no-untyped-call]
    return genanki.Model(
        MODEL_IDS[language],
        MODEL_NAMES[language],
        fields=[{"name": name} for name in FIELDS],
        templates=[template],
        css=f"{CARD_STYLE}\n{code}",
        sort_field_index=FIELDS.index("Title"),
    )


def _note(
    question: Question, model: genanki.Model, folder: Path, media: dict[str, Path]
) -> genanki.Note:
    """Return the note of a question; its figures are written as files, and added to `media`."""
    revision = question.current
    assert revision is not None
    fields: dict[str, str] = {
        "Title": escape(revision.title_en),
        "Link": f"{settings.SITE_URL}{question.get_absolute_url()}",
    }
    for language in CONTENT_LANGUAGES:
        with override(SITE_LANGUAGES[language]):
            page = bank.question_page(revision, language=language)
            context = {"page": page}
            for name, template in zip(SHOWN[language], ("front", "back"), strict=True):
                html = render_to_string(f"archives/anki/{template}.html", context)
                shown = _with_figures(html, revision, question.slug, folder, media)
                fields[name] = anki_html.card_html(shown, settings.SITE_URL)
    tags = ["gradus", question.topic]
    return genanki.Note(model, [fields[name] for name in FIELDS], guid=guid_of(question), tags=tags)


def _private_model() -> genanki.Model:
    template = {
        "name": "Card 1",
        "qfmt": "{{Front}}",
        "afmt": "{{FrontSide}}<hr id=answer>{{Back}}",
    }
    fields = [{"name": "Front"}, {"name": "Back"}]
    return genanki.Model(
        PRIVATE_MODEL_ID,
        PRIVATE_MODEL_NAME,
        fields=fields,
        templates=[template],
        css=CARD_STYLE,
    )


def _private_note(question: Question, model: genanki.Model) -> genanki.Note:
    """Return the note of a private card: what was imported as it was stored, what was written here
    as HTML.
    """
    assert question.current is not None
    sides = [
        card_text.as_note(text, question.current.text_format)
        for text in (question.current.statement_en, question.current.answer_en)
    ]
    return genanki.Note(model, sides, guid=question.guid, tags=["gradus", "private"])


def _with_figures(
    html: str, revision: Revision, slug: str, folder: Path, media: dict[str, Path]
) -> str:
    """Return HTML whose figures are images; their files are written once."""
    for language in CONTENT_LANGUAGES:
        svg = getattr(revision, f"figure_{language}")
        if svg and svg in html:
            name = f"gradus-{slug}-{language}.svg"
            if name not in media:
                media[name] = folder / name
                media[name].write_text(anki_html.figure_file(svg), encoding="utf-8")
            html = html.replace(svg, anki_html.figure_image(svg, name))
    return html


# ---------------------------------------------------------------- when each is due


def _first_day(user: User) -> date:
    """Return the day of the collection's creation: that of the first review."""
    today = days.today(user.time_zone)
    first = user.reviews.order_by("day").values_list("day", flat=True).first()
    return min(first or today, today)


def _scheduled(
    card: Card, user: User, first_day: date, position: int, taken: set[int]
) -> ScheduledCard:
    retention = selectors.plans.plan_of(user).retention / 100
    state = selectors.cards.memory_of(card)
    reviews = selectors.cards.rated_reviews(card)
    steps = anki_schedule.history(card.created_at, reviews, retention)
    row = anki_schedule.schedule(
        state,
        days.day_of(state.due, user.time_zone),
        steps,
        first_day=first_day,
        retention=retention,
        suspended=card.suspended,
        position=position,
    )
    return ScheduledCard(guid_of(card.question), row, anki_schedule.logged(steps, taken))


def _new(question: Question, user: User, first_day: date, position: int) -> ScheduledCard:
    """Return what is written of a card that never came up."""
    row = anki_schedule.schedule(
        Memory(due=now()),
        first_day,
        [],
        first_day=first_day,
        retention=selectors.plans.plan_of(user).retention / 100,
        suspended=False,
        position=position,
    )
    return ScheduledCard(question.guid, row, [])


def _creation(user: User, first_day: date) -> tuple[int, dict[str, Any]]:
    """Return when the collection was created, in seconds, and the settings that say how its days
    are counted.
    """
    created = days.start(first_day, user.time_zone)
    offset = created.astimezone(zone_of(user.time_zone)).utcoffset() or timedelta()
    west = -round(offset.total_seconds() / 60)
    counting = {
        "schedVer": 2,
        "sched2021": True,
        "creationOffset": west,
        "rollover": days.START.hour,
        "activeDecks": [DECK_ID],
        "curDeck": DECK_ID,
    }
    return int(created.timestamp()), counting


class _Package(genanki.Package):  # type: ignore[misc] # genanki brings no types
    """A package whose cards have a memory and a history."""

    def __init__(
        self,
        deck: genanki.Deck,
        media: list[str],
        cards: list[ScheduledCard],
        creation: tuple[int, dict[str, Any]],
    ) -> None:
        super().__init__(deck, media)
        self.cards, self.creation = cards, creation

    def write_to_db(self, cursor: sqlite3.Cursor, timestamp: float, id_gen: Iterator[int]) -> None:
        super().write_to_db(cursor, timestamp, id_gen)
        created, counting = self.creation
        (conf,) = cursor.execute("SELECT conf FROM col").fetchone()
        conf = json.dumps({**json.loads(conf), **counting})
        cursor.execute("UPDATE col SET crt = ?, conf = ?", (created, conf))
        ids = dict(
            cursor.execute("SELECT notes.guid, cards.id FROM cards JOIN notes ON notes.id = nid")
        )
        cursor.executemany(
            "UPDATE cards SET type = ?, queue = ?, due = ?, ivl = ?, factor = ?, reps = ?, "
            "lapses = ?, left = ?, data = ? WHERE id = ?",
            [(*astuple(card.schedule), ids[card.guid]) for card in self.cards],
        )
        cursor.executemany(
            "INSERT INTO revlog (id, cid, usn, ease, ivl, lastIvl, factor, time, type) "
            "VALUES (?, ?, -1, ?, ?, ?, ?, ?, ?)",
            [
                (row.id, ids[card.guid], *astuple(row)[1:])
                for card in self.cards
                for row in card.reviews
            ],
        )
