"""Endpoints of the bank: its list, and reports of mistakes. A question itself is one of `progress`,
as its page is.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, invalid_form, read, read_query
from apps.api.idempotency import creates, key_of
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, LongText, Moment, Output, Text, utc
from apps.common.listing import MAX_FILTER_CHARS
from apps.common.text import in_language, is_chinese
from apps.common.topics import TOPICS
from apps.questions import selectors, services
from apps.questions.forms import ReportForm
from apps.questions.limits import MAX_DIFFICULTY, MAX_REPORT_LENGTH, MIN_DIFFICULTY
from apps.questions.models import Kind, Question, Report

TOPIC_CHOICES = [(topic.slug, topic.title_en) for topic in TOPICS.values()]


class QuestionSummary(Output):
    id = Id(help_text="Its name in addresses.")
    topic = serializers.CharField(help_text="Empty: of a private card.")
    kinds = serializers.ListField(child=serializers.ChoiceField(Kind.choices))
    difficulty = serializers.IntegerField(help_text="1 (recall) to 5 (research).")
    title = serializers.CharField(help_text="Markdown with TeX.")
    title_html = serializers.CharField()
    url = serializers.URLField(help_text="Its page.")


SUMMARY_EXAMPLE = {
    "id": "relu-pros-cons",
    "topic": "activation-functions",
    "kinds": ["concept"],
    "difficulty": 2,
    "title": "Why ReLU?",
    "title_html": "Why ReLU?",
    "url": "https://gradus.example/questions/relu-pros-cons",
}


def question_summary(request: Request, question: Question) -> dict[str, Any]:
    return {
        "id": question.slug,
        "topic": question.topic,
        "kinds": question.kinds,
        "difficulty": question.difficulty,
        "title": in_language(question.current, "title"),
        "title_html": in_language(question.current, "title_html"),
        "url": request.build_absolute_uri(question.get_absolute_url()),
    }


class QuestionsEndpoint(Endpoint):
    tag = "questions"
    scopes = {"GET": Scope.READ}
    is_public = True

    class QuestionFilters(Input):
        topic = serializers.ChoiceField(TOPIC_CHOICES, required=False)
        kind = serializers.ChoiceField(Kind.choices, required=False)
        difficulty = serializers.IntegerField(
            required=False, min_value=MIN_DIFFICULTY, max_value=MAX_DIFFICULTY
        )
        words = Text(required=False, max_length=MAX_FILTER_CHARS, help_text="Each must be there.")

    @operation(
        "Questions",
        response=QuestionSummary,
        pages=True,
        parameters=[QuestionFilters],
        example=SUMMARY_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.QuestionFilters)
        rows = selectors.questions(**{name: str(value) for name, value in asked.items()})
        return page(request, rows, lambda row: question_summary(request, row), ordering=("slug",))


class ReportsEndpoint(Endpoint):
    tag = "questions"
    scopes = {"POST": Scope.STUDY}
    limits = {"POST": "reports"}

    class NewMistake(Input):
        about = serializers.ChoiceField(Report.About.choices)
        text = LongText(max_length=MAX_REPORT_LENGTH, help_text="What it says, and should say.")

    class ReportedMistake(Output):
        id = Id()
        question_id = Id()
        about = serializers.ChoiceField(Report.About.choices)
        state = serializers.ChoiceField(Report.State.choices)
        created_at = Moment()

    @operation(
        "Report a mistake in a question",
        request=NewMistake,
        request_example={"about": "fact", "text": "It says 2; 3 would be right."},
        response=ReportedMistake,
        status=201,
        example={
            "id": "12",
            "question_id": "relu-pros-cons",
            "about": "fact",
            "state": "open",
            "created_at": "2026-11-02T08:15:00.000Z",
        },
    )
    @creates
    def post(self, request: Request, slug: str) -> Response:
        question = selectors.question_for(slug)
        key = key_of(request) or uuid4().hex
        form = ReportForm({**read(request, self.NewMistake), "key": key})
        if not form.is_valid():
            raise invalid_form(form)
        assert question.current is not None
        report = services.report_mistake(
            reporter=self.person(),
            revision=question.current,
            language="zh" if is_chinese() else "en",
            **form.cleaned_data,
        )
        report.refresh_from_db(fields=["created_at"])
        return Response(
            {
                "id": str(report.pk),
                "question_id": question.slug,
                "about": report.about,
                "state": report.state,
                "created_at": utc(report.created_at),
            },
            status=201,
        )
