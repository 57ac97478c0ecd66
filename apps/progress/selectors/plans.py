from __future__ import annotations

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.progress.models import Bookmark, Note, Plan
from apps.questions.models import Question


def plan_of(user: User) -> Plan:
    """Return the learner's plan; an unsaved one with the defaults where they have none."""
    return Plan.objects.filter(user=user).first() or Plan(user=user)


def note_of(user: User, slug: str) -> Note | None:
    """Return the learner's note on a question."""
    return Note.objects.filter(user=user, question__slug=slug).first()


def bookmarks_of(user: User) -> QuerySet[Bookmark]:
    """Return the learner's bookmarks of questions that are offered, and of private cards, for a
    list.
    """
    offered = Question.with_private.readable_by(user)
    return Bookmark.objects.filter(user=user, question__in=offered).select_related("question")
