"""Files that are imported. Housekeep reads one into a plan, the dry run, and once its owner agrees
takes it in one transaction. Each of the two begins with a lease, and its end holds only while the
attempt is still the one. To take a file twice changes nothing: the log of reviews is a union.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.archives import anki_collection, anki_import, files, gradus_import, zip_reading
from apps.archives.errors import (
    ArchivesAway,
    ArchiveTooLarge,
    BadArchive,
    ImportOver,
    ImportUnderway,
)
from apps.archives.limits import (
    IMPORT_DAYS,
    IMPORT_LEASE_SECONDS,
    MAX_IMPORT_ATTEMPTS,
    MAX_LISTED,
    MAX_UPLOAD_BYTES,
)
from apps.archives.models import MAX_NAME_LENGTH, Import
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.text import clean, displayable
from apps.progress import selectors
from apps.progress import services as progress
from apps.progress.models import Bookmark, Card, Note, Plan, Review
from apps.progress.services.reviews import ForeignLog, ForeignReview
from apps.questions import card_text, private_cards
from apps.questions.models import Question
from apps.questions.private_cards import ForeignCard

log = logging.getLogger(__name__)
State = Import.State
ANKI, GRADUS = "anki", "gradus"  # kinds of files
LEASE = timedelta(seconds=IMPORT_LEASE_SECONDS)

# ---------------------------------------------------------------- what its owner does


def upload(*, owner: User, name: str, size_bytes: int, chunks: Iterable[bytes]) -> Import:
    """Store an uploaded file, to be read by housekeep.

    Raises:
        AccountGone: the person was deleted meanwhile.
        ArchiveTooLarge: it has too many bytes.
        ArchivesAway: it cannot be stored.
        ImportUnderway: another of theirs is open.
    """
    if size_bytes > MAX_UPLOAD_BYTES:
        raise ArchiveTooLarge
    _check_none_open(owner)
    stored = Import(owner=owner, name=displayable(clean(name))[:MAX_NAME_LENGTH])
    stored.size_bytes = size_bytes
    try:
        files.store(stored.file_name, chunks)  # not while the person is locked
    except OSError as error:
        raise ArchivesAway from error
    try:
        with transaction.atomic():
            lock_user(owner)
            _check_none_open(owner)
            stored.save()
    except BaseException:
        files.delete(stored.file_name)
        raise
    return stored


def _check_none_open(owner: User) -> None:
    if Import.objects.open().filter(owner=owner).exists():
        raise ImportUnderway


@transaction.atomic
def confirm(*, upload: Import) -> None:
    """Have a file taken whose plan was shown. Idempotent.

    Raises:
        ImportOver: it was discarded, or its time is over.
    """
    ready = Import.objects.filter(pk=upload.pk, state=State.READY)
    if ready.update(state=State.CONFIRMED, attempts=0, next_attempt_at=Clock()):
        record(Kind.DATA_IMPORTED, person=upload.owner)
        return
    if not Import.objects.filter(pk=upload.pk, state__in=[State.CONFIRMED, State.DONE]).exists():
        raise ImportOver


def discard(*, upload: Import) -> None:
    """Delete a file that was not taken, or the line about one. Idempotent; what was confirmed is
    taken.
    """
    waiting = Import.objects.filter(pk=upload.pk, state__in=[State.UPLOADED, State.READY])
    waiting.update(state=State.DISCARDED, ended_at=Clock(), next_attempt_at=None, plan={})
    if not Import.objects.open().filter(pk=upload.pk).exists():
        files.delete(upload.file_name)


# ---------------------------------------------------------------- what housekeep does


@transaction.atomic
def lease() -> Import | None:
    """Return an import with work to do, and count the attempt."""
    upload = Import.objects.due().select_for_update(skip_locked=True, of=("self",)).first()
    if upload is not None:
        upload.attempts += 1
        _of_attempt(upload, counted=False).update(
            attempts=upload.attempts, next_attempt_at=Clock() + LEASE
        )
    return upload


def _of_attempt(upload: Import, *, counted: bool = True) -> QuerySet[Import]:
    rows = Import.objects.filter(pk=upload.pk, state=upload.state)
    return rows.filter(attempts=upload.attempts) if counted else rows


def work(*, upload: Import) -> bool:
    """Read a leased import, or take it. Returns whether that was done."""
    if upload.attempts > MAX_IMPORT_ATTEMPTS:  # the last one ended without a word
        _end(upload, State.FAILED)
        return False
    try:
        if upload.state == State.UPLOADED:
            planned = plan(upload)
            return bool(
                _of_attempt(upload).update(state=State.READY, plan=planned, next_attempt_at=None)
            )
        return _take(upload)
    except BadArchive as error:
        _end(upload, State.REFUSED, reason=error.reason, values=error.values)
    except FileNotFoundError:
        _end(upload, State.FAILED)
    except Exception:
        log.exception("attempt %s at import %s failed", upload.attempts, upload.pk)
        if upload.attempts >= MAX_IMPORT_ATTEMPTS:
            _end(upload, State.FAILED)
        else:
            _of_attempt(upload).update(next_attempt_at=Clock())
    return False


def _end(upload: Import, state: State, **values: Any) -> None:
    ended = _of_attempt(upload)
    ended.update(state=state, ended_at=Clock(), next_attempt_at=None, **values)
    files.delete(upload.file_name)


def delete_expired() -> int:
    """Discard files that nobody confirmed, and delete old rows. Returns how many."""
    old = Clock() - timedelta(days=IMPORT_DAYS)
    waiting = list(Import.objects.filter(state=State.READY, created_at__lt=old))
    for upload in waiting:
        discard(upload=upload)
    Import.objects.filter(ended_at__lt=old).delete()
    return len(waiting)


# ---------------------------------------------------------------- the dry run


def plan(upload: Import) -> dict[str, Any]:
    """Return what a file has for its owner, and what of it is not taken, as JSON for the page.

    Raises:
        BadArchive: the file cannot be read.
    """
    with zip_reading.opened(files.path_of(upload.file_name)) as archive:
        if gradus_import.is_archive(archive):
            return _gradus_plan(gradus_import.read(archive, upload.owner), upload.owner)
        if anki_collection.is_package(archive):
            contents = anki_import.read(archive, upload.owner, upload.name)
            return _anki_plan(contents, upload.owner)
        raise BadArchive(BadArchive.UNKNOWN)


def _anki_plan(contents: anki_import.AnkiContents, owner: User) -> dict[str, Any]:
    new = {
        match.question.slug: len(_missing(match.reviews, owner, match.question))
        for match in contents.matched
    }
    cards = [
        {
            "slug": match.question.slug,
            "by_guid": match.by_guid,
            "reviews": len(match.reviews),
            "new": new[match.question.slug],
        }
        for match in contents.matched
    ]
    have = _slugs_of_cards(owner)
    missing = _missing_of_private(contents.private, owner)
    return {
        "kind": ANKI,
        "cards": cards,
        "new_cards": len(new.keys() - have),
        "new": sum(new.values()) + sum(map(len, missing.values())),
        **_private_plan([(card.foreign, card.present) for card in contents.private]),
        "others": contents.others,
        "other_count": contents.other_count,
        "left_out": dict(+contents.left_out),
    }


def _private_plan(cards: Sequence[tuple[ForeignCard, Question | None]]) -> dict[str, Any]:
    """Return what becomes of private cards: how many are new, or say something else, and the first
    of them by their fronts.
    """
    new = [card for card, present in cards if present is None]
    changed = [card for card, present in cards if present and private_cards.differs(present, card)]
    listed = [{"front": _title(card), "is_new": True} for card in new[:MAX_LISTED]]
    listed += [{"front": _title(card), "is_new": False} for card in changed[:MAX_LISTED]]
    return {
        "private": listed[:MAX_LISTED],
        "private_cards": len(new),
        "private_changed": len(changed),
        "private_same": len(cards) - len(new) - len(changed),
    }


def _title(card: ForeignCard) -> str:
    return card_text.title(card.text.front, card.text.text_format)


def _missing_of_private(
    cards: Sequence[anki_import.PrivateCard], owner: User
) -> dict[str, list[ForeignReview]]:
    """Return the reviews that the logs of private cards lack, by GUID (one query)."""
    pks = [card.present.pk for card in cards if card.present and card.reviews]
    stored: dict[int, list[tuple[UUID, datetime, int | None]]] = {}
    rows = Review.objects.filter(user=owner, card__question__in=pks)
    columns = ("card__question", "review_id", "at", "rating")
    for question, key, at, rating in rows.values_list(*columns):
        stored.setdefault(question, []).append((key, at, rating))
    return {
        card.foreign.guid: anki_import.missing(
            card.reviews, stored.get(card.present.pk, []) if card.present else []
        )
        for card in cards
    }


def _missing(
    reviews: Iterable[ForeignReview], owner: User, question: Question
) -> list[ForeignReview]:
    stored = Review.objects.filter(card__user=owner, card__question=question)
    return anki_import.missing(reviews, stored.values_list("review_id", "at", "rating"))


def _missing_of_archive(
    reviews: Iterable[ForeignReview], owner: User, question: Question
) -> list[ForeignReview]:
    """Return the rows that the log lacks. What came here by a package for Anki has other keys than
    in the archive of the same learner: it is known by time and rating, and not taken again.
    """
    rows = list(reviews)
    stored = Review.objects.filter(card__user=owner, card__question=question)
    here = list(stored.values_list("review_id", "at", "rating"))
    in_log, in_archive = {row[0] for row in here}, {review.review_id for review in rows}
    new = [review for review in rows if review.review_id not in in_log]
    same = anki_import.same_rows(new, [row for row in here if row[0] not in in_archive])
    return [
        replace(review, undoes=same.get(review.undoes, review.undoes)) if review.undoes else review
        for review in new
        if review.review_id not in same
    ]


def _gradus_plan(contents: gradus_import.GradusContents, owner: User) -> dict[str, Any]:
    present = private_cards.by_guid(owner)
    here = contents.questions | {
        slug: present[card.guid] for slug, card in contents.private.items() if card.guid in present
    }
    new = {
        slug: len(_missing_of_archive(rows, owner, here[slug]) if slug in here else rows)
        for slug, rows in contents.reviews.items()
    }
    have = _slugs_of_cards(owner)
    of_bank = {*contents.cards, *contents.reviews} - contents.private.keys()
    bookmarked = Bookmark.objects.filter(user=owner).values_list("question__slug", flat=True)
    return {
        "kind": GRADUS,
        "handle": contents.handle,
        "created_at": contents.created_at.isoformat(),
        "cards": [
            {"slug": slug, "reviews": len(contents.reviews.get(slug, [])), "new": new.get(slug, 0)}
            for slug in sorted(of_bank)
        ],
        "new_cards": len(of_bank - have),
        "new": sum(new.values()),
        "notes": len(_newer_notes(contents, owner)),
        "notes_kept": len(contents.notes) - len(_newer_notes(contents, owner)),
        "bookmarks": len(set(map(contents.slug_here, contents.bookmarks)) - set(bookmarked)),
        "has_plan": contents.plan is not None and not Plan.objects.filter(user=owner).exists(),
        **_private_plan([(card, present.get(card.guid)) for card in contents.private.values()]),
        "private_left_out": contents.private_left_out,
        "unknown": contents.unknown[:MAX_LISTED],
        "unknown_count": len(contents.unknown),
        "invalid": contents.invalid,
        "not_taken": contents.not_taken,
    }


def _slugs_of_cards(owner: User) -> set[str]:
    return set(Card.objects.filter(user=owner).values_list("question__slug", flat=True))


def _newer_notes(
    contents: gradus_import.GradusContents, owner: User
) -> list[gradus_import.NoteOfQuestion]:
    """Return the notes that are taken: where there is none, or an older one that says something
    else.
    """
    rows = Note.objects.filter(user=owner).values_list("question__slug", "text", "updated_at")
    stored = {slug: (text, updated_at) for slug, text, updated_at in rows}
    return [
        note
        for slug, note in contents.notes.items()
        if (here := contents.slug_here(slug)) not in stored
        or (stored[here][0] != note.text and stored[here][1] < note.updated_at)
    ]


# ---------------------------------------------------------------- taking it


def _take(upload: Import) -> bool:
    """Take a confirmed import: all of it, or nothing."""
    with zip_reading.opened(files.path_of(upload.file_name)) as archive:
        if gradus_import.is_archive(archive):
            gradus = gradus_import.read(archive, upload.owner)
            anki = None
        else:
            gradus, anki = None, anki_import.read(archive, upload.owner, upload.name)
    with transaction.atomic():
        lock_user(upload.owner)
        if gradus is not None:
            result = _take_gradus(gradus, upload.owner)
        else:
            assert anki is not None
            result = _take_anki(anki, upload.owner)
        taken = _of_attempt(upload).update(
            state=State.DONE, result=result, ended_at=Clock(), next_attempt_at=None
        )
        if not taken:
            transaction.set_rollback(True)
    if taken:
        files.delete(upload.file_name)
    return bool(taken)


def _take_anki(contents: anki_import.AnkiContents, owner: User) -> Counter[str]:
    result: Counter[str] = Counter()
    for match in contents.matched:
        is_new = selectors.cards.card_of(owner, match.question) is None
        missing = _missing(match.reviews, owner, match.question)
        result["reviews"] += _merge(owner, match.question, missing, match.card.suspended)
        result["cards"] += is_new
    private = {card.foreign.guid: card for card in contents.private}
    taken = private_cards.take(owner=owner, cards=[card.foreign for card in private.values()])
    new_reviews = _missing_of_private(list(private.values()), owner)
    logs = [
        ForeignLog(taken.cards[guid], new_reviews[guid], card.card.suspended)
        for guid, card in private.items()
    ]
    result.update(_counted(taken))
    result["reviews"] += _merge_all(owner, logs)
    return result


def _counted(taken: private_cards.Taken) -> Counter[str]:
    return +Counter(private_cards=taken.created, private_changed=taken.changed)


def _merge_all(owner: User, logs: Iterable[ForeignLog]) -> int:
    """Add what the logs of private cards lack. One that was never reviewed gets no card of reviews,
    so that it comes up as new ones do.
    """
    have = set(Card.objects.filter(user=owner).values_list("question", flat=True))
    new = []
    count = 0
    for log in logs:
        if log.question.pk in have:
            if log.reviews:
                count += progress.reviews.merge(
                    user=owner, question=log.question, reviews=log.reviews
                )
        elif log.reviews or log.suspended:
            new.append(log)
    return count + progress.reviews.merge_new(user=owner, logs=new)


def _take_gradus(contents: gradus_import.GradusContents, owner: User) -> Counter[str]:
    result = _take_private(contents, owner)
    for slug in sorted({*contents.cards, *contents.reviews}):
        question = contents.questions.get(slug)
        if question is None or question.is_private:
            continue  # taken above
        is_new = selectors.cards.card_of(owner, question) is None
        reviews = _missing_of_archive(contents.reviews.get(slug, []), owner, question)
        result["reviews"] += _merge(owner, question, reviews, contents.cards.get(slug, False))
        result["cards"] += is_new
    for note in _newer_notes(contents, owner):
        question = contents.questions[note.question]
        progress.plans.write_note(user=owner, question=question, text=note.text)
        Note.objects.filter(user=owner, question=question).update(updated_at=note.updated_at)
        result["notes"] += 1
    for slug in contents.bookmarks:
        row, question = Bookmark.objects.filter(user=owner), contents.questions[slug]
        result["bookmarks"] += not row.filter(question=question).exists()
        progress.plans.set_bookmark(user=owner, question=question, is_set=True)
    if contents.plan and not Plan.objects.filter(user=owner).exists():
        of = contents.plan
        progress.plans.change_plan(
            user=owner,
            interview=of.interview,
            minutes=of.minutes,
            retention=of.retention,
            two_buttons=of.two_buttons,
        )
        result["plan"] += 1
    return result


def _take_private(contents: gradus_import.GradusContents, owner: User) -> Counter[str]:
    """Take the private cards of an archive with their logs; `contents` learns which question each
    of them is here.
    """
    taken = private_cards.take(owner=owner, cards=contents.private.values())
    for slug, card in contents.private.items():
        contents.questions[slug] = taken.cards[card.guid]
    logs = []
    for slug in contents.private:
        question, reviews = contents.questions[slug], contents.reviews.get(slug, [])
        reviews = _missing_of_archive(reviews, owner, question) if reviews else []
        logs.append(ForeignLog(question, reviews, contents.cards.get(slug, False)))
    result = _counted(taken)
    result["reviews"] += _merge_all(owner, logs)
    return result


def _merge(
    owner: User, question: Question, reviews: Iterable[ForeignReview], suspended: bool
) -> int:
    """Add what the log lacks. A card that is new here is suspended if it was there."""
    is_new = selectors.cards.card_of(owner, question) is None
    added = progress.reviews.merge(user=owner, question=question, reviews=reviews)
    if is_new and suspended:
        progress.reviews.suspend(user=owner, question=question, suspended=True)
    return added
