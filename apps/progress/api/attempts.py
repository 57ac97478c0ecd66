"""Questions and attempts at them: begin, answer, open hints, reveal, rate."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4, uuid5

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import User
from apps.api.endpoint import Endpoint, read, read_query
from apps.api.idempotency import creates, key_of
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Input, LongText, YesOrNo
from apps.common.clock import now
from apps.progress import selectors, services
from apps.progress.api.outputs import (
    ATTEMPT_EXAMPLE,
    ATTEMPT_SUMMARY_EXAMPLE,
    QUESTION_EXAMPLE,
    AttemptDetail,
    AttemptSummary,
    QuestionDetail,
    attempt_detail,
    attempt_summary,
    question_detail,
)
from apps.progress.models import MAX_REVIEW_SECONDS, Answer, Attempt, Rating
from apps.progress.services.answers import CheckedAnswer, Given, Written
from apps.progress.services.attempts import FormState
from apps.questions.answers import BadAnswer
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_HINTS
from apps.questions.models import Question
from apps.questions.variants import WRITTEN

MAX_PART_CHARS = 16
VISITORS_SEED = 0


def seconds_field() -> serializers.FloatField:
    return serializers.FloatField(
        required=False,
        min_value=0,
        max_value=MAX_REVIEW_SECONDS,
        help_text="That it took; without it, since the attempt began.",
    )


def own(request: Request, pk: UUID) -> tuple[Attempt, Question]:
    """Return an attempt of who asks, and its question as it is offered; 404 for any other."""
    assert isinstance(request.user, User)
    attempt = selectors.attempts.own_attempt(request.user, pk)
    return attempt, selectors.questions.question_for(request.user, attempt.question.slug)


def seen(attempt: Attempt) -> FormState:
    """Return that the request is about this attempt and no other."""
    return FormState(attempt.pk, attempt.revision_id)


def given(attempt: Attempt, data: dict[str, Any]) -> Given:
    spent = selectors.attempts.time_spent(attempt, now()).total_seconds()
    return Given(seconds=data.get("seconds", spent))


def unread(checked: CheckedAnswer) -> BadAnswer:
    """Return the refusal of an answer that cannot be read; it is not counted."""
    return BadAnswer(checked.mark.message, field="text")


def answered(request: Request, pk: UUID, *, status: int = 200) -> Response:
    return Response(attempt_detail(request, own(request, pk)[0]), status=status)


class QuestionEndpoint(Endpoint):
    """In the variant of your open attempt, or of the next one."""

    tag = "questions"
    scopes = {"GET": Scope.READ}
    is_public = True

    @operation("A question", response=QuestionDetail, example=QUESTION_EXAMPLE)
    def get(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(request.user, slug)
        reader = self.reader()
        if reader is None:
            assert question.current is not None
            attempt = Attempt(
                question=question, revision=question.current, number=0, seed=VISITORS_SEED
            )
        else:
            attempt = selectors.attempts.current_attempt(reader, question)
        return Response(question_detail(request, question, attempt))


class QuestionAttemptsEndpoint(Endpoint):
    """The next attempt, with a variant of its own; the open one of today if there is one."""

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}

    class NewAttempt(Input):
        in_review = serializers.BooleanField(
            required=False, help_text="Whether it belongs to your open review session."
        )

    @operation(
        "Begin an attempt, or go on with the open one",
        request=NewAttempt,
        request_example={"in_review": False},
        response=AttemptDetail,
        example=ATTEMPT_EXAMPLE,
    )
    def post(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(request.user, slug)
        in_review = read(request, self.NewAttempt).get("in_review", False)
        session = selectors.sessions.open_session(self.person()) if in_review else None
        attempt = services.attempts.begin_attempt(
            user=self.person(), question=question, session=session
        )
        answer = answered(request, attempt.pk)
        answer["Location"] = reverse("progress_api:attempt", args=[attempt.pk])
        return answer


class AttemptsEndpoint(Endpoint):
    tag = "attempts"
    scopes = {"GET": Scope.READ}

    class AttemptFilters(Input):
        question_id = serializers.SlugField(required=False)
        is_revealed = YesOrNo(required=False)

    @operation(
        "Your attempts, the newest first",
        response=AttemptSummary,
        pages=True,
        parameters=[AttemptFilters],
        example=ATTEMPT_SUMMARY_EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        asked = read_query(request, self.AttemptFilters)
        rows = selectors.attempts.attempts_of(self.person())
        if "question_id" in asked:
            rows = rows.filter(question__slug=asked["question_id"])
        if "is_revealed" in asked:
            rows = rows.filter(revealed_at__isnull=not asked["is_revealed"])
        return page(request, rows, attempt_summary, ordering=("-started_at", "id"))


class AttemptEndpoint(Endpoint):
    tag = "attempts"
    scopes = {"GET": Scope.READ}

    @operation("An attempt of yours", response=AttemptDetail, example=ATTEMPT_EXAMPLE)
    def get(self, request: Request, pk: UUID) -> Response:
        return answered(request, pk)


class AttemptAnswersEndpoint(Endpoint):
    """A number, options, an expression, or what you write. The first answer to a part counts; one
    that cannot be read is refused with `bad-answer` and does not count.
    """

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}

    class NewAnswer(Input):
        part = serializers.CharField(
            max_length=MAX_PART_CHARS, help_text="`1`, `3.1` (a step), or `written`."
        )
        answer = serializers.DictField(
            child=serializers.JSONField(),
            help_text='`{"text": "12"}`, `{"chosen": ["a"]}`, `{"order": ["b", "a"]}`, '
            '`{"own": "had"}` of a step that you mark yourself.',
        )
        confidence = serializers.ChoiceField(
            Answer.Sure.choices, required=False, allow_null=True, help_text="Percent; of a number."
        )

    @operation(
        "Answer a part",
        request=NewAnswer,
        request_example={"part": "1", "answer": {"text": "24 ms"}, "confidence": 75},
        response=AttemptDetail,
        status=201,
        example=ATTEMPT_EXAMPLE,
    )
    @creates
    def post(self, request: Request, pk: UUID) -> Response:
        attempt, question = own(request, pk)
        data, key = read(request, self.NewAnswer), key_of(request)
        confidence = data.get("confidence")
        checked = services.answers.check_answer(
            user=self.person(),
            question=question,
            part=data["part"],
            fields=data["answer"],
            key=uuid5(attempt.pk, key) if key else uuid4(),
            confidence=None if confidence is None else int(confidence),
            seen=seen(attempt),
        )
        if checked.row is None:
            raise unread(checked)
        return answered(request, pk, status=201)


class AttemptHintsEndpoint(Endpoint):
    """One after another. From then on a right answer is rated Hard at most."""

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}

    class NextHint(Input):
        number = serializers.IntegerField(
            min_value=1, max_value=MAX_HINTS, help_text="From 1; one that is open stays so."
        )
        part = serializers.CharField(
            required=False,
            allow_blank=True,
            max_length=MAX_PART_CHARS,
            help_text="Empty: of the whole question.",
        )

    @operation(
        "Open the next hint",
        request=NextHint,
        request_example={"number": 1},
        response=AttemptDetail,
        example=ATTEMPT_EXAMPLE | {"open_hints_html": ["<p>Think of the slope.</p>"]},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        attempt, question = own(request, pk)
        data = read(request, self.NextHint)
        services.attempts.open_hint(
            user=self.person(),
            question=question,
            number=data["number"],
            part=data.get("part", ""),
            seen=seen(attempt),
        )
        return answered(request, pk)


class AttemptRevealEndpoint(Endpoint):
    """Checked parts are rated now; without any, you rate next. Repeating it changes nothing."""

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}

    class Reveal(Input):
        written = LongText(
            required=False,
            allow_blank=True,
            max_length=MAX_ANSWER_CHARS,
            help_text="What you have written, to be kept.",
        )
        seconds = seconds_field()

    @operation(
        "Reveal the reference answer",
        request=Reveal,
        request_example={"written": "Its gradient does not vanish."},
        response=AttemptDetail,
        example=ATTEMPT_EXAMPLE
        | {
            "is_revealed": True,
            "revealed_at": "2026-11-02T08:17:00.000Z",
            "reference_answer": {
                "short_answer_html": "<p>Its gradient does not vanish.</p>",
                "answer_html": "<p>The slope is 1 for every positive input.</p>",
                "reference_code": "",
                "points_html": ["<p>The slope is 1.</p>"],
                "mistakes_html": [],
                "follow_ups": [],
                "verdict_quotes": [],
            },
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        attempt, question = own(request, pk)
        data, key = read(request, self.Reveal), key_of(request)
        written = None
        if "written" in data:
            written = Written(data["written"], uuid5(attempt.pk, key) if key else uuid4())
        revealed = services.answers.reveal(
            user=self.person(),
            question=question,
            written=written,
            given=given(attempt, data),
            seen=seen(attempt),
        )
        if isinstance(revealed, CheckedAnswer):
            raise BadAnswer(revealed.mark.message, field=WRITTEN)
        return answered(request, pk)


class AttemptGradeEndpoint(Endpoint):
    """The rating given last counts; a day later it can no longer be replaced. The same `review_id`
    again changes nothing.
    """

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}
    limits = {"POST": "grades"}

    class NewGrade(Input):
        rating = serializers.ChoiceField(
            Rating.choices, help_text="1 (Again), 2 (Hard), 3 (Good), 4 (Easy)."
        )
        review_id = serializers.UUIDField(help_text="`next_review_id`, or any of your own.")
        seconds = seconds_field()

    @operation(
        "Rate how well you knew it",
        request=NewGrade,
        request_example={"rating": 3, "review_id": "c2f60000-0000-5000-8000-00000000beef"},
        response=AttemptDetail,
        example=ATTEMPT_EXAMPLE | {"rating": 3, "due_at": "2026-11-04T08:17:00.000Z"},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        attempt, question = own(request, pk)
        data = read(request, self.NewGrade)
        services.answers.rate(
            user=self.person(),
            question=question,
            review_id=data["review_id"],
            rating=int(data["rating"]),
            given=given(attempt, data),
            seen=seen(attempt),
        )
        return answered(request, pk)


class AttemptPointsEndpoint(Endpoint):
    """Rates a written answer by what it covered. With checked parts, the lowest rating counts."""

    tag = "attempts"
    scopes = {"POST": Scope.STUDY}

    class CoveredPoints(Input):
        ticked = serializers.ListField(
            child=serializers.JSONField(), max_length=100, help_text="By number, from 0."
        )
        review_id = serializers.UUIDField(required=False)
        seconds = seconds_field()

    @operation(
        "Tick the key points that your answer covered",
        request=CoveredPoints,
        request_example={"ticked": [0, 2]},
        response=AttemptDetail,
        example=ATTEMPT_EXAMPLE | {"ticked": [0, 2], "rating": 3},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        attempt, question = own(request, pk)
        data = read(request, self.CoveredPoints)
        services.answers.tick_points(
            user=self.person(),
            question=question,
            attempt=pk,
            fields={"ticked": data["ticked"]},
            review_id=data.get("review_id"),
            given=given(attempt, data),
        )
        return answered(request, pk)
