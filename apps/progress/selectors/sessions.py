"""Review sessions, and how far they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.accounts.models import User
from apps.common.clock import now
from apps.progress import days
from apps.progress.models import Card, Rating, Review, ReviewSession


@dataclass(frozen=True)
class SessionProgress:
    """How far a session is, by the log of reviews."""

    session: ReviewSession
    ticks: tuple[str, ...]  # of each card, in order: right, wrong, now or empty
    next: Card | None
    done: int
    seconds: float  # spent so far
    ratings: dict[int, int]  # by card: its first rating of this session

    @property
    def of(self) -> int:
        return len(self.session.cards)

    @property
    def recalled(self) -> int:
        return sum(rating > Rating.AGAIN for rating in self.ratings.values())


def open_session(user: User) -> ReviewSession | None:
    """Return the learner's session of today that has not ended."""
    today = days.today(user.time_zone)
    return ReviewSession.objects.filter(user=user, ended_at=None, day=today).first()


def session_progress(session: ReviewSession, without: Iterable[int] = ()) -> SessionProgress:
    """Return how far a session is (two queries).

    Args:
        without: cards that were rated on a device whose posts have not arrived yet.
    """
    reviews = Review.objects.filter(session=session, card__in=session.cards)
    rows = list(reviews.order_by("at", "review_id"))
    undone = {(row.card_id, row.undoes) for row in rows if row.undoes}
    counting = [
        row for row in rows if row.rating is not None and (row.card_id, row.review_id) not in undone
    ]
    ratings: dict[int, int] = {}
    for row in counting:
        ratings.setdefault(row.card_id, row.rating or 0)
    cards = Card.objects.select_related("question", "user").in_bulk(session.cards)
    present = _next_card(session, cards, set(ratings), set(without))
    return SessionProgress(
        session=session,
        ticks=tuple(_tick(pk, ratings, present) for pk in session.cards),
        next=present,
        done=len(ratings),
        seconds=sum(row.seconds for row in counting),
        ratings=ratings,
    )


def _next_card(
    session: ReviewSession, cards: dict[int, Card], rated: set[int], without: set[int]
) -> Card | None:
    """Return the next card: one in a learning step that is due, else the next that is not rated,
    else one in a learning step.
    """
    listed = (cards[pk] for pk in session.cards if pk in cards and pk not in without)
    offered = [card for card in listed if not card.suspended and not card.question.withdrawn]
    returning = [
        card for card in offered if card.pk in rated and card.is_learning and not card.is_new
    ]
    learning = min(returning, key=lambda card: (card.due, card.pk), default=None)
    if learning is not None and learning.due <= now():
        return learning
    return next((card for card in offered if card.pk not in rated), learning)


def _tick(pk: int, ratings: dict[int, int], present: Card | None) -> str:
    if present is not None and present.pk == pk:
        return "now"
    if pk not in ratings:
        return ""
    return "right" if ratings[pk] > Rating.AGAIN else "wrong"
