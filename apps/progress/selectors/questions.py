"""Questions, beside what the learner has of them: cards, notes, bookmarks, runs."""

from __future__ import annotations

from itertools import zip_longest

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    SlugField,
    Subquery,
    When,
)
from django.http import Http404

from apps.accounts.models import User
from apps.experiments.models import Lab, Run
from apps.progress.models import Bookmark, Note
from apps.questions import selectors as bank
from apps.questions.models import Question

FIRST_QUESTION = "activation-compute-cost"  # of the home page: one choice of four
LISTED_COLUMNS = (*bank.LIST_COLUMNS, "current__labs")  # without the long texts


def question_for(user: User | AnonymousUser, slug: str) -> Question:
    """Return a question that is offered, or a private card of the reader, with `note` and `is_kept`
    (bookmarked) of its reader; 404 for any other.
    """
    of_reader = {"user_id": user.pk, "question": OuterRef("pk")}
    note = Subquery(Note.objects.filter(**of_reader).values("text")[:1])
    is_kept = Exists(Bookmark.objects.filter(**of_reader))
    questions = Question.with_private.readable_by(user).select_related("current")
    question = questions.annotate(note=note, is_kept=is_kept).filter(slug=slug).first()
    if question is None:
        raise Http404("No such question.")
    return question


def first_question() -> Question | None:
    """Return the question that a visitor can answer on the spot: `FIRST_QUESTION`, else the easiest
    with options; None where there is none.
    """
    others_later = Case(When(slug=FIRST_QUESTION, then=0), default=1)
    questions = Question.objects.offered().filter(current__facts__choice__0__isnull=False)
    return questions.select_related("current").order_by(others_later, "difficulty", "pk").first()


def _listed() -> QuerySet[Question]:
    return Question.objects.offered().select_related("current").only(*LISTED_COLUMNS)


def new_questions(user: User, limit: int, topic: str = "") -> list[Question]:
    """Return questions that the learner has no card of, easy ones first; `existing_labs` says which
    labs they have.
    """
    names = ExpressionWrapper(OuterRef("current__labs"), ArrayField(SlugField()))
    named = Q(names__contains=[F("slug")])
    labs = Lab.objects.offered().annotate(names=names).filter(named)
    questions = _listed().exclude(cards__user=user)
    questions = questions.annotate(offered_labs=ArraySubquery(labs.values("slug")))
    questions = questions.order_by("difficulty", "pk")
    return list((questions.filter(topic=topic) if topic else questions)[:limit])


def new_cards(user: User, limit: int, topic: str = "") -> list[Question]:
    """Return what the learner could begin: new questions, easy ones first, and in between private
    cards without a card of reviews yet, the oldest first; with a topic, its questions alone.

    They alternate, so that who brought a deck along meets it, and the bank as well.
    """
    questions = new_questions(user, limit, topic)
    private = [] if topic else list(new_private_cards(user)[:limit])
    pairs = zip_longest(questions, private)
    return [question for pair in pairs for question in pair if question is not None][:limit]


def new_private_cards(user: User) -> QuerySet[Question]:
    """Return the learner's private cards that never came up, the oldest first."""
    cards = Question.with_private.private_to(user).select_related("current")
    return cards.exclude(cards__user=user).order_by("pk")


def existing_labs(question: Question) -> list[str]:
    """Return the slugs of the labs that a question of `new_questions` names and that are offered,
    in the question's order.
    """
    assert question.current is not None
    offered: list[str] = question.offered_labs  # type: ignore[attr-defined] # annotated
    return [slug for slug in question.current.labs if slug in offered]


def suspended(user: User) -> QuerySet[Question]:
    """Return the questions, and private cards, that the learner keeps out of reviews."""
    questions = Question.with_private.readable_by(user).select_related("current")
    questions = questions.only(*LISTED_COLUMNS, "owner")
    return questions.filter(cards__user=user, cards__suspended=True)


def by_stability(questions: QuerySet[Question], user: User) -> QuerySet[Question]:
    """Return questions with the lowest memory stability first, those without a review last."""
    card = FilteredRelation("cards", condition=Q(cards__user=user))
    return questions.annotate(own_card=card).order_by(
        F("own_card__stability").asc(nulls_last=True), "difficulty", "slug"
    )


def questions_about_run(run: Run) -> list[Question]:
    """Return the questions that refer to a claim on which a run has a verdict."""
    claims = [verdict.claim for verdict in run.verdicts.all()]
    return list(_listed().filter(current__claims__overlap=claims)) if claims else []
