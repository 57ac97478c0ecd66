"""The list of questions: filters and orders, with what its reader has of each."""

from __future__ import annotations

from datetime import datetime

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.fields import CharField
from django.db.models.functions import Greatest
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.progress import days
from apps.progress.models import Bookmark, Card, Note, Rating, Review
from apps.questions import selectors as bank
from apps.questions.models import Question


class Status(TextChoices):
    """What a question is to a learner."""

    NEW = "new", _("new")
    LEARNING = "learning", _("learning")
    KNOWN = "known", _("known")
    DUE = "due", _("due")
    WRONG = "wrong", _("wrong last time")
    SUSPENDED = "suspended", _("not in reviews")


class Mine(TextChoices):
    BOOKMARKED = "bookmarked", _("with a bookmark")
    NOTED = "noted", _("with a note")


class Order(TextChoices):
    EASIEST = "easiest", _("easiest first")
    HARDEST = "hardest", _("hardest first")
    NEWEST = "newest", _("newest first")
    DUE = "due", _("due soonest")


ORDERS = {
    Order.EASIEST: (F("difficulty").asc(),),
    Order.HARDEST: (F("difficulty").desc(),),
    Order.NEWEST: (F("pk").desc(),),
    Order.DUE: (F("own_card__due").asc(nulls_last=True),),
}


def listed(
    user: User | None, *, status: str = "", mine: str = "", order: str = "", **filters: str
) -> QuerySet[Question]:
    """Return the questions that match the filters, in a total order. For a learner each has
    `status`, `is_bookmarked` and `has_note`. A filter with an unknown value matches none; an
    unknown order is the bank's.

    Args:
        filters: those of the bank: topic, kind, difficulty, words.
    """
    rows = bank.questions(**filters)
    if user is None:
        is_theirs = status or mine or order == Order.DUE
        return rows.none() if is_theirs else _in_order(rows, order)
    rows = rows.annotate(
        own_card=FilteredRelation("cards", condition=Q(cards__user=user)),
        status=_status(days.end(days.today(user.time_zone), user.time_zone)),
        is_bookmarked=Exists(Bookmark.objects.filter(user=user, question=OuterRef("pk"))),
        has_note=Exists(Note.objects.filter(user=user, question=OuterRef("pk"))),
    )
    if status:
        rows = rows.filter(status=status)
    if mine:
        is_mine = {Mine.BOOKMARKED: Q(is_bookmarked=True), Mine.NOTED: Q(has_note=True)}
        rows = rows.filter(is_mine[Mine(mine)] if mine in Mine.values else Q(pk__in=[]))
    return _in_order(rows, order)


def _in_order(rows: QuerySet[Question], order: str) -> QuerySet[Question]:
    if order not in Order.values:
        return rows
    return rows.order_by(*ORDERS[Order(order)], "topic", "slug")


def _status(end_of_today: datetime) -> Case:
    """Return the expression of `Status`, of the card to which `own_card` leads."""
    undone = Review.objects.filter(card=OuterRef("card"), undoes=OuterRef("review_id"))
    ratings = Review.objects.filter(card=OuterRef("own_card__pk"), rating__isnull=False)
    ratings = ratings.exclude(Exists(undone)).order_by("-at", "-review_id")
    is_wrong = Exact(Subquery(ratings.values("rating")[:1]), Rating.AGAIN)
    return Case(
        When(own_card__suspended=True, then=Value(Status.SUSPENDED)),
        When(own_card__last_review=None, then=Value(Status.NEW)),  # without a card, too
        When(is_wrong, then=Value(Status.WRONG)),
        When(own_card__due__lt=end_of_today, then=Value(Status.DUE)),
        When(own_card__state=Card.State.REVIEW, then=Value(Status.KNOWN)),
        default=Value(Status.LEARNING),
        output_field=CharField(),
    )


def count_by_topic() -> dict[str, int]:
    """Return how many questions are offered of each topic that has any (one query)."""
    rows = Question.objects.offered().order_by().values_list("topic")
    return dict(rows.annotate(count=Count("pk")))


def own_questions(user: User) -> QuerySet[Question]:
    """Return the questions, and private cards, of which the learner has a bookmark or a note, with
    `is_bookmarked` and `note`, what they touched last first.
    """
    note = Note.objects.filter(user=user, question=OuterRef("pk"))
    bookmark = Bookmark.objects.filter(user=user, question=OuterRef("pk"))
    readable = Question.with_private.readable_by(user).select_related("current")
    rows = readable.only(*bank.LIST_COLUMNS, "owner").annotate(
        is_bookmarked=Exists(bookmark),
        note=Subquery(note.values("text")[:1]),
        touched_at=Greatest(
            Subquery(note.values("updated_at")[:1]), Subquery(bookmark.values("created_at")[:1])
        ),
    )
    return rows.exclude(touched_at=None).order_by("-touched_at", "slug")
