"""A file is uploaded, read in the background, shown as a dry run, and taken on a press: twice
changes nothing, and nothing of anybody else's is touched.
"""

from __future__ import annotations

import io
import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import User
from apps.archives import archive_file, files, housekeeping
from apps.archives.anki_package import write_package
from apps.archives.errors import ArchiveTooLarge, ImportOver, ImportUnderway
from apps.archives.limits import MAX_UPLOAD_BYTES
from apps.archives.models import Import
from apps.archives.services import imports
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from apps.progress import services as progress
from apps.progress.models import Bookmark, Card, DailyStats, Note, Plan, Review
from apps.questions.models import Question
from tests.archives.anki import add_note, card_in, export_from, import_into, opened
from tests.progress.conftest import NOON, SiteClock, make_question

pytestmark = pytest.mark.django_db
State = Import.State
Upload = Callable[[User, Path], Import]


def rate(user: User, question: Question, rating: int, at: datetime) -> Review:
    return progress.reviews.record(
        user=user, question=question, review_id=uuid.uuid4(), rating=rating, at=at, seconds=9
    )


def uploaded(owner: User, path: Path) -> Import:
    data = path.read_bytes()
    upload = imports.upload(owner=owner, name=path.name, size_bytes=len(data), chunks=[data])
    housekeeping.read_and_take_imports()
    upload.refresh_from_db()
    return upload


def taken(owner: User, path: Path) -> Import:
    """Upload a file, agree to what it has, and have it taken."""
    upload = uploaded(owner, path)
    assert upload.state == State.READY
    imports.confirm(upload=upload)
    housekeeping.read_and_take_imports()
    upload.refresh_from_db()
    assert upload.state == State.DONE
    assert not files.path_of(upload.file_name).exists()
    return upload


def log_of(user: User) -> list[tuple[Any, ...]]:
    """Return the log of reviews, by the millisecond, as a package has it."""
    rows = Review.objects.filter(user=user).order_by("at")
    return [
        (row.card.question.slug, row.rating, int(row.at.timestamp() * 1000))
        for row in rows.select_related("card__question")
    ]


def cards_of(user: User) -> dict[str, tuple[Any, ...]]:
    return {
        card.question.slug: (card.state, card.due.replace(microsecond=0), card.suspended)
        for card in Card.objects.filter(user=user).select_related("question")
    }


@pytest.fixture
def studied(mei: User, concept: Question, numeric: Question, site_clock: SiteClock) -> User:
    begin = NOON - timedelta(days=30)
    for second, question in enumerate((concept, numeric)):
        for n, rating in ((0, 3), (2, 3), (9, 1)):
            at = begin + timedelta(days=n, seconds=second)
            rate(mei, question, rating, site_clock.set(at))
    rate(mei, concept, 3, site_clock.set(begin + timedelta(days=20)))
    progress.reviews.suspend(user=mei, question=numeric, suspended=True)
    site_clock.set(NOON)
    return mei


# ---------------------------------------------------------------- Anki


@pytest.mark.parametrize("legacy", [False, True])
def test_out_through_anki_and_in_again_are_the_same_cards_and_due_dates(
    studied: User, sam: User, tmp_path: Path, legacy: bool
) -> None:
    User.objects.filter(pk=sam.pk).update(time_zone=studied.time_zone)
    sam.refresh_from_db()
    out, back = tmp_path / "gradus.apkg", tmp_path / "back.apkg"
    write_package(out, studied)
    with opened(tmp_path, out) as collection:
        export_from(collection, back, legacy=legacy)
    upload = taken(sam, back)
    assert upload.result == {"cards": 2, "reviews": 7}
    assert log_of(sam) == log_of(studied)
    assert cards_of(sam) == cards_of(studied)
    reviews = DailyStats.objects.filter(user=sam).values_list("reviews", flat=True)
    assert sum(reviews) == 7
    # and to whom it came from, nothing is new
    before = log_of(studied), cards_of(studied)
    assert taken(studied, back).result == {"cards": 0, "reviews": 0}
    assert (log_of(studied), cards_of(studied)) == before


def test_what_was_studied_in_anki_is_taken_once(
    mei: User, concept: Question, tmp_path: Path, site_clock: SiteClock
) -> None:
    rate(mei, concept, 3, NOON - timedelta(days=9))
    out, back = tmp_path / "gradus.apkg", tmp_path / "back.apkg"
    write_package(out, mei)
    site_clock.settings.CLOCK_OFFSET = 60  # Anki has the machine's clock
    with opened(tmp_path, out) as collection:
        card = card_in(collection, concept)
        card.start_timer()
        states = collection._backend.get_scheduling_states(card.id)
        answer = collection.sched.build_answer(card=card, states=states, rating=2)
        collection.sched.answer_card(answer)
        export_from(collection, back, legacy=False)
    assert taken(mei, back).result["reviews"] == 1
    assert list(Review.objects.order_by("at").values_list("rating", flat=True)) == [3, 3]
    assert taken(mei, back).result["reviews"] == 0


