"""What learners did, in Django's admin, read-only: the state of a card follows from its log. The
text of a note is private and not shown.
"""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.progress.models import (
    Answer,
    Attempt,
    Bookmark,
    Card,
    DailyStats,
    Note,
    Plan,
    Review,
    ReviewSession,
    UnreadVerdict,
)


class LearnerTable(ReadOnlyAdmin):
    """Rows that belong to learners. The table may be long, so that it is counted only when a list
    is filtered.
    """

    show_full_result_count = False
    list_select_related = ["user"]
    search_fields = ["user__handle", "user__email"]


class LearnerQuestionTable(LearnerTable):
    list_select_related = ["user", "question"]
    search_fields = [*LearnerTable.search_fields, "question__slug"]


@admin.register(Card)
class CardAdmin(LearnerQuestionTable):
    list_display = [
        "user",
        "question",
        "state",
        "stability",
        "difficulty",
        "due",
        "last_review",
        "suspended",
    ]
    list_filter = ["state", "suspended"]


@admin.register(Review)
class ReviewAdmin(LearnerTable):
    list_display = ["user", "question", "rating", "undoes", "graded_by", "at", "day", "seconds"]
    list_filter = ["rating", "graded_by"]
    list_select_related = ["user", "card__question"]
    search_fields = [*LearnerTable.search_fields, "card__question__slug", "review_id"]
    ordering = ["-id"]

    @admin.display(ordering="card__question")
    def question(self, review: Review) -> str:
        return review.card.question.slug


@admin.register(ReviewSession)
class ReviewSessionAdmin(LearnerTable):
    list_display = ["user", "day", "length", "started_at", "ended_at"]
    list_filter = ["day"]

    def length(self, session: ReviewSession) -> int:
        return len(session.cards)


@admin.register(DailyStats)
class DailyStatsAdmin(LearnerTable):
    list_display = ["user", "day", "reviews", "recalls", "recalled", "seconds"]
    date_hierarchy = "day"


@admin.register(Attempt)
class AttemptAdmin(LearnerQuestionTable):
    list_display = [
        "user",
        "question",
        "number",
        "day",
        "hints",
        "started_at",
        "revealed_at",
        "over",
    ]
    list_filter = ["over"]


@admin.register(Answer)
class AnswerAdmin(LearnerTable):
    list_display = [
        "user",
        "question",
        "part",
        "place",
        "outcome",
        "rating",
        "graded_by",
        "confidence",
        "created_at",
    ]
    list_filter = ["outcome", "graded_by", "confidence"]
    list_select_related = ["user", "revision__question"]
    search_fields = [*LearnerTable.search_fields, "revision__question__slug"]

    @admin.display(ordering="revision__question")
    def question(self, answer: Answer) -> str:
        return answer.revision.question.slug


@admin.register(Plan)
class PlanAdmin(LearnerTable):
    list_display = ["user", "interview", "minutes", "retention", "two_buttons"]
    list_filter = ["two_buttons"]


@admin.register(Note)
class NoteAdmin(LearnerQuestionTable):
    list_display = ["user", "question", "updated_at"]
    fields = ("user", "question", "updated_at")


@admin.register(Bookmark)
class BookmarkAdmin(LearnerQuestionTable):
    list_display = ["user", "question", "created_at"]


@admin.register(UnreadVerdict)
class UnreadVerdictAdmin(LearnerTable):
    list_display = ["user", "run", "created_at"]
    list_select_related = ["user", "run"]
