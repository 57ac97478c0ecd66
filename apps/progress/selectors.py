"""Reads of a learner's own, and of nobody else's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    Count,
    Exists,
    F,
    FilteredRelation,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.http import Http404

from apps.accounts.models import User
from apps.common.clock import now
from apps.experiments.models import Run
from apps.progress import days
from apps.progress.memory import Memory, RatedReview
from apps.progress.models import (
    Answer,
    Attempt,
    Bookmark,
    Card,
    Note,
    Plan,
    Rating,
    Review,
    ReviewSession,
    UnreadVerdict,
)
from apps.questions import selectors as bank
from apps.questions.models import Question
from apps.questions.variants import SEEDS, stable_index

NAMES = UUID("7c2ac0a1-64f0-4c36-9a3c-6f2f6b1c7a11")  # of attempts
LISTED = (*bank.LISTED, "current__labs")  # of a question in a list: its texts are long
COUNTED = 1000  # due cards that are counted; beyond it a page says "more than"


def today(user: User) -> date:
    return days.day_of(now(), user.time_zone)


def end_of(user: User) -> datetime:
    """Return the instant at which the learner's present day ends."""
    return days.end(today(user), user.time_zone)


def plan_of(user: User) -> Plan:
    """Return what the learner means to do; the defaults, not stored, when they never said."""
    return Plan.objects.filter(user=user).first() or Plan(user=user)


# ---------------------------------------------------------------- cards


def memory_of(card: Card) -> Memory:
    return Memory(
        card.due,
        card.state,
        card.step,
        card.stability,
        card.difficulty,
        card.last_review,
        card.last_day,
    )


def card_of(user: User, question: Question) -> Card | None:
    return Card.objects.select_related("user").filter(user=user, question=question).first()


def rated_reviews(card: Card) -> list[RatedReview]:
    """Return the grades of a card that are not undone."""
    rows = list(card.reviews.all())
    undone = {row.undoes for row in rows if row.undoes}
    return [
        RatedReview(row.review_id, row.rating, row.at, row.day, row.seconds)
        for row in rows
        if row.rating is not None and row.review_id not in undone
    ]


def due(user: User) -> QuerySet[Card]:
    """Return the cards that are due on the learner's present day, the longest due first."""
    return Card.objects.due(user, end_of(user)).select_related("question")


def count_due(user: User, before: datetime | None = None) -> int:
    """Return how many cards are due, counting up to `COUNTED`: what it costs has a bound."""
    return Card.objects.due(user, before or end_of(user))[:COUNTED].count()


def overdue(user: User, day: date) -> tuple[int, datetime | None]:
    """Return how many cards fell due before a day, and when the first of them did."""
    found = Card.objects.due(user, days.start(day, user.time_zone)).aggregate(
        n=Count("pk"), first=Min("due")
    )
    return found["n"], found["first"]


def _listed() -> QuerySet[Question]:
    return Question.objects.offered().select_related("current").only(*LISTED)


def new_questions(user: User, most: int, topic: str = "") -> list[Question]:
    """Return questions that the learner has no card of, easy ones first."""
    found = _listed().exclude(cards__user=user).order_by("difficulty", "pk")
    return list((found.filter(topic=topic) if topic else found)[:most])


# ---------------------------------------------------------------- attempts


def attempt_of(user: User, question: Question) -> Attempt:
    """Return the learner's open attempt with a question; the next one, not stored, where there is
    none from today.
    """
    latest = (
        Attempt.objects.filter(user=user, question=question)
        .select_related("revision")
        .order_by("-number")
        .first()
    )
    if latest and not latest.over and latest.day == today(user):
        return latest
    return next_attempt(user, question, latest.number + 1 if latest else 0)


def next_attempt(user: User, question: Question, number: int) -> Attempt:
    """Return an attempt, not stored: its number decides name and seed, which so are the same before
    and after the first press.
    """
    name = f"{user.pk}/{question.pk}/{number}"
    return Attempt(
        id=uuid5(NAMES, name),
        seed=stable_index(name, SEEDS),
        user=user,
        question=question,
        revision=question.current,
        number=number,
        day=today(user),
    )


def revealed_attempt(user: User, question: Question) -> Attempt | None:
    """Return the learner's latest attempt of today with a question, if its answer is open."""
    latest = (
        Attempt.objects.filter(user=user, question=question)
        .select_related("revision")
        .order_by("-number")
        .first()
    )
    if latest is None or latest.revealed_at is None:
        return None
    day = today(user)
    return latest if day in (latest.day, days.day_of(latest.revealed_at, user.time_zone)) else None


def latest_attempt(user: User, question: Question) -> Attempt | None:
    return Attempt.objects.filter(user=user, question=question).order_by("-number").first()


def own_attempt(user: User, pk: UUID) -> Attempt:
    """Return an attempt of `user`; 404 for any other."""
    found = (
        Attempt.objects.select_related("question__current", "revision")
        .filter(user=user, pk=pk)
        .first()
    )
    if found is None:
        raise Http404("No such attempt.")
    return found


def answers_of(attempt: Attempt) -> dict[str, list[Answer]]:
    """Return the answers of an attempt, by part, in order."""
    found: dict[str, list[Answer]] = {}
    for answer in Answer.objects.filter(attempt=attempt.pk).order_by("part", "place"):
        found.setdefault(answer.part, []).append(answer)
    return found


# ---------------------------------------------------------------- sessions


