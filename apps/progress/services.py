"""Every write to what a learner remembers and plans; answers are written in `studying`. Each
function is one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import Refused
from apps.common.text import clean, length, normalize_newlines
from apps.experiments.models import Run
from apps.progress import days, memory, selectors
from apps.progress.interleaving import mixed
from apps.progress.memory import CountedReview
from apps.progress.models import (
    Attempt,
    Bookmark,
    Card,
    DailyStats,
    GradedBy,
    Note,
    Plan,
    Review,
    ReviewSession,
    UnreadVerdict,
)
from apps.questions.models import Question

UNDOABLE = 10  # grades, counted back from the newest
MAX_REVIEW_SECONDS = 600.0  # of one review: whoever left the desk was not studying
SUMS = ("reviews", "recalls", "recalled", "seconds")


class NothingToUndo(Refused):
    """None of the last ten grades counts any more."""

    code = "nothing-to-undo"


class NothingToReview(Refused):
    """A session needs a card at least."""

    code = "nothing-to-review"


class TooLong(Refused):
    """A note that has no room."""

    code = "too-long"
    status = 422


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
    """Store a grade, once however often it comes, and let the card be what its log comes to.

    Args:
        review_id: made by whoever posts: the same again returns what was stored first.
        at: when it was given; now, when it is not said, or lies in the future.
    """
    card = hold_card(user=user, question=question)
    if known := Review.objects.filter(card=card, review_id=review_id).first():
        return known
    given = min(at or now(), now())
    review = Review.objects.create(
        card=card,
        user=user,
        review_id=review_id,
        rating=rating,
        graded_by=graded_by,
        at=given,
        day=days.day_of(given, user.time_zone),
        seconds=min(max(seconds, 0.0), MAX_REVIEW_SECONDS),
        session=session,
        before=memory.plain(selectors.memory_of(card)),
    )
    _recount(card, without=review_id)
    return review


@transaction.atomic
def take_back(
    *, user: User, question: Question, review_id: UUID, session: ReviewSession | None = None
) -> None:
    """Store that a grade counts no longer. It may come before the grade does: then the grade never
    counts.
    """
    card = hold_card(user=user, question=question)
    if Review.objects.filter(card=card, undoes=review_id).exists():
        return
    before = selectors.rated_reviews(card)
    at = now()
    Review.objects.create(
        card=card,
        user=user,
        review_id=uuid5(review_id, "undo"),
        undoes=review_id,
        at=at,
        day=days.day_of(at, user.time_zone),
        session=session,
        before=memory.plain(selectors.memory_of(card)),
    )
    _apply(card, before)


@transaction.atomic
def undo(*, user: User) -> Review:
    """Take back the newest grade that counts, among the last ten.

    Raises:
        NothingToUndo: there is none.
    """
    # two presses at once take back two grades
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    newest = selectors.reviews_by(user, UNDOABLE)
    undone = set(
        Review.objects.filter(user=user, undoes__in=[r.review_id for r in newest]).values_list(
            "card_id", "undoes"
        )
    )
    last = next(
        (review for review in newest if (review.card_id, review.review_id) not in undone), None
    )
    if last is None:
        raise NothingToUndo(_("Nothing left to undo: only the last ten grades can be undone."))
    take_back(
        user=user, question=last.card.question, review_id=last.review_id, session=last.session
    )
    attempt = (
        Attempt.objects.select_for_update()
        .filter(user=user, counting_review_id=last.review_id)
        .first()
    )
    if attempt is not None:
        attempt.counting_review_id = None
        open_again = Attempt.objects.filter(
            user=user, question=attempt.question_id, over=False
        ).exclude(pk=attempt.pk)
        attempt.over = open_again.exists()
        attempt.save(update_fields=["counting_review_id", "over"])
    return last


def hold_card(*, user: User, question: Question) -> Card:
    """Return the learner's card of a question, made when there was none, and locked: one writer of
    a card at a time.
    """
    Card.objects.get_or_create(user=user, question=question)
    return (
        Card.objects.select_for_update(of=("self",))
        .select_related("user")
        .get(user=user, question=question)
    )


def _recount(card: Card, *, without: UUID) -> None:
    """Count a grade that was just stored."""
    _apply(card, [grade for grade in selectors.rated_reviews(card) if grade.review_id != without])


def _apply(card: Card, before: Iterable[memory.RatedReview]) -> None:
    """Set a card to what its log comes to now; `before` are the grades that counted until now."""
    aim = selectors.plan_of(card.user).retention / 100
    _was, counted_before = memory.fold(card.created_at, before, aim)
    held, counted = memory.fold(card.created_at, selectors.rated_reviews(card), aim)
    fields = ("due", "state", "step", "stability", "difficulty", "last_review", "last_day")
    Card.objects.filter(pk=card.pk).update(**{name: getattr(held, name) for name in fields})
    _move_days(card.user, counted_before, counted)


def _move_days(user: User, before: Sequence[CountedReview], after: Sequence[CountedReview]) -> None:
    """Add to the sums of each day what a card's log says more of it now than before."""
    change: dict[date, Counter[str]] = {}
    for counted, sign in ((before, -1), (after, 1)):
        for each in counted:
            sums = change.setdefault(each.review.day, Counter())
            known = each.was_recall
            found = (
                1,
                int(known),
                int(known and each.review.rating > memory.AGAIN),
                each.review.seconds,
            )
            for name, value in zip(SUMS, found, strict=True):
                sums[name] += sign * value  # type: ignore[assignment] # seconds are a float
    for day, sums in sorted(change.items()):
        if any(sums.values()):
            DailyStats.objects.get_or_create(user=user, day=day)
            DailyStats.objects.filter(user=user, day=day).update(
                **{name: F(name) + sums[name] for name in SUMS}
            )


