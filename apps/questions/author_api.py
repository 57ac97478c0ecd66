"""Endpoints of authors: all questions with their drafts, and revisions, which are read, drafted,
edited and published. By the permissions of the admin.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.conditional import check_unchanged, etag_of, tagged
from apps.api.endpoint import Endpoint, check_staff, read, read_query
from apps.api.idempotency import creates
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import (
    Id,
    Input,
    LongText,
    Moment,
    Output,
    Text,
    YesOrNo,
    utc,
    utc_or_none,
)
from apps.common.listing import MAX_FILTER_CHARS
from apps.questions import selectors, services
from apps.questions.limits import (
    MAX_CLAIM_LENGTH,
    MAX_OPTION_KEY_LENGTH,
    MAX_SLUG_LENGTH,
    MAX_TITLE_LENGTH,
)
from apps.questions.models import Kind, Question, Revision, RevisionText
from apps.questions.services import DRAFT_COLUMNS, TEXT_COLUMNS

MAX_CHARS = 100_000  # of a text of a draft
MAX_TEXTS = 400  # of a draft
MAX_NAMES = 50  # of labs, claims and related questions
MAX_SOURCES = 50
MAX_PLACE = 1_000


# ---------------------------------------------------------------- what goes out and comes in


class AuthorQuestion(Output):
    id = Id()
    topic = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(Kind.choices))
    difficulty = serializers.IntegerField()
    title_en = serializers.CharField(help_text="Empty: it has drafts alone.")
    title_zh = serializers.CharField()
    is_withdrawn = serializers.BooleanField()
    current_revision_id = Id(allow_null=True)
    draft_count = serializers.IntegerField()


class RevisionSummary(Output):
    id = Id()
    question_id = Id()
    number = serializers.IntegerField()
    title_en = serializers.CharField()
    title_zh = serializers.CharField()
    is_current = serializers.BooleanField()
    created_at = Moment()
    published_at = Moment(allow_null=True, help_text="Null: a draft.")


class RevisionTextRow(Output):
    text_kind = serializers.ChoiceField(RevisionText.Kind.choices)
    part_number = serializers.IntegerField(help_text="Of the part, from 1; 0: the whole question.")
    position = serializers.IntegerField(help_text="From 0, within kind and part.")
    key = serializers.CharField(help_text="Of an option.")
    text_en = serializers.CharField()
    text_zh = serializers.CharField()
    detail_en = serializers.CharField(help_text="The reason of an option, a follow-up's answer.")
    detail_zh = serializers.CharField()


class RevisionDetail(RevisionSummary):
    statement_en = serializers.CharField(help_text="Markdown with TeX, as all texts.")
    statement_zh = serializers.CharField()
    short_answer_en = serializers.CharField()
    short_answer_zh = serializers.CharField()
    answer_en = serializers.CharField()
    answer_zh = serializers.CharField()
    facts = serializers.DictField(help_text="The contents of question.toml.")
    sources = serializers.ListField(child=serializers.DictField())
    labs = serializers.ListField(child=serializers.CharField())
    claims = serializers.ListField(child=serializers.CharField())
    related = serializers.ListField(child=serializers.CharField())
    synonyms = serializers.CharField(help_text="One a line.")
    starter = serializers.CharField()
    reference = serializers.CharField()
    texts = RevisionTextRow(many=True)


class DraftTextRow(Input):
    text_kind = serializers.ChoiceField(RevisionText.Kind.choices)
    part_number = serializers.IntegerField(required=False, min_value=0, max_value=MAX_PLACE)
    position = serializers.IntegerField(min_value=0, max_value=MAX_PLACE)
    key = Text(required=False, allow_blank=True, max_length=MAX_OPTION_KEY_LENGTH)
    text_en = LongText(required=False, allow_blank=True, max_length=MAX_CHARS)
    text_zh = LongText(required=False, allow_blank=True, max_length=MAX_CHARS)
    detail_en = LongText(required=False, allow_blank=True, max_length=MAX_CHARS)
    detail_zh = LongText(required=False, allow_blank=True, max_length=MAX_CHARS)


def _long_text(*, may_be_empty: bool = False) -> LongText:
    return LongText(required=False, allow_blank=may_be_empty, max_length=MAX_CHARS)


class DraftChange(Input):
    title_en = Text(required=False, max_length=MAX_TITLE_LENGTH)
    title_zh = Text(required=False, max_length=MAX_TITLE_LENGTH)
    statement_en = _long_text()
    statement_zh = _long_text()
    short_answer_en = _long_text(may_be_empty=True)
    short_answer_zh = _long_text(may_be_empty=True)
    answer_en = _long_text()
    answer_zh = _long_text()
    facts = serializers.DictField(child=serializers.JSONField(), required=False)
    sources = serializers.ListField(
        child=serializers.DictField(child=serializers.JSONField()),
        required=False,
        max_length=MAX_SOURCES,
    )
    labs = serializers.ListField(
        child=serializers.SlugField(max_length=MAX_SLUG_LENGTH),
        required=False,
        max_length=MAX_NAMES,
    )
    claims = serializers.ListField(
        child=Text(max_length=MAX_CLAIM_LENGTH), required=False, max_length=MAX_NAMES
    )
    related = serializers.ListField(
        child=serializers.SlugField(max_length=MAX_SLUG_LENGTH),
        required=False,
        max_length=MAX_NAMES,
    )
    synonyms = _long_text(may_be_empty=True)
    starter = _long_text(may_be_empty=True)
    reference = _long_text(may_be_empty=True)
    texts = serializers.ListField(
        child=DraftTextRow(),
        required=False,
        max_length=MAX_TEXTS,
        help_text="All of them; without, they stay.",
    )


SUMMARY_EXAMPLE = {
    "id": "48",
    "question_id": "relu-pros-cons",
    "number": 2,
    "title_en": "Why ReLU?",
    "title_zh": "为什么用 ReLU？",
    "is_current": False,
    "created_at": "2026-11-02T08:15:00.000Z",
    "published_at": None,
}
DETAIL_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    "statement_en": "Name what ReLU is good for.",
    "statement_zh": "说说 ReLU 的好处。",
    "short_answer_en": "",
    "short_answer_zh": "",
    "answer_en": "Its gradient does not vanish.",
    "answer_zh": "它的梯度不会消失。",
    "facts": {"topic": "activation-functions", "kinds": ["concept"], "difficulty": 2},
    "sources": [{"text": "A book.", "url": "https://example.org/book"}],
    "labs": ["dead-relu"],
    "claims": ["dead-relu.lr-kills"],
    "related": [],
    "synonyms": "rectifier",
    "starter": "",
    "reference": "",
    "texts": [
        {
            "text_kind": "point",
            "part_number": 0,
            "position": 0,
            "key": "",
            "text_en": "The slope is 1.",
            "text_zh": "斜率是 1。",
            "detail_en": "",
            "detail_zh": "",
        }
    ],
}


def author_question(question: Any) -> dict[str, Any]:
    current = question.current
    return {
        "id": question.slug,
        "topic": question.topic,
        "kinds": question.kinds,
        "difficulty": question.difficulty,
        "title_en": current.title_en if current else "",
        "title_zh": current.title_zh if current else "",
        "is_withdrawn": question.withdrawn,
        "current_revision_id": str(current.pk) if current else None,
        "draft_count": question.draft_count,
    }


def revision_summary(revision: Revision) -> dict[str, Any]:
    return {
        "id": str(revision.pk),
        "question_id": revision.question.slug,
        "number": revision.number,
        "title_en": revision.title_en,
        "title_zh": revision.title_zh,
        "is_current": revision.question.current_id == revision.pk,
        "created_at": utc(revision.created_at),
        "published_at": utc_or_none(revision.published_at),
    }


def revision_detail(revision: Revision) -> dict[str, Any]:
    return {
        **revision_summary(revision),
        **{column: getattr(revision, column) for column in DRAFT_COLUMNS},
        "texts": [
            {
                "text_kind": text.kind,
                "part_number": text.part,
                "position": text.position,
                **{column: getattr(text, column) for column in TEXT_COLUMNS},
            }
            for text in revision.texts.all()
        ],
    }


def revision_etag(revision: Revision) -> str:
    return etag_of(revision_detail(revision))


def _rows(rows: list[dict[str, Any]]) -> list[RevisionText]:
    return [
        RevisionText(
            kind=row["text_kind"],
            part=row.get("part_number", 0),
            position=row["position"],
            **{column: row.get(column, "") for column in TEXT_COLUMNS},
        )
        for row in rows
    ]


# ---------------------------------------------------------------- endpoints


class AuthorQuestionsEndpoint(Endpoint):
    """Also those that nobody can study: with drafts alone, withdrawn, of a bank that is hidden."""

    tag = "authors"
    scopes = {"GET": Scope.AUTHOR}
    permission = "questions.view_question"

    class AuthorFilters(Input):
        words = Text(required=False, max_length=MAX_FILTER_CHARS)
        has_drafts = YesOrNo(required=False)

    @operation(
        "All questions",
        response=AuthorQuestion,
        pages=True,
        parameters=[AuthorFilters],
        example={
            "id": "relu-pros-cons",
            "topic": "activation-functions",
            "kinds": ["concept"],
            "difficulty": 2,
            "title_en": "Why ReLU?",
            "title_zh": "为什么用 ReLU？",
            "is_withdrawn": False,
            "current_revision_id": "47",
            "draft_count": 1,
        },
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.AuthorFilters)
        rows = selectors.questions_of_authors(
            words=asked.get("words", ""), has_drafts=asked.get("has_drafts")
        )
        return page(request, rows, author_question, ordering=("slug",))


class RevisionsEndpoint(Endpoint):
    tag = "authors"
    scopes = {"GET": Scope.AUTHOR, "POST": Scope.AUTHOR}
    permission = "questions.view_revision"

    @operation(
        "The revisions of a question, the newest first",
        response=RevisionSummary,
        pages=True,
        example=SUMMARY_EXAMPLE,
    )
    def get(self, request: Request, slug: str) -> Response:
        rows = selectors.revisions_of(selectors.question_of_authors(slug))
        return page(request, rows, revision_summary, ordering=("-number",))

    @operation(
        "Begin a draft",
        description="With the contents of the current revision. Permission: to change questions.",
        response=RevisionDetail,
        example=DETAIL_EXAMPLE,
        status=201,
    )
    @creates
    def post(self, request: Request, slug: str) -> Response:
        check_staff(request, "questions.change_question")
        question: Question = selectors.question_of_authors(slug)
        draft = services.draft_from(question=question)
        where = reverse("questions_api:revision", args=[draft.pk])
        revision = selectors.revision_of_authors(draft.pk)
        headers = {"Location": where, "ETag": revision_etag(revision)}
        return Response(revision_detail(revision), status=201, headers=headers)


class RevisionEndpoint(Endpoint):
    tag = "authors"
    scopes = {"GET": Scope.AUTHOR, "PATCH": Scope.AUTHOR}
    permission = "questions.view_revision"

    @operation("A revision", response=RevisionDetail, example=DETAIL_EXAMPLE)
    def get(self, request: Request, pk: int) -> Response:
        return self.answer(request, pk)

    @operation(
        "Edit a draft",
        description="What it says is checked when it is published. Permission: to change "
        "revisions.",
        request=DraftChange,
        request_example={"title_en": "Why ReLU?", "title_zh": "为什么用 ReLU？"},
        response=RevisionDetail,
        example=DETAIL_EXAMPLE,
        edits=True,
    )
    def patch(self, request: Request, pk: int) -> Response:
        check_staff(request, "questions.change_revision")
        selectors.revision_of_authors(pk)
        changes = read(request, DraftChange)
        texts = _rows(changes.pop("texts")) if "texts" in changes else None
        with transaction.atomic():
            draft = services.lock_draft(pk)
            check_unchanged(request, revision_etag(draft))
            services.edit_draft(draft=draft, changes=changes, texts=texts)
        return self.answer(request, pk)

    def answer(self, request: Request, pk: int) -> Response:
        revision = selectors.revision_of_authors(pk)
        return tagged(request, revision_detail(revision), revision_etag(revision))


class RevisionPublishEndpoint(Endpoint):
    """A draft with faults is refused with `not-publishable`, which lists them."""

    tag = "authors"
    scopes = {"POST": Scope.AUTHOR}
    permission = "questions.publish_revision"

    @operation(
        "Publish a draft",
        response=RevisionDetail,
        example=DETAIL_EXAMPLE | {"is_current": True, "published_at": "2026-11-02T08:20:00.000Z"},
    )
    def post(self, request: Request, pk: int) -> Response:
        services.publish_draft(revision=selectors.revision_of_authors(pk))
        return Response(revision_detail(selectors.revision_of_authors(pk)))