def test_what_was_taken_back_here_does_not_come_again(
    mei: User, concept: Question, tmp_path: Path
) -> None:
    rate(mei, concept, 1, NOON - timedelta(days=1))
    write_package(tmp_path / "before.apkg", mei)
    progress.reviews.undo(user=mei)
    assert taken(mei, tmp_path / "before.apkg").result["reviews"] == 0
    assert Card.objects.get().is_new


def test_a_card_is_known_by_its_text_and_others_become_private_cards(
    mei: User, tmp_path: Path
) -> None:
    words = {"statement_en": "Why does $x^2$ **grow**?", "title_zh": "平方为何增长"}
    question = make_question("growth", html=words)
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        add_note(collection, "<b>Why</b> does \\(x^2\\)&nbsp;grow?")
        add_note(collection, "平方为何增长")
        add_note(collection, "What is <script>alert(1)</script> else?")
        export_from(collection, path, legacy=False)
    upload = uploaded(mei, path)
    assert [card["slug"] for card in upload.plan["cards"]] == [question.slug]
    assert not upload.plan["cards"][0]["by_guid"]
    assert upload.plan["private"] == [{"front": "What is else?", "is_new": True}]
    assert upload.plan["left_out"] == {"note": 1}
    client = Client()
    client.force_login(mei)
    page = client.get("/settings/data/import").content.decode()
    assert "1 new private card" in page and "What is else?" in page
    assert "known by its text" in page and "alert(1)" not in page
    assert not Card.objects.exists()  # a dry run takes nothing


def test_a_card_that_was_reset_in_anki_begins_again(
    mei: User, concept: Question, tmp_path: Path, site_clock: SiteClock
) -> None:
    rate(mei, concept, 3, NOON - timedelta(days=9))
    path = tmp_path / "gradus.apkg"
    write_package(path, mei)
    with opened(tmp_path, path) as collection:
        collection.sched.schedule_cards_as_new([card_in(collection, concept).id])
        export_from(collection, path, legacy=True)
    Card.objects.all().delete()
    site_clock.settings.CLOCK_OFFSET = 60
    assert taken(mei, path).result == {"cards": 1, "reviews": 0}


def test_whatever_of_a_card_is_not_taken_is_listed_with_its_reason(
    mei: User, tmp_path: Path
) -> None:
    make_question("growth", html={"title_en": "Why does it grow?"})
    make_question("decay", html={"title_en": "Why does it decay?"})
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        by_hand = add_note(collection, "Why does it grow?")
        collection.sched.set_due_date([by_hand.id], "40")  # an interval, and nothing rated
        crammed = add_note(collection, "Why does it decay?")
        assert collection.db is not None
        rows = "INSERT INTO revlog VALUES (?, ?, -1, 3, 1, 1, 0, 4000, 3)"
        collection.db.execute(rows, 1_700_000_000_000, crammed.id)
        export_from(collection, path, legacy=True)
    upload = uploaded(mei, path)
    assert upload.plan["left_out"] == {"effect": 2, "history": 1}
    client = Client()
    client.force_login(mei)
    page = client.get("/settings/data/import").content.decode()
    assert "1: intervals of cards without a review in the file: they begin as new ones" in page
    assert "2: entries of the log that rate nothing" in page


def test_rows_that_anki_does_not_write_are_counted(
    mei: User, concept: Question, tmp_path: Path
) -> None:
    rate(mei, concept, 3, NOON - timedelta(days=9))
    path = tmp_path / "gradus.apkg"
    write_package(path, mei)
    with ZipFile(path) as archive:
        collection = tmp_path / "collection.anki2"
        collection.write_bytes(archive.read("collection.anki2"))
    with closing(sqlite3.connect(collection)) as connection, connection:
        connection.execute(
            "INSERT INTO cards SELECT 7, 'no number', did, ord, mod, usn, type, queue, due, ivl, "
            "factor, reps, lapses, left, odue, odid, flags, data FROM cards LIMIT 1"
        )
    other = tmp_path / "other.apkg"
    with ZipFile(other, "w") as archive:
        archive.write(collection, "collection.anki2")
    assert uploaded(mei, other).plan["left_out"] == {"malformed": 1}


# ---------------------------------------------------------------- an archive of Gradus


@pytest.fixture
def archive(studied: User, concept: Question, numeric: Question, tmp_path: Path) -> Path:
    rate(studied, concept, 1, NOON - timedelta(hours=1))
    progress.reviews.undo(user=studied)
    progress.plans.write_note(user=studied, question=concept, text="My own words.")
    progress.plans.set_bookmark(user=studied, question=numeric, is_set=True)
    progress.plans.change_plan(
        user=studied, interview=None, minutes=45, retention=85, two_buttons=True
    )
    path = tmp_path / "gradus.zip"
    archive_file.write(path, studied)
    return path


