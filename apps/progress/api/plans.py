"""Plan, notes and bookmarks, Today, statistics, and verdicts that have not been read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.forms.models import model_to_dict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.services import lock_user
from apps.api.conditional import check_unchanged, etag_of, tagged
from apps.api.endpoint import Endpoint, invalid_form, read
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, LongText, Moment, Output, utc, utc_or_none
from apps.experiments import presenters as run_presenters
from apps.experiments import selectors as runs
from apps.experiments.reader import reader_of
from apps.progress import calibration, days, forms, presenters, selectors, services
from apps.progress.calibration import Bin
from apps.progress.forecasting import Expected
from apps.progress.models import PLAN_MINUTES, PLAN_RETENTION, Bookmark, Note, Plan, UnreadVerdict
from apps.progress.selectors import forecasts

PERIOD = days.DAY * 365  # of statistics
COVERAGE_EXAMPLE: dict[str, Any] = {
    "question_count": 20,
    "coverage": 0.71,
    "coverage_low": 0.6,
    "coverage_high": 0.82,
    "coverage_with_more": 0.78,
}


# ---------------------------------------------------------------- notes


class NoteEndpoint(Endpoint):
    """Yours alone. An empty one is deleted; to write the first, send `If-Match: *`."""

    tag = "notes"
    scopes = {"GET": Scope.READ, "PUT": Scope.STUDY}
    limits = {"PUT": "notes"}

    class QuestionNote(Output):
        question_id = Id()
        note = serializers.CharField(help_text="Empty: there is none.")
        updated_at = Moment(allow_null=True)

    class NewNote(Input):
        note = LongText(
            max_length=Note.MAX_CHARS, allow_blank=True, help_text="Empty: the note is deleted."
        )

    EXAMPLE = {
        "question_id": "relu-pros-cons",
        "note": "Think of the slope.",
        "updated_at": "2026-11-02T08:15:00.000Z",
    }

    @operation("Your note on a question", response=QuestionNote, example=EXAMPLE)
    def get(self, request: Request, slug: str) -> Response:
        return self.answer(request, slug)

    @operation(
        "Write your note on a question",
        request=NewNote,
        request_example={"note": "Think of the slope."},
        response=QuestionNote,
        example=EXAMPLE,
        edits=True,
    )
    def put(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(self.person(), slug)
        text = read(request, self.NewNote)["note"]
        with transaction.atomic():
            lock_user(self.person())
            check_unchanged(request, self.etag(self.note(slug)))
            services.plans.write_note(user=self.person(), question=question, text=text)
        return self.answer(request, slug)

    def note(self, slug: str) -> Note | None:
        return selectors.plans.note_of(self.person(), slug)

    @staticmethod
    def etag(note: Note | None) -> str:
        return etag_of(note.text) if note else etag_of()

    def answer(self, request: Request, slug: str) -> Response:
        question = selectors.questions.question_for(self.person(), slug)
        note = self.note(slug)
        data = {
            "question_id": question.slug,
            "note": note.text if note else "",
            "updated_at": utc_or_none(note.updated_at if note else None),
        }
        return tagged(request, data, self.etag(note))


# ---------------------------------------------------------------- bookmarks


class BookmarksEndpoint(Endpoint):
    tag = "bookmarks"
    scopes = {"GET": Scope.READ}

    class BookmarkedQuestion(Output):
        question_id = Id()
        created_at = Moment()

    @operation(
        "Your bookmarks, the newest first",
        response=BookmarkedQuestion,
        pages=True,
        example={"question_id": "relu-pros-cons", "created_at": "2026-11-02T08:15:00.000Z"},
    )
    def get(self, request: Request) -> Response:
        rows = selectors.plans.bookmarks_of(self.person())
        return page(request, rows, self.show, ordering=("-created_at", "pk"))

    @staticmethod
    def show(bookmark: Bookmark) -> dict[str, Any]:
        return {
            "question_id": bookmark.question.slug,
            "created_at": utc(bookmark.created_at),
        }


class BookmarkEndpoint(Endpoint):
    tag = "bookmarks"
    scopes = {"PUT": Scope.STUDY, "DELETE": Scope.STUDY}

    @operation("Bookmark a question")
    def put(self, request: Request, slug: str) -> Response:
        return self.set(slug, is_set=True)

    @operation("Remove a bookmark")
    def delete(self, request: Request, slug: str) -> Response:
        return self.set(slug, is_set=False)

    def set(self, slug: str, *, is_set: bool) -> Response:
        question = selectors.questions.question_for(self.person(), slug)
        services.plans.set_bookmark(user=self.person(), question=question, is_set=is_set)
        return Response(status=204)


# ---------------------------------------------------------------- the plan


class PlanEndpoint(Endpoint):
    tag = "plan"
    scopes = {"GET": Scope.READ, "PATCH": Scope.STUDY}

    class StudyPlan(Output):
        interview = serializers.DateField(allow_null=True, help_text="The day of the interview.")
        minutes = serializers.IntegerField(help_text="A day.")
        retention = serializers.IntegerField(help_text="Target recall, in percent.")
        two_buttons = serializers.BooleanField(help_text="Rate by Again and Good alone.")

    class PlanChange(Input):
        interview = serializers.DateField(required=False, allow_null=True)
        minutes = serializers.IntegerField(
            required=False, min_value=PLAN_MINUTES[0], max_value=PLAN_MINUTES[1]
        )
        retention = serializers.IntegerField(
            required=False, min_value=PLAN_RETENTION[0], max_value=PLAN_RETENTION[1]
        )
        two_buttons = serializers.BooleanField(required=False)

    EXAMPLE = {"interview": "2026-12-18", "minutes": 45, "retention": 90, "two_buttons": False}

    @operation("Your plan", response=StudyPlan, example=EXAMPLE)
    def get(self, request: Request) -> Response:
        return self.answer(request)

    @operation(
        "Change your plan",
        request=PlanChange,
        request_example={"minutes": 45},
        response=StudyPlan,
        example=EXAMPLE,
        edits=True,
    )
    def patch(self, request: Request) -> Response:
        changes, person = read(request, self.PlanChange), self.person()
        with transaction.atomic():
            lock_user(person)
            plan = selectors.plans.plan_of(person)
            check_unchanged(request, self.etag(plan))
            data = model_to_dict(plan, forms.PlanForm.Meta.fields) | changes
            form = forms.PlanForm(data, instance=plan, user=person)
            if not form.is_valid():
                raise invalid_form(form)
            services.plans.change_plan(user=person, **form.cleaned_data)
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        plan = selectors.plans.plan_of(self.person())
        data = {
            "interview": plan.interview.isoformat() if plan.interview else None,
            "minutes": plan.minutes,
            "retention": plan.retention,
            "two_buttons": plan.two_buttons,
        }
        return tagged(request, data, self.etag(plan))

    @staticmethod
    def etag(plan: Plan) -> str:
        return etag_of(plan.interview, plan.minutes, plan.retention, plan.two_buttons)


# ---------------------------------------------------------------- Today


class TodayEndpoint(Endpoint):
    tag = "plan"
    scopes = {"GET": Scope.READ}

    class DayPlan(Output):
        class DayStep(Output):
            step_kind = serializers.ChoiceField(("plan", "review", "verdict", "question", "lab"))
            title = serializers.CharField()
            note = serializers.CharField()
            minutes = serializers.IntegerField()
            is_done = serializers.BooleanField()
            is_now = serializers.BooleanField(help_text="The next to do.")
            url = serializers.URLField()

        day = serializers.DateField(help_text="Yours: it begins at 04:00.")
        headline = serializers.CharField()
        due_count = serializers.IntegerField(help_text="Cards that are due today.")
        due_tomorrow_count = serializers.IntegerField()
        backlog_count = serializers.IntegerField(help_text="Overdue cards, once they pile up.")
        minutes_left = serializers.IntegerField()
        days_left = serializers.IntegerField(allow_null=True, help_text="Until the interview.")
        day_steps = DayStep(many=True)
        suggested_question_id = Id(allow_null=True)

    @operation(
        "What there is to do today",
        response=DayPlan,
        example={
            "day": "2026-11-02",
            "headline": "Two steps left, 16 minutes",
            "due_count": 12,
            "due_tomorrow_count": 4,
            "backlog_count": 0,
            "minutes_left": 16,
            "days_left": 46,
            "day_steps": [
                {
                    "step_kind": "review",
                    "title": "Review 12 cards",
                    "note": "Just before you would forget",
                    "minutes": 8,
                    "is_done": False,
                    "is_now": True,
                    "url": "https://gradus.example/review",
                }
            ],
            "suggested_question_id": "relu-pros-cons",
        },
    )
    def get(self, request: Request) -> Response:
        plan = selectors.day_plans.day_plan(self.person())
        return Response(
            {
                "day": plan.day.isoformat(),
                "headline": presenters.today.headline(plan),
                "due_count": plan.due,
                "due_tomorrow_count": plan.tomorrow,
                "backlog_count": plan.backlog,
                "minutes_left": plan.minutes,
                "days_left": plan.days_left,
                "day_steps": [
                    self.step(request, presenters.today.present_step(scheduled))
                    for scheduled in plan.steps
                ],
                "suggested_question_id": plan.question.slug if plan.question else None,
            }
        )

    @staticmethod
    def step(request: Request, shown: dict[str, Any]) -> dict[str, Any]:
        step = shown["step"]
        return {
            "step_kind": step.kind,
            "title": step.about if step.kind == "question" else str(shown["title"]),
            "note": str(shown["note"]),
            "minutes": step.minutes,
            "is_done": step.is_done,
            "is_now": shown["is_now"],
            "url": request.build_absolute_uri(step.url),
        }


# ---------------------------------------------------------------- statistics


class StatisticsEndpoint(Endpoint):
    """Of the last year."""

    tag = "statistics"
    scopes = {"GET": Scope.READ}

    class Statistics(Output):
        class StudiedDay(Output):
            day = serializers.DateField()
            review_count = serializers.IntegerField()
            recall_count = serializers.IntegerField(help_text="That tested recall.")
            recalled_count = serializers.IntegerField()
            seconds = serializers.FloatField()

        class RecallWeek(Output):
            day = serializers.DateField(help_text="With which it begins.")
            recall_count = serializers.IntegerField()
            recalled_count = serializers.IntegerField()

        class TopicMastery(Output):
            topic = serializers.CharField()
            title = serializers.CharField()
            card_count = serializers.IntegerField(help_text="Its questions that you have met.")
            question_count = serializers.IntegerField(help_text="Of the topic.")
            recall = serializers.FloatField(
                allow_null=True, help_text="The mean chance of recall of your cards today."
            )
            coverage = serializers.FloatField(
                help_text="Of the topic's questions, the share you would recall today."
            )
            coverage_at_interview = serializers.FloatField(
                allow_null=True, help_text="On the day of your interview, without more reviews."
            )

        class Calibration(Output):
            class ConfidenceBin(Output):
                confidence = serializers.IntegerField(help_text="Percent.")
                right_count = serializers.IntegerField()
                answer_count = serializers.IntegerField()
                interval_low = serializers.FloatField(help_text="Of the share that was right.")
                interval_high = serializers.FloatField()

            bins = ConfidenceBin(many=True)
            brier_score = serializers.FloatField(allow_null=True, help_text="0 is best.")
            overconfidence = serializers.FloatField(
                allow_null=True, help_text="-1 to 1; null: too few answers to say."
            )

        studied_days = StudiedDay(many=True)
        recall_weeks = RecallWeek(many=True)
        topics = TopicMastery(many=True, help_text="Those with cards first, the weakest first.")
        question_calibration = Calibration()
        lab_calibration = Calibration()

    @operation(
        "What you have studied, how much you recall, how well you are calibrated",
        response=Statistics,
        example={
            "studied_days": [
                {
                    "day": "2026-11-02",
                    "review_count": 14,
                    "recall_count": 11,
                    "recalled_count": 10,
                    "seconds": 512.0,
                }
            ],
            "recall_weeks": [{"day": "2026-11-02", "recall_count": 11, "recalled_count": 10}],
            "topics": [
                {
                    "topic": "losses",
                    "title": "Losses",
                    "card_count": 12,
                    "question_count": 20,
                    "recall": 0.91,
                    "coverage": 0.55,
                    "coverage_at_interview": None,
                },
            ],
            "question_calibration": {
                "bins": [
                    {
                        "confidence": 75,
                        "right_count": 8,
                        "answer_count": 11,
                        "interval_low": 0.43,
                        "interval_high": 0.9,
                    }
                ],
                "brier_score": 0.2,
                "overconfidence": 0.02,
            },
            "lab_calibration": {"bins": [], "brier_score": None, "overconfidence": None},
        },
    )
    def get(self, request: Request) -> Response:
        user = self.person()
        rows = selectors.statistics.daily_stats(user, PERIOD)
        plan = selectors.plans.plan_of(user)
        bins = selectors.statistics.calibration_bins(user)
        return Response(
            {
                "studied_days": [
                    {
                        "day": row.day.isoformat(),
                        "review_count": row.reviews,
                        "recall_count": row.recalls,
                        "recalled_count": row.recalled,
                        "seconds": row.seconds,
                    }
                    for row in rows
                ],
                "recall_weeks": [
                    {
                        "day": week.day.isoformat(),
                        "recall_count": week.recalls,
                        "recalled_count": week.recalled,
                    }
                    for week in selectors.statistics.recall_by_week(rows)
                ],
                "topics": [
                    {
                        "topic": topic.slug,
                        "title": topic.title,
                        "card_count": topic.cards,
                        "question_count": topic.questions,
                        "recall": topic.recall,
                        "coverage": topic.coverage,
                        "coverage_at_interview": topic.at_interview,
                    }
                    for topic in selectors.statistics.mastery(user, plan)
                ],
                "question_calibration": self.calibration(bins["questions"]),
                "lab_calibration": self.calibration(bins["labs"]),
            }
        )

    @staticmethod
    def calibration(bins: list[Bin]) -> dict[str, Any]:
        return {
            "bins": [
                {
                    "confidence": row.confidence,
                    "right_count": row.right,
                    "answer_count": row.of,
                    "interval_low": row.interval[0],
                    "interval_high": row.interval[1],
                }
                for row in bins
            ],
            "brier_score": calibration.brier_score(bins),
            "overconfidence": calibration.overconfidence(bins),
        }


class CoverageOnADay(Output):
    question_count = serializers.IntegerField()
    coverage = serializers.FloatField(help_text="Of these, the share you would recall that day.")
    coverage_low = serializers.FloatField(help_text="Of a 95% band: by chance alone.")
    coverage_high = serializers.FloatField()
    coverage_with_more = serializers.FloatField(help_text="With `more_minutes` a day.")


class ForecastEndpoint(Endpoint):
    """As you study now: cards that are due first, then new questions of the weakest topics."""

    tag = "statistics"
    scopes = {"GET": Scope.READ}

    class Forecast(Output):
        class RecallForecast(Output):
            class TopicForecast(CoverageOnADay):
                topic = serializers.CharField()
                title = serializers.CharField()

            day = serializers.DateField()
            is_interview_day = serializers.BooleanField(
                help_text=f"Else it is {forecasts.DAYS_AHEAD} days from now."
            )
            minutes = serializers.IntegerField(help_text="A day, of your plan.")
            more_minutes = serializers.IntegerField(help_text="A day: some more than planned.")
            all_topics = CoverageOnADay()
            topics = TopicForecast(many=True, help_text="The weakest on that day first.")

        missing_review_count = serializers.IntegerField(
            help_text=f"Until you have {forecasts.MIN_REVIEWS} in a year, too little is known."
        )
        recall_forecast = RecallForecast(allow_null=True, help_text="Null: too little is known.")

    @operation(
        "What you will recall on the day of your interview, studying as planned",
        response=Forecast,
        example={
            "missing_review_count": 0,
            "recall_forecast": {
                "day": "2026-12-14",
                "is_interview_day": True,
                "minutes": 30,
                "more_minutes": 40,
                "all_topics": COVERAGE_EXAMPLE,
                "topics": [COVERAGE_EXAMPLE | {"topic": "losses", "title": "Losses"}],
            },
        },
    )
    def get(self, request: Request) -> Response:
        user = self.person()
        plan, rows = (
            selectors.plans.plan_of(user),
            selectors.statistics.daily_stats(user, PERIOD),
        )
        topics = selectors.statistics.mastery(user, plan)
        forecast = forecasts.forecast(user, plan, topics, rows)
        return Response(
            {
                "missing_review_count": forecasts.missing_reviews(rows),
                "recall_forecast": self.show(forecast) if forecast else None,
            }
        )

    def show(self, forecast: forecasts.Forecast) -> dict[str, Any]:
        return {
            "day": forecast.day.isoformat(),
            "is_interview_day": forecast.has_interview,
            "minutes": forecast.minutes,
            "more_minutes": forecast.minutes + forecasts.MORE_MINUTES,
            "all_topics": self.coverage(forecast.expected, forecast.with_more),
            "topics": [
                {"topic": topic.slug, "title": topic.title}
                | self.coverage(topic.expected, topic.with_more)
                for topic in forecast.topics
            ],
        }

    @staticmethod
    def coverage(expected: Expected, with_more: Expected) -> dict[str, Any]:
        low, high = expected.band
        return {
            "question_count": expected.questions,
            "coverage": expected.fraction,
            "coverage_low": low,
            "coverage_high": high,
            "coverage_with_more": with_more.fraction,
        }


# ---------------------------------------------------------------- verdicts


class UnreadVerdictsEndpoint(Endpoint):
    tag = "verdicts"
    scopes = {"GET": Scope.READ}

    class UnreadRun(Output):
        run_id = Id()
        lab_id = Id()
        created_at = Moment()

    @operation(
        "Verdicts of your runs that you have not read",
        response=UnreadRun,
        pages=True,
        example={
            "run_id": "4f2a0000-0000-4000-8000-00000000beef",
            "lab_id": "dead-relu",
            "created_at": "2026-11-02T08:15:21.000Z",
        },
    )
    def get(self, request: Request) -> Response:
        rows = selectors.verdicts.unread_verdicts(self.person())
        return page(request, rows, self.show, ordering=("created_at", "pk"))

    @staticmethod
    def show(unread: UnreadVerdict) -> dict[str, Any]:
        return {
            "run_id": str(unread.run_id),
            "lab_id": unread.run.version.lab_id,
            "created_at": utc(unread.created_at),
        }


class UnreadVerdictEndpoint(Endpoint):
    """One that is hidden from you stays unread: predict it, or open it, first."""

    tag = "verdicts"
    scopes = {"DELETE": Scope.STUDY}

    @operation("Mark a verdict as read")
    def delete(self, request: Request, pk: UUID) -> Response:
        run = runs.own_run(self.person(), pk)
        if not runs.shows_verdict(reader_of(request._request), run):
            raise run_presenters.verdict_hidden(run)
        services.verdicts.mark_verdict_read(run=run)
        return Response(status=204)
