"""Cards: a learner's memory of questions, the log that it follows from, and what falls due."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Case, Count, Min, QuerySet, When

from apps.accounts.models import User
from apps.progress import days, memory
from apps.progress.memory import Memory, RatedReview
from apps.progress.models import Card, Review
from apps.questions.models import Question

MAX_COUNTED_DUE = 1000  # due cards that are counted; a page says "more than" from there on


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


def cards_of(user: User) -> QuerySet[Card]:
    """Return the learner's cards of questions that are offered, for a list."""
    cards = Card.objects.filter(user=user, question__withdrawn=False)
    return cards.select_related("question")


def cards_by_question(user: User, questions: Sequence[Question]) -> dict[int, Card]:
    """Return the learner's cards of some questions, by the question's key."""
    cards = Card.objects.filter(user=user, question__in=questions)
    return {card.question_id: card for card in cards}


def cards_with_questions(pks: Collection[int]) -> dict[int, Card]:
    """Return cards by key, with their questions' current revisions."""
    return Card.objects.select_related("question__current").in_bulk(pks)


# ---------------------------------------------------------------- the log


def rated_reviews(card: Card) -> list[RatedReview]:
    """Return the reviews of a card that are not undone."""
    rows = list(card.reviews.all())
    undone = {row.undoes for row in rows if row.undoes}
    return [
        RatedReview(row.review_id, row.rating, row.at, row.day, row.seconds)
        for row in rows
        if row.rating is not None and row.review_id not in undone
    ]


def newest_ratings(user: User, count: int) -> list[Review]:
    """Return the learner's newest rated reviews, undone ones included, the newest first."""
    rows = Review.objects.filter(user=user, rating__isnull=False)
    return list(rows.select_related("card").order_by("-pk")[:count])


def ratings_of(user: User) -> QuerySet[Review]:
    """Return the learner's ratings, undone ones included, for a list."""
    rows = Review.objects.filter(user=user, rating__isnull=False).defer("before")
    return rows.select_related("card__question")


@dataclass(frozen=True)
class LoggedReview:
    """A rating, and whether it was taken back."""

    review: Review
    is_undone: bool


def with_undone(reviews: Sequence[Review]) -> list[LoggedReview]:
    """Return ratings of one learner, each with whether it was taken back (one query)."""
    undoes = Review.objects.filter(
        card__in=[review.card_id for review in reviews],
        undoes__in=[review.review_id for review in reviews],
    )
    undone = set(undoes.order_by().values_list("card_id", "undoes"))
    return [
        LoggedReview(review, (review.card_id, review.review_id) in undone) for review in reviews
    ]


# Whether the last rating of the card `c` that counts is Again: it is forgotten until it is right
# again. A card past its learning steps was right last.
LAST_RATING_SQL = """
    SELECT r.rating FROM progress_review r
    WHERE r.card_id = c.id AND r.rating IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM progress_review u WHERE u.card_id = c.id AND u.undoes = r.review_id
    )
    ORDER BY r.at DESC, r.review_id DESC LIMIT 1
"""
FORGOTTEN_SQL = (
    f"(c.state <> {memory.REVIEW} AND c.last_review IS NOT NULL "
    f"AND ({LAST_RATING_SQL}) = {memory.AGAIN})"
)


def forgotten(cards: Collection[Card]) -> set[int]:
    """Return the keys of the cards that were answered wrong last (one query, where any of them is
    in its learning steps).
    """
    learning = [card.pk for card in cards if card.is_learning and not card.is_new]
    if not learning:
        return set()
    with connection.cursor() as cursor:
        rows = f"SELECT c.id FROM progress_card c WHERE c.id = ANY(%s) AND {FORGOTTEN_SQL}"  # noqa: S608
        cursor.execute(rows, [learning])
        return {pk for (pk,) in cursor.fetchall()}


def recall_today(user: User, card: Card, forgotten: Collection[int] = ()) -> float | None:
    """Return the chance that a card would be recalled today; none for a card without reviews.

    Args:
        forgotten: the keys of cards that count as forgotten.
    """
    if card.stability is None:
        return None
    if card.pk in forgotten:
        return 0.0
    passed = memory.elapsed(memory_of(card), days.today(user.time_zone))
    return memory.recall(card.stability, passed)


# ---------------------------------------------------------------- what falls due


def _end_of_today(user: User) -> datetime:
    return days.end(days.today(user.time_zone), user.time_zone)


def due_cards(user: User) -> QuerySet[Card]:
    """Return the cards that are due on the learner's present day, the most overdue first."""
    return Card.objects.due(user, _end_of_today(user)).select_related("question")


def next_due_question(user: User, besides: Question) -> Question | None:
    """Return the question of the most overdue card but that of `besides`."""
    cards = due_cards(user).select_related("question__current").exclude(question=besides)
    card = cards.first()
    return card.question if card else None


def count_due(user: User, before: datetime | None = None) -> int:
    """Return how many cards are due before an instant (by default the end of today), at most
    `MAX_COUNTED_DUE`, which bounds the cost.
    """
    return Card.objects.due(user, before or _end_of_today(user))[:MAX_COUNTED_DUE].count()


def count_due_by_tomorrow(user: User) -> int:
    tomorrow = days.today(user.time_zone) + days.DAY
    return count_due(user, days.end(tomorrow, user.time_zone))


def overdue(user: User, day: date) -> tuple[int, datetime | None]:
    """Return how many cards fell due before a day, and when the first of them did."""
    cards = Card.objects.due(user, days.start(day, user.time_zone))
    sums = cards.aggregate(n=Count("pk"), first=Min("due"))
    return sums["n"], sums["first"]


def due_by_day(user: User, length: int) -> dict[date, int]:
    """Return how many cards fall due on each of the next `length` days, today first; those that are
    overdue count for today.
    """
    today = days.today(user.time_zone)
    ends = [days.end(today + timedelta(days=n), user.time_zone) for n in range(length)]
    nth_day = Case(*(When(due__lt=end, then=n) for n, end in enumerate(ends)))
    cards = Card.objects.due(user, ends[-1]).order_by()
    rows = cards.values_list(nth_day).annotate(n=Count("pk"))
    return {today + timedelta(days=int(n)): count for n, count in rows}


def next_due(user: User) -> date | None:
    """Return the next day, after today, on which a card falls due."""
    later = Card.objects.filter(user=user, suspended=False, due__gte=_end_of_today(user))
    first = later.aggregate(first=Min("due"))["first"]
    return days.day_of(first, user.time_zone) if first else None