def changed(path: Path, **members: Any) -> Path:
    """Return an archive whose gradus.json has other members."""
    with ZipFile(path) as archive:
        data = json.loads(archive.read("gradus.json"))
    other = path.with_name(f"{uuid.uuid4()}.zip")
    with ZipFile(other, "w") as archive:
        archive.writestr("gradus.json", json.dumps({**data, **members}))
    return other


def test_an_archive_of_gradus_is_merged_and_twice_changes_nothing(
    archive: Path, studied: User, sam: User, concept: Question
) -> None:
    User.objects.filter(pk=sam.pk).update(time_zone=studied.time_zone)
    sam.refresh_from_db()
    earlier = rate(sam, concept, 4, NOON - timedelta(days=3))
    upload = taken(sam, archive)
    assert upload.plan["new_cards"] == 1
    assert upload.result == {"cards": 1, "reviews": 9, "notes": 1, "bookmarks": 1, "plan": 1}
    ours = set(Review.objects.filter(user=studied).values_list("review_id", "rating", "undoes"))
    theirs = set(Review.objects.filter(user=sam).values_list("review_id", "rating", "undoes"))
    assert theirs - ours == {(earlier.review_id, 4, None)} and not ours - theirs
    assert cards_of(sam)["how-long"] == cards_of(studied)["how-long"]
    assert Note.objects.get(user=sam).text == "My own words."
    assert Plan.objects.get(user=sam).minutes == 45
    assert Bookmark.objects.get(user=sam).question.slug == "how-long"
    before = log_of(sam), cards_of(sam), list(DailyStats.objects.filter(user=sam).values())
    assert sum(taken(sam, archive).result.values()) == 0
    assert (
        log_of(sam),
        cards_of(sam),
        list(DailyStats.objects.filter(user=sam).values()),
    ) == before
    assert AuditEvent.objects.filter(person=sam, kind="data-imported").count() == 2


def test_package_and_archive_of_the_same_learner_are_one_history(
    archive: Path, studied: User, sam: User, tmp_path: Path
) -> None:
    package = tmp_path / "gradus.apkg"
    write_package(package, studied)
    taken(sam, package)
    cards = cards_of(sam)
    # new is only what a package does not have: a rating that was taken back, and its undo
    assert taken(sam, archive).result["reviews"] == 2
    assert Review.objects.filter(user=sam).count() == Review.objects.filter(user=studied).count()
    assert cards_of(sam) == cards
    # what is taken back there after the package was made is taken back here too
    progress.reviews.undo(user=studied)
    later = tmp_path / "later.zip"
    archive_file.write(later, studied)
    assert taken(sam, later).result["reviews"] == 1
    assert cards_of(sam) == cards_of(studied)


def test_keys_of_others_in_an_archive_lead_nowhere(archive: Path, studied: User, sam: User) -> None:
    """Its rows have the keys of Mei's cards and sessions: nothing of hers changes."""
    before = log_of(studied), cards_of(studied), Note.objects.get(user=studied).updated_at
    taken(sam, archive)
    note = Note.objects.get(user=studied)
    assert (log_of(studied), cards_of(studied), note.updated_at) == before


def test_the_newer_note_stays(archive: Path, sam: User, concept: Question) -> None:
    progress.plans.write_note(user=sam, question=concept, text="Written later.")
    Note.objects.filter(user=sam).update(updated_at=NOON + timedelta(days=1))
    assert uploaded(sam, archive).plan["notes_kept"] == 1
    imports.confirm(upload=Import.objects.get())
    housekeeping.read_and_take_imports()
    assert Note.objects.get(user=sam).text == "Written later."


def test_what_is_not_taken_is_said(archive: Path, sam: User) -> None:
    row = {"question": "nowhere", "suspended": False}
    other = changed(archive, cards=[row], runs=[{"id": "x"}], reviews=[])
    upload = uploaded(sam, other)
    assert upload.plan["not_taken"]["runs"] == 1 and upload.plan["unknown"] == ["nowhere"]
    client = Client()
    client.force_login(sam)
    page = client.get("/settings/data/import").content.decode()
    assert "runs (1): runs are measurements of the site that made them" in page
    assert "nowhere" in page


