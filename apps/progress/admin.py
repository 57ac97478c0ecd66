"""What learners did, in Django's admin: to be looked at. The log decides what a card is, so nothing
here can be edited; a learner's notes are theirs: that there is one is shown, what it says is not.
"""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin import Kept
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


class Own(Kept):
    """A table of things that belong to learners, and may be long: counted only when a list is
    narrowed.
    """

    show_full_result_count = False
    list_select_related = ["user"]
    search_fields = ["user__handle", "user__email"]


class OfQuestions(Own):
    list_select_related = ["user", "question"]
    search_fields = [*Own.search_fields, "question__slug"]


@admin.register(Card)
class CardAdmin(OfQuestions):
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
class ReviewAdmin(Own):
    list_display = ["user", "question", "rating", "undoes", "graded_by", "at", "day", "seconds"]
    list_filter = ["rating", "graded_by"]
    list_select_related = ["user", "card__question"]
    search_fields = [*Own.search_fields, "card__question__slug", "review_id"]
    ordering = ["-id"]

    @admin.display(ordering="card__question")
    def question(self, review: Review) -> str:
        return review.card.question.slug


@admin.register(ReviewSession)
class ReviewSessionAdmin(Own):
    list_display = ["user", "day", "length", "started_at", "ended_at"]
    list_filter = ["day"]

    def length(self, session: ReviewSession) -> int:
        return len(session.cards)


@admin.register(DailyStats)
class DailyStatsAdmin(Own):
    list_display = ["user", "day", "reviews", "recalls", "recalled", "seconds"]
    date_hierarchy = "day"


@admin.register(Attempt)
class AttemptAdmin(OfQuestions):
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
class AnswerAdmin(Own):
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
    search_fields = [*Own.search_fields, "revision__question__slug"]

    @admin.display(ordering="revision__question")
    def question(self, answer: Answer) -> str:
        return answer.revision.question.slug


@admin.register(Plan)
class PlanAdmin(Own):
    list_display = ["user", "interview", "minutes", "retention", "two_buttons"]
    list_filter = ["two_buttons"]


@admin.register(Note)
class NoteAdmin(OfQuestions):
    list_display = ["user", "question", "updated_at"]
    fields = ("user", "question", "updated_at")


@admin.register(Bookmark)
class BookmarkAdmin(OfQuestions):
    list_display = ["user", "question", "created_at"]


@admin.register(UnreadVerdict)
class UnreadVerdictAdmin(Own):
    list_display = ["user", "run", "created_at"]
    list_select_related = ["user", "run"]
