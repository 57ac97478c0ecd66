"""Cards, review sessions, and the log of reviews."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import User
from apps.api.endpoint import Endpoint, read, read_query
from apps.api.idempotency import creates
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, YesOrNo, utc, utc_or_none
from apps.common.errors import NotFound
from apps.progress import selectors, services
from apps.progress.models import NEW_QUESTIONS, Card, GradedBy, Rating, Review, ReviewSession
from apps.progress.selectors.cards import LoggedReview
from apps.questions.api import TOPIC_CHOICES
from apps.questions.models import Question

CARD_STATES = ("new", "learning", "review", "relearning")
STATE_OF = {
    Card.State.LEARNING: "learning",
    Card.State.REVIEW: "review",
    Card.State.RELEARNING: "relearning",
}


# ---------------------------------------------------------------- cards


class CardSummary(Output):
    question_id = Id()
    state = serializers.ChoiceField(CARD_STATES)
    due_at = Moment()
    is_suspended = serializers.BooleanField(help_text="Does not come up in reviews.")
    stability_days = serializers.FloatField(
        allow_null=True, help_text="Until the chance of recall has fallen to 90%."
    )
    last_review_at = Moment(allow_null=True)


CARD_EXAMPLE = {
    "question_id": "relu-pros-cons",
    "state": "review",
    "due_at": "2026-11-04T08:17:00.000Z",
    "is_suspended": False,
    "stability_days": 6.4,
    "last_review_at": "2026-10-29T08:17:00.000Z",
}


def card_summary(card: Card) -> dict[str, Any]:
    return {
        "question_id": card.question.slug,
        "state": "new" if card.is_new else STATE_OF[Card.State(card.state)],
        "due_at": utc(card.due),
        "is_suspended": card.suspended,
        "stability_days": card.stability,
        "last_review_at": utc_or_none(card.last_review),
    }


class CardsEndpoint(Endpoint):
    tag = "cards"
    scopes = {"GET": Scope.READ}

    class CardFilters(Input):
        is_due = YesOrNo(required=False, help_text="True: those due today alone.")
        is_suspended = YesOrNo(required=False)

    @operation(
        "Your cards, the most overdue first",
        response=CardSummary,
        pages=True,
        parameters=[CardFilters],
        example=CARD_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.CardFilters)
        rows = selectors.cards.cards_of(self.person())
        if asked.get("is_due"):
            rows = selectors.cards.due_cards(self.person())
        if "is_suspended" in asked:
            rows = rows.filter(suspended=asked["is_suspended"])
        return page(request, rows, card_summary, ordering=("due", "pk"))


class CardEndpoint(Endpoint):
    """A question in your reviews."""

    tag = "cards"
    scopes = {"GET": Scope.READ, "PUT": Scope.STUDY, "PATCH": Scope.STUDY}

    class CardChange(Input):
        is_suspended = serializers.BooleanField()

    @operation("Your card of a question", response=CardSummary, example=CARD_EXAMPLE)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(selectors.questions.question_for(self.person(), slug))

    @operation(
        "Let a question come up in reviews",
        description="A new card, due at once; or the one there is, no longer suspended.",
        response=CardSummary,
        example=CARD_EXAMPLE | {"state": "new", "stability_days": None, "last_review_at": None},
    )
    def put(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(self.person(), slug)
        services.reviews.add_card(user=self.person(), question=question)
        return self.answer(question)

    @operation(
        "Keep a question out of reviews, or let it come up again",
        request=CardChange,
        request_example={"is_suspended": True},
        response=CardSummary,
        example=CARD_EXAMPLE | {"is_suspended": True},
    )
    def patch(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(self.person(), slug)
        suspended = read(request, self.CardChange)["is_suspended"]
        services.reviews.suspend(user=self.person(), question=question, suspended=suspended)
        return self.answer(question)

    def answer(self, question: Question) -> Response:
        card = selectors.cards.card_of(self.person(), question)
        if card is None:
            raise NotFound
        card.question = question
        return Response(card_summary(card))


# ---------------------------------------------------------------- sessions


class SessionDetail(Output):
    id = Id()
    day = serializers.DateField()
    started_at = Moment()
    card_count = serializers.IntegerField()
    done_count = serializers.IntegerField()
    recalled_count = serializers.IntegerField(help_text="Of those done, not rated Again.")
    seconds = serializers.FloatField(help_text="Spent so far.")
    current_question_id = Id(allow_null=True, help_text="Of the present card; null: all are done.")


SESSION_EXAMPLE = {
    "id": "31",
    "day": "2026-11-02",
    "started_at": "2026-11-02T08:15:00.000Z",
    "card_count": 12,
    "done_count": 3,
    "recalled_count": 2,
    "seconds": 104.0,
    "current_question_id": "relu-pros-cons",
}


def session_detail(session: ReviewSession) -> dict[str, Any]:
    progress = selectors.sessions.session_progress(session)
    return {
        "id": str(session.pk),
        "day": session.day.isoformat(),
        "started_at": utc(session.started_at),
        "card_count": progress.of,
        "done_count": progress.done,
        "recalled_count": progress.recalled,
        "seconds": progress.seconds,
        "current_question_id": progress.next.question.slug if progress.next else None,
    }


def open_session(user: User) -> ReviewSession:
    session = selectors.sessions.open_session(user)
    if session is None:
        raise NotFound
    return session


class ReviewSessionEndpoint(Endpoint):
    """Your open review session. An attempt belongs to it when it is begun with `in_review`."""

    tag = "reviews"
    scopes = {"GET": Scope.READ, "POST": Scope.STUDY, "DELETE": Scope.STUDY}

    class NewSession(Input):
        new_count = serializers.IntegerField(
            required=False, min_value=0, max_value=NEW_QUESTIONS, help_text="New questions to add."
        )
        topic = serializers.ChoiceField(
            TOPIC_CHOICES, required=False, help_text="Of the new questions."
        )
        is_interleaved = serializers.BooleanField(
            required=False, help_text="Topics alternate; else cards come as they fell due."
        )

    @operation("Your review session", response=SessionDetail, example=SESSION_EXAMPLE)
    def get(self, request: Request) -> Response:
        return Response(session_detail(open_session(self.person())))

    @operation(
        "Start a review session, or go on with the open one",
        request=NewSession,
        request_example={"new_count": 2, "topic": "losses"},
        response=SessionDetail,
        example=SESSION_EXAMPLE | {"done_count": 0, "recalled_count": 0, "seconds": 0.0},
        status=201,
    )
    @creates
    def post(self, request: Request) -> Response:
        data = read(request, self.NewSession)
        session = services.reviews.start_session(
            user=self.person(),
            new=data.get("new_count", 0),
            topic=data.get("topic", ""),
            interleave=data.get("is_interleaved", True),
        )
        where = reverse("progress_api:review-session")
        return Response(session_detail(session), status=201, headers={"Location": where})

    @operation("End your review session", description="What was rated stays.")
    def delete(self, request: Request) -> Response:
        services.reviews.end_session(user=self.person())
        return Response(status=204)


class ReviewSkipEndpoint(Endpoint):
    tag = "reviews"
    scopes = {"POST": Scope.STUDY}

    class SkippedCard(Input):
        question_id = serializers.SlugField(help_text="Of a card of the session.")

    @operation(
        "Move a card to the end of the session",
        request=SkippedCard,
        request_example={"question_id": "relu-pros-cons"},
        response=SessionDetail,
        example=SESSION_EXAMPLE,
    )
    def post(self, request: Request) -> Response:
        session = open_session(self.person())
        slug = read(request, self.SkippedCard)["question_id"]
        question = selectors.questions.question_for(self.person(), slug)
        card = selectors.cards.card_of(self.person(), question)
        if card is None or card.pk not in session.cards:
            raise Http404("No such card in the session.")
        services.reviews.skip_card(user=self.person(), card=card.pk)
        return Response(session_detail(open_session(self.person())))


# ---------------------------------------------------------------- the log


class ReviewSummary(Output):
    id = Id(help_text="That the rating was sent with.")
    question_id = Id()
    rating = serializers.ChoiceField(Rating.choices)
    graded_by = serializers.ChoiceField(GradedBy.choices)
    given_at = Moment(help_text="When it was given.")
    day = serializers.DateField(help_text="Yours.")
    seconds = serializers.FloatField()
    is_undone = serializers.BooleanField(help_text="Taken back: it does not count.")


REVIEW_EXAMPLE = {
    "id": "c2f60000-0000-5000-8000-00000000beef",
    "question_id": "relu-pros-cons",
    "rating": 3,
    "graded_by": "self",
    "given_at": "2026-11-02T08:17:00.000Z",
    "day": "2026-11-02",
    "seconds": 41.5,
    "is_undone": False,
}


def review_summary(logged: LoggedReview) -> dict[str, Any]:
    review = logged.review
    return {
        "id": str(review.review_id),
        "question_id": review.card.question.slug,
        "rating": review.rating,
        "graded_by": review.graded_by,
        "given_at": utc(review.at),
        "day": review.day.isoformat(),
        "seconds": review.seconds,
        "is_undone": logged.is_undone,
    }


class ReviewsEndpoint(Endpoint):
    tag = "reviews"
    scopes = {"GET": Scope.READ}

    @operation(
        "The log of your ratings, the newest first",
        response=ReviewSummary,
        pages=True,
        example=REVIEW_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        rows = selectors.cards.ratings_of(self.person())
        return page(request, rows, review_summary, prepare=selectors.cards.with_undone)


class ReviewUndoEndpoint(Endpoint):
    """The newest that counts, of the last ten."""

    tag = "reviews"
    scopes = {"POST": Scope.STUDY}

    @operation(
        "Take back your last rating",
        response=ReviewSummary,
        example=REVIEW_EXAMPLE | {"is_undone": True},
    )
    @creates
    def post(self, request: Request) -> Response:
        undone: Review = services.reviews.undo(user=self.person())
        return Response(review_summary(LoggedReview(undone, is_undone=True)))