@dataclass(frozen=True)
class Standing:
    """Where a session stands: what its log says of each card."""

    session: ReviewSession
    ticks: tuple[str, ...]  # for each card, in order: right, wrong, now or nothing
    next: Card | None
    done: int
    seconds: float  # spent so far
    ratings: dict[int, int]  # card: its first rating of this session

    @property
    def of(self) -> int:
        return len(self.session.cards)

    @property
    def recalled(self) -> int:
        return sum(rating > Rating.AGAIN for rating in self.ratings.values())


def open_session(user: User) -> ReviewSession | None:
    """Return the learner's session of today that has not ended."""
    return ReviewSession.objects.filter(user=user, ended_at=None, day=today(user)).first()


def standing(session: ReviewSession, without: Iterable[int] = ()) -> Standing:
    """Return where a session stands (two queries).

    Args:
        without: cards that were graded just now, on a device whose posts have not come yet.
    """
    rows = list(
        Review.objects.filter(session=session, card__in=session.cards).order_by("at", "review_id")
    )
    undone = {(row.card_id, row.undoes) for row in rows if row.undoes}
    counting = [
        row for row in rows if row.rating is not None and (row.card_id, row.review_id) not in undone
    ]
    grades: dict[int, int] = {}
    for row in counting:
        grades.setdefault(row.card_id, row.rating or 0)
    cards = {
        card.pk: card
        for card in Card.objects.filter(pk__in=session.cards).select_related("question", "user")
    }
    following = _next(session, cards, set(grades), set(without))
    marks = (_mark(pk, grades, following) for pk in session.cards)
    return Standing(
        session, tuple(marks), following, len(grades), sum(row.seconds for row in counting), grades
    )


def _next(
    session: ReviewSession, cards: dict[int, Card], graded: set[int], without: set[int]
) -> Card | None:
    """Return the card whose turn it is: one that is learnt and due, else the next of the list, else
    one that is learnt.
    """
    there = (cards[pk] for pk in session.cards if pk in cards and pk not in without)
    alive = [card for card in there if not card.suspended and not card.question.withdrawn]
    learning = sorted(
        (card for card in alive if card.pk in graded and _returns(card)),
        key=lambda card: (card.due, card.pk),
    )
    if learning and learning[0].due <= now():
        return learning[0]
    fresh = next((card for card in alive if card.pk not in graded), None)
    return fresh or (learning[0] if learning else None)


def _returns(card: Card) -> bool:
    return card.is_learning and not card.is_new


def _mark(pk: int, grades: dict[int, int], following: Card | None) -> str:
    if following is not None and following.pk == pk:
        return "now"
    return ("right" if grades[pk] > Rating.AGAIN else "wrong") if pk in grades else ""


def last_session(user: User) -> ReviewSession | None:
    return ReviewSession.objects.filter(user=user).order_by("-started_at").first()


# ---------------------------------------------------------------- beside a question


def question_for(user: User | AnonymousUser, slug: str) -> Question:
    """Return a question that is offered, with `note` and `is_kept` of its reader; 404 otherwise."""
    own = {"user_id": user.pk, "question": OuterRef("pk")}
    whole = Question.objects.offered().select_related("current")
    note, kept = (
        Subquery(Note.objects.filter(**own).values("text")[:1]),
        Exists(Bookmark.objects.filter(**own)),
    )
    found = whole.annotate(note=note, is_kept=kept).filter(slug=slug).first()
    if found is None:
        raise Http404("No such question.")
    return found


def bookmarks(user: User) -> QuerySet[Question]:
    return _listed().filter(bookmarks__user=user).order_by("-bookmarks__created_at")


def suspended(user: User) -> QuerySet[Question]:
    """Return the questions that the learner keeps out of reviews."""
    return _listed().filter(cards__user=user, cards__suspended=True)


# ---------------------------------------------------------------- runs


def waiting(user: User) -> QuerySet[UnreadVerdict]:
    """Return the verdicts that the learner has not opened, the oldest first."""
    return (
        UnreadVerdict.objects.filter(user=user)
        .select_related("run__version")
        .defer("run__version__source")
    )


def is_unread(run: Run, user: User) -> bool:
    """Say whether a run of the learner's own has a verdict that they have not opened."""
    return UnreadVerdict.objects.filter(run=run, user=user).exists()


def asked_by(run: Run) -> list[Question]:
    """Return the questions whose claims a run has verdicts on."""
    claims = [verdict.claim for verdict in run.verdicts.all()]
    return list(_listed().filter(current__claims__overlap=claims)) if claims else []


def by_stability(questions: QuerySet[Question], user: User) -> QuerySet[Question]:
    """Return questions in the order in which the learner would forget them, those that they have
    not graded last.
    """
    own = FilteredRelation("cards", condition=Q(cards__user=user))
    return questions.annotate(own=own).order_by(
        F("own__stability").asc(nulls_last=True), "difficulty", "slug"
    )


def cards_for(user: User, questions: Sequence[Question]) -> dict[int, Card]:
    """Return the learner's cards of some questions, by question."""
    return {
        card.question_id: card for card in Card.objects.filter(user=user, question__in=questions)
    }


def reviews_by(user: User, rows: int) -> list[Review]:
    """Return the learner's newest grades, undone ones included, the newest first."""
    return list(
        Review.objects.filter(user=user, rating__isnull=False)
        .select_related("card")
        .order_by("-pk")[:rows]
    )
