"""Private cards of a person: their texts. In reviews they are questions as all others, by their
id.
"""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read, read_query
from apps.api.idempotency import creates
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, LongText, Moment, Output, Text, utc
from apps.common.listing import MAX_FILTER_CHARS
from apps.questions import private_cards, selectors
from apps.questions.limits import MAX_SIDE_CHARS
from apps.questions.models import Question
from apps.questions.private_cards import CardText
from apps.questions.selectors import question_page

FORMATS = [(value, value) for value in (private_cards.MARKDOWN, private_cards.HTML)]


class PrivateCardSummary(Output):
    question_id = Id(help_text="Under which it comes up in reviews.")
    title = serializers.CharField(help_text="The beginning of its front, as plain text.")
    file_name = serializers.CharField(help_text="From which it was imported; empty: written here.")
    edited_at = Moment()


class PrivateCardDetail(PrivateCardSummary):
    text_format = serializers.ChoiceField(FORMATS)
    front = serializers.CharField(help_text="With TeX.")
    back = serializers.CharField()
    front_html = serializers.CharField()
    back_html = serializers.CharField()


SUMMARY_EXAMPLE = {
    "question_id": "private-5e5e5e5e5e5e5e5e",
    "title": "What is a monad?",
    "file_name": "interview.apkg",
    "edited_at": "2026-11-02T08:15:00.000Z",
}
DETAIL_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    "text_format": "markdown",
    "front": "What is a *monad*?",
    "back": "A monoid in the category of endofunctors.",
    "front_html": "<p>What is a <em>monad</em>?</p>",
    "back_html": "<p>A monoid in the category of endofunctors.</p>",
}


def summary(card: Question) -> dict[str, Any]:
    assert card.current is not None
    return {
        "question_id": card.slug,
        "title": card.current.title_en,
        "file_name": card.origin,
        "edited_at": utc(card.current.created_at),
    }


def detail(card: Question) -> dict[str, Any]:
    assert card.current is not None
    text, shown = private_cards.text_of(card), question_page(card.current)
    return {
        **summary(card),
        "text_format": text.text_format,
        "front": text.front,
        "back": text.back,
        "front_html": shown.statement,
        "back_html": shown.answer,
    }


class PrivateCardsEndpoint(Endpoint):
    """Yours alone: nobody else sees them."""

    tag = "cards"
    scopes = {"GET": Scope.READ, "POST": Scope.STUDY}
    limits = {"POST": "notes"}

    class PrivateCardFilters(Input):
        words = Text(required=False, max_length=MAX_FILTER_CHARS, help_text="Each must be there.")

    class NewPrivateCard(Input):
        front = LongText(max_length=MAX_SIDE_CHARS, help_text="Markdown with TeX.")
        back = LongText(max_length=MAX_SIDE_CHARS)

    @operation(
        "Your private cards, the newest first",
        response=PrivateCardSummary,
        pages=True,
        parameters=[PrivateCardFilters],
        example=SUMMARY_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        words = read_query(request, self.PrivateCardFilters).get("words", "")
        return page(request, selectors.private_cards(self.person(), words=words), summary)

    @operation(
        "Write a private card",
        request=NewPrivateCard,
        request_example={
            "front": "What is a *monad*?",
            "back": "A monoid in the category of endofunctors.",
        },
        response=PrivateCardDetail,
        example=DETAIL_EXAMPLE | {"file_name": ""},
        status=201,
    )
    @creates
    def post(self, request: Request) -> Response:
        data = read(request, self.NewPrivateCard)
        text = CardText(data["front"], data["back"])
        slug = private_cards.create(owner=self.person(), text=text).slug
        where = reverse("progress_api:private-card", args=[slug])
        card = selectors.private_card(self.person(), slug)
        return Response(detail(card), status=201, headers={"Location": where})


class PrivateCardEndpoint(Endpoint):
    tag = "cards"
    scopes = {"GET": Scope.READ, "DELETE": Scope.STUDY}
    limits = {"DELETE": "notes"}

    @operation("A private card", response=PrivateCardDetail, example=DETAIL_EXAMPLE)
    def get(self, request: Request, slug: str) -> Response:
        return Response(detail(selectors.private_card(self.person(), slug)))

    @operation("Delete a private card", description="With all its reviews, for good.")
    def delete(self, request: Request, slug: str) -> Response:
        card = selectors.private_card(self.person(), slug)
        private_cards.delete(owner=self.person(), slugs=[card.slug])
        return Response(status=204)