@pytest.mark.attack
@pytest.mark.parametrize(
    "row",
    [
        {"rating": 9},
        {"rating": None},
        {"rating": 3, "undoes": str(uuid.uuid4())},
        {"at": "1066-10-14T00:00:00Z"},
        {"at": "2999-01-01T00:00:00Z"},
    ],
)
def test_rows_with_impossible_values_are_counted_and_left_out(
    archive: Path, sam: User, row: dict[str, Any]
) -> None:
    review = {
        "card_question": "why-relu",
        "review_id": str(uuid.uuid4()),
        "at": "2026-11-01T00:00:00Z",
        "day": "2026-11-01",
        "rating": 3,
    }
    upload = taken(sam, changed(archive, reviews=[{**review, **row}]))
    assert upload.plan["invalid"] == 1 and upload.result["reviews"] == 0


@pytest.mark.attack
def test_two_undoes_of_one_review_are_one(archive: Path, sam: User) -> None:
    undo = {
        "card_question": "why-relu",
        "at": "2026-11-01T00:00:00Z",
        "day": "2026-11-01",
        "undoes": str(uuid.uuid4()),
    }
    rows = [{**undo, "review_id": str(uuid.uuid4())} for _n in range(2)]
    assert taken(sam, changed(archive, reviews=rows)).result["reviews"] == 1


# ---------------------------------------------------------------- its life


def test_it_is_taken_whole_or_not_at_all(
    archive: Path, sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded(sam, archive)
    imports.confirm(upload=upload)

    def fail(**values: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(progress.plans, "write_note", fail)
        leased = imports.lease()
        assert leased is not None and not imports.work(upload=leased)
    assert not Card.objects.filter(user=sam).exists()
    assert housekeeping.read_and_take_imports() == 1
    assert Card.objects.filter(user=sam).count() == 2


def test_one_at_a_time_which_can_be_discarded(archive: Path, sam: User) -> None:
    upload = uploaded(sam, archive)
    with pytest.raises(ImportUnderway):
        uploaded(sam, archive)
    assert len(list(files.stored())) == 1  # no file stays of what was refused
    imports.discard(upload=upload)
    assert list(files.stored()) == [] and housekeeping.read_and_take_imports() == 0
    with pytest.raises(ImportOver):
        imports.confirm(upload=upload)
    assert not Card.objects.filter(user=sam).exists()


def test_a_dry_run_that_nobody_confirms_is_discarded_after_a_week(archive: Path, sam: User) -> None:
    uploaded(sam, archive)
    Import.objects.update(created_at=Clock() - timedelta(days=8))
    assert housekeeping.delete_old_archives() == 1
    assert list(files.stored()) == [] and Import.objects.get().state == State.DISCARDED


def test_the_page_shows_the_dry_run_and_takes_it_on_a_press(
    archive: Path, sam: User, concept: Question
) -> None:
    client = Client()
    client.force_login(sam)
    assert client.post("/settings/data/import").status_code == 422
    file = SimpleUploadedFile("gradus.zip", archive.read_bytes())
    assert client.post("/settings/data/import", {"file": file}).status_code == 302
    page = client.get("/settings/data/import").content.decode()
    assert 'data-hx-trigger="every 2s"' in page and '<meta http-equiv="refresh"' in page
    housekeeping.read_and_take_imports()
    page = client.get("/settings/data/import").content.decode()
    assert "2 new cards, 9 reviews, 1 note, 1 bookmark, the study plan" in page
    key = Import.objects.get().key
    client.post(f"/settings/data/import/{key}/confirm")
    client.post(f"/settings/data/import/{key}/confirm")  # again
    housekeeping.read_and_take_imports()
    page = client.get("/settings/data/import").content.decode()
    assert "Taken: 2 new cards, 9 reviews" in " ".join(page.split())


@pytest.mark.attack
@pytest.mark.parametrize("action", ["confirm", "discard"])
def test_nobody_else_decides_about_an_import(
    archive: Path, mei: User, sam: User, action: str
) -> None:
    upload = uploaded(sam, archive)
    client = Client()
    client.force_login(mei)
    assert client.post(f"/settings/data/import/{upload.key}/{action}").status_code == 404
    upload.refresh_from_db()
    assert upload.state == State.READY


@pytest.mark.attack
def test_a_file_that_is_too_large_is_refused(sam: User) -> None:
    with pytest.raises(ArchiveTooLarge):
        imports.upload(owner=sam, name="x", size_bytes=MAX_UPLOAD_BYTES + 1, chunks=[])
    assert list(files.stored()) == []


def test_a_merged_package_updates_what_anki_has(studied: User, tmp_path: Path) -> None:
    """The package in an archive is the one that Anki imports."""
    path, package = tmp_path / "gradus.zip", tmp_path / "gradus.apkg"
    archive_file.write(path, studied)
    with ZipFile(path) as archive:
        package.write_bytes(archive.read("gradus.apkg"))
    with ZipFile(io.BytesIO(package.read_bytes())) as inner:
        assert "collection.anki2" in inner.namelist()
    with opened(tmp_path, package) as collection:
        import_into(collection, package)
        assert len(collection.find_cards("")) == 2
