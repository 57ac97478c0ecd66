"""Notes that are no question of the site become private cards: once, with their history, within
bounds, and again when their text changes; out and in again they are the same cards.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.archives import anki_import, archive_file, gradus_import, housekeeping
from apps.archives.anki_package import write_package
from apps.archives.models import Import
from apps.archives.services import imports
from apps.progress import services as progress
from apps.progress.models import Bookmark, Card, Note, Review
from apps.questions import private_cards
from apps.questions.models import Question
from apps.questions.private_cards import CardText, ForeignCard
from tests.archives.anki import add_note, export_from, import_into, opened
from tests.archives.test_imports import changed, rate, taken, uploaded
from tests.connections import at_once
from tests.progress.conftest import NOON, SiteClock, make_question

pytestmark = pytest.mark.django_db
RATED = 1_700_000_000_000  # in November 2023


def texts_of(user: User) -> dict[str, tuple[str, str]]:
    cards = Question.with_private.private_to(user).select_related("current")
    return {
        card.current.title_en: (card.current.statement_en, card.current.answer_en)
        for card in cards
        if card.current
    }


def title_of(question: Question) -> str:
    assert question.current is not None
    return question.current.title_en


def schedule_of(user: User) -> dict[str, tuple[Any, ...]]:
    """Return the cards of a person, by what they ask: questions by slug, private ones by front."""
    return {
        (title_of(card.question) if card.question.is_private else card.question.slug): (
            card.state,
            card.due.replace(microsecond=0) if card.last_review else None,
            card.suspended,
        )
        for card in Card.objects.filter(user=user).select_related("question__current")
    }


def add_cloze(collection: Any, text: str, extra: str = "") -> Any:
    kind = collection.models.by_name("Cloze")
    note = collection.new_note(kind)
    note["Text"], note["Back Extra"] = text, extra
    collection.add_note(note, collection.decks.id("Default"))
    return note


def rated(collection: Any, card: Any, *ratings: int) -> None:
    """Write reviews of a card into the log, a day apart."""
    for n, ease in enumerate(ratings):
        values = (RATED + card.id % 1000 + n * 86_400_000, card.id, ease)
        collection.db.execute(
            "INSERT INTO revlog VALUES (?, ?, -1, ?, 1, 1, 2500, 4000, 1)", *values
        )


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    """A deck of three notes that are no questions: with a history, a new one, and a cloze note."""
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        seen = add_note(collection, "What is \\(e^x\\)?", "Its <b>own</b> derivative.")
        rated(collection, seen, 3, 3)
        add_note(collection, "What is a norm?", "A length.")
        note = add_cloze(collection, "{{c1::Adam}} has {{c2::two}} moments", "By Kingma")
        rated(collection, note.cards()[1], 1, 3)
        collection.sched.suspend_cards([note.cards()[0].id])
        export_from(collection, path, legacy=False)
    return path


# ---------------------------------------------------------------- from Anki


def test_other_notes_become_private_cards_with_their_history(mei: User, deck: Path) -> None:
    upload = uploaded(mei, deck)
    assert upload.plan["private_cards"] == 4 and upload.plan["new"] == 4
    assert upload.plan["others"] == [] and upload.plan["left_out"] == {}
    assert not Question.with_private.exists()  # a dry run takes nothing
    imports.confirm(upload=upload)
    housekeeping.read_and_take_imports()
    upload.refresh_from_db()
    assert upload.result == {"cards": 0, "reviews": 4, "private_cards": 4} or upload.result == {
        "reviews": 4,
        "private_cards": 4,
    }
    assert texts_of(mei) == {
        "What is \\(e^x\\)?": ("What is \\(e^x\\)?", "Its <b>own</b> derivative."),
        "What is a norm?": ("What is a norm?", "A length."),
        "[…] has two moments": (
            "<b>[…]</b> has two moments",
            "<b>Adam</b> has two moments<hr>By Kingma",
        ),
        "Adam has […] moments": (
            "Adam has <b>[…]</b> moments",
            "Adam has <b>two</b> moments<hr>By Kingma",
        ),
    }
    # one that was never reviewed comes up as new ones do
    cards = schedule_of(mei)
    assert set(cards) == {"What is \\(e^x\\)?", "[…] has two moments", "Adam has […] moments"}
    assert cards["[…] has two moments"][2] and not cards["Adam has […] moments"][2]
    ratings = Review.objects.filter(user=mei).order_by("at").values_list("rating", flat=True)
    assert sorted(map(str, ratings)) == [*"1333"]
    client = Client()
    client.force_login(mei)
    assert "deck.apkg" in client.get("/private-cards").content.decode()


def test_the_same_file_twice_changes_nothing(mei: User, deck: Path) -> None:
    taken(mei, deck)
    before = texts_of(mei), schedule_of(mei), Review.objects.count()
    upload = taken(mei, deck)
    assert sum(upload.result.values()) == 0 and upload.plan["private_same"] == 4
    assert (texts_of(mei), schedule_of(mei), Review.objects.count()) == before


def test_a_note_that_was_edited_in_anki_updates_its_card_and_one_edited_here_stays(
    mei: User, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.apkg", tmp_path / "second.apkg"
    with opened(tmp_path) as collection:
        card = add_note(collection, "What is a norm?", "A length.")
        export_from(collection, first, legacy=False)
        note = card.note()
        note["Back"] = "A length, and more."
        collection.update_note(note)
        export_from(collection, second, legacy=False)
    taken(mei, first)
    (question,) = Question.with_private.private_to(mei).select_related("current")
    private_cards.change(
        card=question, text=CardText("What is a norm?", "Edited here.", private_cards.HTML)
    )
    taken(mei, first)
    assert texts_of(mei)["What is a norm?"][1] == "Edited here."
    upload = taken(mei, second)
    assert upload.result["private_changed"] == 1
    assert texts_of(mei)["What is a norm?"][1] == "A length, and more."
    assert Question.with_private.private_to(mei).count() == 1


def test_a_note_that_lost_a_picture_alone_was_not_edited(mei: User) -> None:
    def note(digest: str) -> list[ForeignCard]:
        return [ForeignCard("g", CardText("a", "b", private_cards.HTML), "deck.apkg", digest * 64)]

    private_cards.take(owner=mei, cards=note("1"))
    private_cards.take(owner=mei, cards=note("2"))
    (card,) = Question.with_private.private_to(mei).select_related("current")
    private_cards.change(card=card, text=CardText("a", "mine", private_cards.HTML))
    assert private_cards.take(owner=mei, cards=note("2")).changed == 0
    assert texts_of(mei)["a"][1] == "mine"


def test_what_is_not_taken_is_listed_with_its_reason(mei: User, tmp_path: Path) -> None:
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        add_note(collection, "Look: <img src='a.png'>[sound:a.mp3]", "A picture.")
        add_note(collection, "<img src='only.png'>", "It has no words.")
        add_note(collection, "Too long", "x" * 10_001)
        add_note(collection, "No back", "")
        add_cloze(collection, "{{c1::<img src='gap.png'>}} {{c2::<img src='other.png'>}}")
        export_from(collection, path, legacy=True)
    upload = uploaded(mei, path)
    assert upload.plan["left_out"] == {"sides": 3, "text": 1, "media": 2}
    assert upload.plan["other_count"] == 4 and "Too long" in upload.plan["others"]
    client = Client()
    client.force_login(mei)
    page = " ".join(client.get("/settings/data/import").content.decode().split())
    assert "3: notes whose front or back has no text" in page
    assert "2: pictures, sounds and videos of private cards" in page and "4 notes are not" in page


def test_a_deck_beyond_what_one_may_have_is_taken_as_far_as_it_goes(mei: User, deck: Path) -> None:
    text = CardText("a", "b")
    cards = [ForeignCard(f"g{n}", text) for n in range(4_998)]
    private_cards.take(owner=mei, cards=cards)
    upload = taken(mei, deck)
    assert upload.plan["private_cards"] == 2 and upload.plan["left_out"] == {"full": 1}
    assert Question.with_private.private_to(mei).count() == 5_000


@pytest.mark.attack
def test_only_so_much_of_a_package_is_sanitized(
    mei: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        add_note(collection, "Short", "x")
        for name in ("one", "two"):
            add_note(collection, name, "<ul><li>" * 600)
        add_cloze(collection, "".join(f"{{{{c{n}::gap {n}}}}} " for n in range(1, 40)))
        export_from(collection, path, legacy=True)
    monkeypatch.setattr(anki_import, "MAX_READ_CHARS", 6_000)
    upload = uploaded(mei, path)
    assert upload.plan["private_cards"] == 1
    assert upload.plan["left_out"] == {"sides": 1, "chars": 2}


@pytest.mark.attack
def test_hostile_notes_are_shown_without_harm(mei: User, tmp_path: Path) -> None:
    path = tmp_path / "deck.apkg"
    hostile = (
        "<script>alert(1)</script><img src=x onerror=alert(1)>"
        '<a href="javascript:alert(1)" onclick="x()">link</a><svg onload=alert(1)></svg>'
        '<div style="position:fixed;inset:0" id="main">\u202eevil</div>'
        "\\(\\href{javascript:x}{y}\\)"
    )
    with opened(tmp_path) as collection:
        add_note(collection, f"Front {hostile}", f"Back {hostile}")
        export_from(collection, path, legacy=False)
    taken(mei, path)
    client = Client()
    client.force_login(mei)
    (card,) = Question.with_private.private_to(mei)
    progress.attempts.begin_attempt(user=mei, question=card)
    client.post(f"/questions/{card.slug}/reveal")
    for url in (f"/questions/{card.slug}?reveal=1", "/private-cards", "/settings/data/import"):
        body = client.get(url).content.decode()
        assert "alert(1)" not in body and "\u202e" not in body and "position:fixed" not in body
        assert "onclick" not in body and body.count('id="main"') == 1


# ---------------------------------------------------------------- out and in again


@pytest.mark.parametrize("legacy", [False, True])
def test_out_through_anki_and_in_again_are_the_same_cards_and_due_dates(
    mei: User, sam: User, deck: Path, tmp_path: Path, site_clock: SiteClock, legacy: bool
) -> None:
    User.objects.filter(pk=sam.pk).update(time_zone=mei.time_zone)
    sam.refresh_from_db()
    question = make_question("why-relu")
    rate(mei, question, 3, site_clock.set(NOON - timedelta(days=8)))
    site_clock.set(NOON)
    taken(mei, deck)
    written = private_cards.create(
        owner=mei, text=CardText("Why $x^2$ **here**?", "So:\n\n```python\nx < 1\n```\n\n\\[y\\]")
    )
    rate(mei, written, 3, NOON - timedelta(days=3))
    out, back = tmp_path / "gradus.apkg", tmp_path / "back.apkg"
    write_package(out, mei)
    with opened(tmp_path, out) as collection:
        assert len(collection.find_cards("")) == 6
        export_from(collection, back, legacy=legacy)
    assert taken(sam, back).result["private_cards"] == 5
    ours, theirs = schedule_of(mei), schedule_of(sam)
    by_text = {"Why $x^2$ **here**?": "Why \\(x^2\\) here?"}
    assert {by_text.get(title, title): row for title, row in ours.items()} == theirs
    # and to whom it came from, nothing is new, nor is what is Markdown here HTML
    before = texts_of(mei), ours
    assert sum(taken(mei, back).result.values()) == 0
    assert (texts_of(mei), schedule_of(mei)) == before


def test_the_package_updates_the_note_that_anki_has(mei: User, deck: Path, tmp_path: Path) -> None:
    taken(mei, deck)
    out = tmp_path / "gradus.apkg"
    write_package(out, mei)
    with opened(tmp_path, out) as collection:
        import_into(collection, out)
        assert len(collection.find_notes("")) == 4


def test_an_archive_of_gradus_brings_them_back(
    mei: User, sam: User, deck: Path, tmp_path: Path
) -> None:
    User.objects.filter(pk=sam.pk).update(time_zone=mei.time_zone)
    sam.refresh_from_db()
    taken(mei, deck)
    written = private_cards.create(owner=mei, text=CardText("Mine $x$", "So *it* is."))
    progress.plans.write_note(user=mei, question=written, text="My note.")
    progress.plans.set_bookmark(user=mei, question=written, is_set=True)
    path = tmp_path / "gradus.zip"
    archive_file.write(path, mei)
    upload = taken(sam, path)
    assert upload.result["private_cards"] == 5 and upload.result["reviews"] == 4
    assert texts_of(sam) == texts_of(mei) and schedule_of(sam) == schedule_of(mei)
    assert Note.objects.get(user=sam).question.slug != written.slug
    assert Bookmark.objects.filter(user=sam).count() == 1
    for person in (sam, mei):
        before = texts_of(person), schedule_of(person)
        assert sum(taken(person, path).result.values()) == 0
        assert (texts_of(person), schedule_of(person)) == before


@pytest.mark.attack
@pytest.mark.parametrize(
    "row",
    [
        {"guid": ""},
        {"guid": "x" * 65},
        {"slug": "why-relu"},
        {"text_format": "bank"},
        {"front": " "},
        {"back": "x" * 10_001},
        {"updated_at": "2999-01-01T00:00:00Z"},
    ],
)
def test_rows_that_cannot_be_are_counted_and_left_out(
    mei: User, sam: User, tmp_path: Path, row: dict[str, Any]
) -> None:
    make_question("why-relu")
    private_cards.create(owner=mei, text=CardText("a", "b"))
    path = tmp_path / "gradus.zip"
    archive_file.write(path, mei)
    with ZipFile(path) as archive:
        stored = json.loads(archive.read("gradus.json"))["private_cards"]
    upload = taken(sam, changed(path, private_cards=[{**stored[0], **row}]))
    assert upload.plan["invalid"] == 1 and not Question.with_private.private_to(sam).exists()
    assert Question.objects.get().slug == "why-relu"


@pytest.mark.attack
def test_html_of_an_archive_is_sanitized(mei: User, sam: User, tmp_path: Path) -> None:
    private_cards.create(owner=mei, text=CardText("a", "b"))
    path = tmp_path / "gradus.zip"
    archive_file.write(path, mei)
    with ZipFile(path) as archive:
        stored = json.loads(archive.read("gradus.json"))["private_cards"][0]
    row = {**stored, "text_format": "html", "back": "<script>alert(1)</script><b onclick=x>b</b>"}
    taken(sam, changed(path, private_cards=[row]))
    assert texts_of(sam)["a"][1] == "<b>b</b>"


@pytest.mark.attack
def test_only_so_much_of_an_archive_is_sanitized(
    mei: User, sam: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private_cards.create(owner=mei, text=CardText("a", "b"))
    path = tmp_path / "gradus.zip"
    archive_file.write(path, mei)
    with ZipFile(path) as archive:
        stored = json.loads(archive.read("gradus.json"))["private_cards"][0]
    padded = {**stored, "text_format": "html", "back": "b" + "<i></i>" * 1_000}
    rows = [{**padded, "guid": f"g{n}", "slug": f"private-{n}"} for n in range(9)]
    too_long = {
        **padded,
        "guid": "long",
        "slug": "private-long",
        "back": "b<!--" + "x" * 10_000 + "-->",
    }
    monkeypatch.setattr(gradus_import, "MAX_PRIVATE_CHARS", 53_000)
    upload = uploaded(sam, changed(path, private_cards=[too_long, *rows]))
    assert upload.plan["invalid"] == 1 and upload.plan["private_left_out"] == 3


# ---------------------------------------------------------------- at once


@pytest.mark.django_db(transaction=True)
def test_two_that_take_the_same_cards_at_once_take_them_once(mei: User) -> None:
    cards = [ForeignCard(f"g{n}", CardText(f"front {n}", "back")) for n in range(50)]
    results = at_once(lambda: private_cards.take(owner=mei, cards=cards).created, times=2)
    assert set(results) == {0, 50}
    assert Question.with_private.private_to(mei).count() == 50


def test_what_is_edited_while_an_archive_is_read_stays(mei: User, tmp_path: Path) -> None:
    card = private_cards.create(owner=mei, text=CardText("a", "as it was"))
    path = tmp_path / "gradus.zip"
    archive_file.write(path, mei)
    with ZipFile(path) as archive:
        contents = gradus_import.read(archive, mei)
    private_cards.change(card=card, text=CardText("a", "as it is now"))
    taken = private_cards.take(owner=mei, cards=contents.private.values())
    assert taken.changed == 0 and texts_of(mei)["a"][1] == "as it is now"


def test_it_is_taken_whole_or_not_at_all(
    mei: User, deck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded(mei, deck)
    imports.confirm(upload=upload)

    def fail(**values: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(progress.reviews, "merge_new", fail)
        leased = imports.lease()
        assert leased is not None and not imports.work(upload=leased)
    assert not Question.with_private.exists()
    assert housekeeping.read_and_take_imports() == 1
    assert Question.with_private.private_to(mei).count() == 4
    assert Import.objects.get().result["private_cards"] == 4


def test_a_card_that_was_deleted_here_comes_again_only_by_another_import(
    mei: User, deck: Path
) -> None:
    taken(mei, deck)
    private_cards.delete(owner=mei, origin="deck.apkg")
    assert not Review.objects.exists() and not Card.objects.exists()
    assert taken(mei, deck).result["private_cards"] == 4