@transaction.atomic
def add_card(*, user: User, question: Question) -> Card:
    """Let a question come up in reviews: a new card, due at once; an existing one is no longer
    suspended.
    """
    card = hold_card(user=user, question=question)
    Card.objects.filter(pk=card.pk).update(suspended=False)
    return card


@transaction.atomic
def suspend(*, user: User, question: Question, suspended: bool) -> None:
    """Keep a question out of reviews, or let it come again. What is remembered of it stays."""
    card = hold_card(user=user, question=question)
    Card.objects.filter(pk=card.pk).update(suspended=suspended)


# ---------------------------------------------------------------- sessions


@transaction.atomic
def start_session(*, user: User, new: int = 0, topic: str = "", mix: bool = True) -> ReviewSession:
    """Begin a review of at most 20 cards: those that are due, the longest first, then new
    questions. An open one goes on.

    Args:
        new: new questions that may be added.
        topic: of the new ones.
        mix: whether topics follow each other, or the cards come as they fell due.
    Raises:
        NothingToReview: nothing is due, and there is nothing new.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    session = selectors.open_session(user)
    if session is not None and selectors.standing(session).next is not None:
        return session
    # of an earlier day, or done
    ReviewSession.objects.filter(user=user, ended_at=None).update(ended_at=now())
    cards = list(selectors.due(user)[: ReviewSession.MAX_CARDS])
    for question in (
        selectors.new_questions(user, min(new, ReviewSession.MAX_CARDS - len(cards)), topic)
        if new
        else []
    ):
        cards.append(add_card(user=user, question=question))
    if not cards:
        raise NothingToReview(_("No cards are due, and there are no questions you haven't seen."))
    order = (
        mixed([(card.pk, card.question.topic) for card in cards])
        if mix
        else [card.pk for card in cards]
    )
    return ReviewSession.objects.create(user=user, day=selectors.today(user), cards=order)


@transaction.atomic
def end_session(*, user: User) -> None:
    """End the open session. What was graded stays graded."""
    ReviewSession.objects.filter(user=user, ended_at=None).update(ended_at=now())


@transaction.atomic
def put_off(*, user: User, card: int) -> None:
    """Move a card of the open session to its end."""
    session = ReviewSession.objects.select_for_update().filter(user=user, ended_at=None).first()
    if session is not None and card in session.cards:
        session.cards = [pk for pk in session.cards if pk != card] + [card]
        session.save(update_fields=["cards"])


# ---------------------------------------------------------------- plans and notes


@transaction.atomic
def change_plan(
    *, user: User, interview: date | None, minutes: int, retention: int, two_buttons: bool
) -> Plan:
    said = {
        "interview": interview,
        "minutes": minutes,
        "retention": retention,
        "two_buttons": two_buttons,
    }
    plan, _made = Plan.objects.update_or_create(user=user, defaults=said)
    return plan


@transaction.atomic
def write_note(*, user: User, question: Question, text: str) -> None:
    """Keep a learner's note on a question; an empty one takes it away.

    Raises:
        TooLong: nothing of it is kept.
    """
    text = normalize_newlines(clean(text)).strip()
    if length(text) > Note.MAX_CHARS:
        said = {"n": Note.MAX_CHARS, "given": length(text)}
        raise TooLong(
            _(
                "A note can have up to %(n)s characters; this one has %(given)s. Go back and "
                "shorten it."
            )
            % said
        )
    if not text:
        Note.objects.filter(user=user, question=question).delete()
        return
    # one statement: `update_or_create` fails where another request deletes the row in between
    Note.objects.bulk_create(
        [Note(user=user, question=question, text=text)],
        update_conflicts=True,
        unique_fields=["user", "question"],
        update_fields=["text", "updated_at"],
    )


@transaction.atomic
def bookmark(*, user: User, question: Question, kept: bool) -> None:
    """Set or unset a bookmark. Idempotent, and safe beside itself."""
    if kept:
        # one statement: `get_or_create` fails where another request deletes the row in between
        Bookmark.objects.bulk_create(
            [Bookmark(user=user, question=question)], ignore_conflicts=True
        )
    else:
        Bookmark.objects.filter(user=user, question=question).delete()


# ---------------------------------------------------------------- runs


@transaction.atomic(savepoint=False)  # in the transaction that ends the run, and one statement
def add_unread_verdict(*, run: Run) -> None:
    """Note that a verdict is there to be opened by the run's owner."""
    UnreadVerdict.objects.bulk_create(
        [UnreadVerdict(run=run, user_id=run.owner_id)], ignore_conflicts=True
    )


@transaction.atomic
def mark_verdict_read(*, run: Run) -> None:
    """Note that the owner has seen the verdict."""
    UnreadVerdict.objects.filter(run=run).delete()
