"""The log of reviews and what follows from it: cards, daily statistics, undo, review sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import now
from apps.common.errors import Refused
from apps.progress import days, memory, selectors
from apps.progress.interleaving import interleaved
from apps.progress.memory import CountedReview, RatedReview
from apps.progress.models import (
    MAX_REVIEW_SECONDS,
    MAX_SESSION_CARDS,
    Attempt,
    Card,
    DailyStats,
    GradedBy,
    Review,
    ReviewSession,
)
from apps.progress.services.locks import lock_card
from apps.questions.models import Question

UNDOABLE_RATINGS = 10  # counted back from the newest, undone ones included
CHUNK_ROWS = 500  # of a statement
MAX_ROWS_IN_MEMORY = 5_000  # of a merge, besides those of one card
# of a card, as its fold says
MEMORY_COLUMNS = (*("due", "state", "step", "stability", "difficulty", "last_review", "last_day"),)
SUMS = ("reviews", "recalls", "recalled", "seconds")  # columns of DailyStats


class NothingToUndo(Refused):
    """None of the last `UNDOABLE_RATINGS` ratings counts any more."""

    code = "nothing-to-undo"


class NothingToReview(Refused):
    """There is no card for a session."""

    code = "nothing-to-review"


# ---------------------------------------------------------------- the log


@transaction.atomic
def record(
    *,
    user: User,
    question: Question,
    review_id: UUID,
    rating: int,
    graded_by: str = GradedBy.SELF,
    at: datetime | None = None,
    seconds: float = 0.0,
    session: ReviewSession | None = None,
) -> Review:
    """Append a rating to the log, and update its card.

    Args:
        review_id: idempotency key: the same again returns what was stored first.
        at: when it was given; by default, or where it lies in the future, now.
    """
    card = lock_card(user=user, question=question)
    if stored := Review.objects.filter(card=card, review_id=review_id).first():
        return stored
    given_at = min(at or now(), now())
    review = Review.objects.create(
        card=card,
        user=user,
        review_id=review_id,
        rating=rating,
        graded_by=graded_by,
        at=given_at,
        day=days.day_of(given_at, user.time_zone),
        seconds=min(max(seconds, 0.0), MAX_REVIEW_SECONDS),
        session=session,
        before=memory.as_json(selectors.cards.memory_of(card)),
    )
    rows = selectors.cards.rated_reviews(card)
    _refold(card, before=[row for row in rows if row.review_id != review_id])
    return review


@transaction.atomic
def take_back(
    *, user: User, question: Question, review_id: UUID, session: ReviewSession | None = None
) -> None:
    """Append the undo of a rating. It may arrive before the rating, which then never counts.
    Idempotent.
    """
    card = lock_card(user=user, question=question)
    if Review.objects.filter(card=card, undoes=review_id).exists():
        return
    before = selectors.cards.rated_reviews(card)
    at = now()
    Review.objects.create(
        card=card,
        user=user,
        review_id=uuid5(review_id, "undo"),
        undoes=review_id,
        at=at,
        day=days.day_of(at, user.time_zone),
        session=session,
        before=memory.as_json(selectors.cards.memory_of(card)),
    )
    _refold(card, before)


@dataclass(frozen=True)
class ForeignReview:
    """A row of the log as it was kept elsewhere: a rating, or the undo of one."""

    review_id: UUID
    rating: int | None  # None: an undo
    at: datetime
    undoes: UUID | None = None
    day: date | None = None  # None: the learner's day at that time, in their present zone
    seconds: float = 0.0
    graded_by: str = GradedBy.SELF


@transaction.atomic
def merge(*, user: User, question: Question, reviews: Iterable[ForeignReview]) -> int:
    """Add to the log of a card what it lacks of another log, and update the card: a union, by the
    keys of reviews. Idempotent. Returns how many rows were added.
    """
    card = lock_card(user=user, question=question)
    before = selectors.cards.rated_reviews(card)
    stored = list(card.reviews.values_list("review_id", "undoes"))
    keys, undone = {key for key, _undoes in stored}, {undoes for _key, undoes in stored}
    rows = []
    for review in reviews:
        if review.review_id in keys or (review.undoes and review.undoes in undone):
            continue
        keys.add(review.review_id)
        undone.add(review.undoes)
        rows.append(_row(card, user, review))
    Review.objects.bulk_create(rows)
    if rows:
        _refold(card, before)
    return len(rows)


@dataclass(frozen=True)
class ForeignLog:
    """The log of a card of which there is none here."""

    question: Question
    reviews: Sequence[ForeignReview]
    suspended: bool = False


@transaction.atomic
def merge_new(*, user: User, logs: Sequence[ForeignLog]) -> int:
    """Create cards with their logs, as `merge` would, in a few queries for any number. The caller
    has locked the learner, and none of the cards exists. Returns how many rows the logs have.
    """
    retention = selectors.plans.plan_of(user).retention / 100
    count, counted = 0, list[CountedReview]()
    cards, rows = list[Card](), list[Review]()
    for log in logs:
        card = Card(user=user, question=log.question, suspended=log.suspended)
        reviews = [_row(card, user, review) for review in _each_once(log.reviews)]
        state, of_card = memory.fold(card.created_at, _rated(reviews), retention)
        for name in MEMORY_COLUMNS:
            setattr(card, name, getattr(state, name))
        counted += of_card
        cards.append(card)
        rows += reviews
        count += len(reviews)
        if len(rows) >= MAX_ROWS_IN_MEMORY or log is logs[-1]:
            Card.objects.bulk_create(cards, batch_size=CHUNK_ROWS)
            Review.objects.bulk_create(rows, batch_size=CHUNK_ROWS)
            cards, rows = [], []
    _update_daily_stats(user, [], counted)
    return count


def _each_once(reviews: Iterable[ForeignReview]) -> list[ForeignReview]:
    """Return reviews without those whose key, or whose undone review, another one has."""
    by_key: dict[object, ForeignReview] = {}
    for review in reviews:
        by_key.setdefault(review.review_id, review)
    undone: dict[UUID, ForeignReview] = {}
    for review in by_key.values():
        if review.undoes:
            undone.setdefault(review.undoes, review)
    return [
        review for review in by_key.values() if not review.undoes or undone[review.undoes] is review
    ]


def _row(card: Card, user: User, review: ForeignReview) -> Review:
    """Return a review of another log as a row of this one, not stored."""
    at = min(review.at, now())
    return Review(
        card=card,
        user=user,
        review_id=review.review_id,
        rating=review.rating,
        undoes=review.undoes,
        graded_by=review.graded_by,
        at=at,
        day=review.day or days.day_of(at, user.time_zone),
        seconds=min(max(review.seconds, 0.0), MAX_REVIEW_SECONDS),
        before=memory.as_json(selectors.cards.memory_of(card)),
    )


def _rated(rows: Sequence[Review]) -> list[RatedReview]:
    undone = {row.undoes for row in rows if row.undoes}
    rated = [row for row in rows if row.rating is not None and row.review_id not in undone]
    return [
        RatedReview(row.review_id, row.rating or 0, row.at, row.day, row.seconds) for row in rated
    ]


@transaction.atomic
def undo(*, user: User, session: ReviewSession | None = None) -> Review:
    """Take back the newest rating that counts, among the last `UNDOABLE_RATINGS`, and reopen its
    attempt.

    Args:
        session: one whose cards are answered anew, in another attempt, once their rating is taken
            back.

    Raises:
        NothingToUndo: there is none.
    """
    lock_user(user)  # concurrent presses take back one rating each
    newest = selectors.cards.newest_ratings(user, UNDOABLE_RATINGS)
    undone_rows = Review.objects.filter(user=user, undoes__in=[row.review_id for row in newest])
    undone = set(undone_rows.values_list("card_id", "undoes"))
    counting = (row for row in newest if (row.card_id, row.review_id) not in undone)
    last = next(counting, None)
    if last is None:
        raise NothingToUndo(
            _("Nothing left to undo: only the last %(n)s grades can be undone.")
            % {"n": UNDOABLE_RATINGS}
        )
    take_back(
        user=user, question=last.card.question, review_id=last.review_id, session=last.session
    )
    is_anew = session is not None and last.session_id == session.pk
    _reopen_attempt(user, last.review_id, is_over=is_anew)
    return last


def _reopen_attempt(user: User, review_id: UUID, *, is_over: bool) -> None:
    """Let the attempt that was rated be rated again; open, unless it `is_over` or a later one is
    open.
    """
    rows = Attempt.objects.select_for_update().filter(user=user, counting_review_id=review_id)
    attempt = rows.first()
    if attempt is None:
        return
    attempt.counting_review_id = None
    others = Attempt.objects.filter(user=user, question=attempt.question_id).exclude(pk=attempt.pk)
    attempt.over = is_over or others.filter(over=False).exists()
    attempt.save(update_fields=["counting_review_id", "over"])


def _refold(card: Card, before: Iterable[RatedReview]) -> None:
    """Set a card and the daily sums to what the log says now.

    Args:
        before: the reviews that counted until now.
    """
    retention = selectors.plans.plan_of(card.user).retention / 100
    _memory, counted_before = memory.fold(card.created_at, before, retention)
    rows = selectors.cards.rated_reviews(card)
    state, counted = memory.fold(card.created_at, rows, retention)
    columns = {name: getattr(state, name) for name in MEMORY_COLUMNS}
    Card.objects.filter(pk=card.pk).update(**columns)
    _update_daily_stats(card.user, counted_before, counted)


def _update_daily_stats(
    user: User, before: Sequence[CountedReview], after: Sequence[CountedReview]
) -> None:
    """Add to the sums of each day the difference between what counted before and after."""
    changes: dict[date, Counter[str]] = {}
    for counted_reviews, sign in ((before, -1), (after, 1)):
        for counted in counted_reviews:
            sums = changes.setdefault(counted.review.day, Counter())
            is_recalled = counted.was_recall and counted.review.rating > memory.AGAIN
            values = (1, int(counted.was_recall), int(is_recalled), counted.review.seconds)
            for name, value in zip(SUMS, values, strict=True):
                sums[name] += sign * value  # type: ignore[assignment] # seconds are a float
    for day, sums in sorted(changes.items()):
        if any(sums.values()):
            DailyStats.objects.get_or_create(user=user, day=day)
            added = {name: F(name) + sums[name] for name in SUMS}
            DailyStats.objects.filter(user=user, day=day).update(**added)


@transaction.atomic
def take_from_days(*, user: User, questions: Sequence[int]) -> None:
    """Take the reviews of questions, whose cards are about to be deleted with their logs, out of
    the daily sums. The caller has locked the learner and the questions.
    """
    retention = selectors.plans.plan_of(user).retention / 100
    counted = list[CountedReview]()
    cards = Card.objects.filter(user=user, question__in=questions)
    for card in cards.prefetch_related("reviews"):
        reviews = selectors.cards.rated_reviews(card)
        counted += memory.fold(card.created_at, reviews, retention)[1]
    _update_daily_stats(user, counted, [])


# ---------------------------------------------------------------- cards


@transaction.atomic
def add_card(*, user: User, question: Question) -> Card:
    """Let a question come up in reviews: a new card, due at once, or the card there is, no longer
    suspended.
    """
    card = lock_card(user=user, question=question)
    Card.objects.filter(pk=card.pk).update(suspended=False)
    return card


@transaction.atomic
def suspend(*, user: User, question: Question, suspended: bool) -> None:
    """Keep a question out of reviews, or let it come up again. Its memory is unchanged."""
    card = lock_card(user=user, question=question)
    Card.objects.filter(pk=card.pk).update(suspended=suspended)


# ---------------------------------------------------------------- sessions


@transaction.atomic
def start_session(
    *, user: User, new: int = 0, topic: str = "", interleave: bool = True
) -> ReviewSession:
    """Begin a review of at most `MAX_SESSION_CARDS` cards: those that are due, the most overdue
    first, then new questions. An open session that has cards left is continued.

    Args:
        new: how many new questions and private cards may be added.
        topic: of the new questions.
        interleave: whether topics alternate; otherwise cards come in the order of their due time.
    Raises:
        NothingToReview: nothing is due, and there is no new question.
    """
    lock_user(user)
    session = selectors.sessions.open_session(user)
    if session is not None and selectors.sessions.session_progress(session).next is not None:
        return session
    _end_open_sessions(user)  # of an earlier day, or without a card left
    cards = list(selectors.cards.due_cards(user)[:MAX_SESSION_CARDS])
    wanted = min(new, MAX_SESSION_CARDS - len(cards))
    questions = selectors.questions.new_cards(user, wanted, topic) if new else []
    cards += [add_card(user=user, question=question) for question in questions]
    if not cards:
        raise NothingToReview(_("No cards are due, and there are no questions you haven't seen."))
    order = [card.pk for card in cards]
    if interleave:
        order = interleaved([(card.pk, card.question.topic) for card in cards])
    today = days.today(user.time_zone)
    return ReviewSession.objects.create(user=user, day=today, cards=order)


@transaction.atomic
def end_session(*, user: User) -> None:
    """End the open session. Its ratings stay."""
    _end_open_sessions(user)


def _end_open_sessions(user: User) -> None:
    ReviewSession.objects.filter(user=user, ended_at=None).update(ended_at=now())


@transaction.atomic
def skip_card(*, user: User, card: int) -> None:
    """Move a card of the open session to its end."""
    session = ReviewSession.objects.select_for_update().filter(user=user, ended_at=None).first()
    if session is not None and card in session.cards:
        session.cards = [pk for pk in session.cards if pk != card] + [card]
        session.save(update_fields=["cards"])
