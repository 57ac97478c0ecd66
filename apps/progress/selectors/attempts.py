"""Attempts of a learner at questions, and their answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db.models import Max, QuerySet
from django.http import Http404

from apps.accounts.models import User
from apps.progress import days
from apps.progress.models import MAX_REVIEW_SECONDS, Answer, Attempt
from apps.questions.models import Question
from apps.questions.sampling import SEEDS, stable_index

NAMESPACE = UUID("7c2ac0a1-64f0-4c36-9a3c-6f2f6b1c7a11")  # of the attempts' keys
RESTART_AFTER = timedelta(minutes=30)  # a longer absence from a question is not time spent on it


def _latest_first(user: User, question: Question) -> QuerySet[Attempt]:
    """Return a learner's attempts at a question: the open one, which an undo may have reopened,
    then the newest.
    """
    return Attempt.objects.filter(user=user, question=question).order_by("over", "-number")


def next_number(user: User, question: Question) -> int:
    """Return the number of the learner's next attempt at a question."""
    numbers = Attempt.objects.filter(user=user, question=question)
    last = numbers.aggregate(last=Max("number"))["last"]
    return 0 if last is None else last + 1


def current_attempt(user: User, question: Question) -> Attempt:
    """Return the learner's open attempt at a question; the next one, not stored, where today has
    none.
    """
    latest = _latest_first(user, question).select_related("revision").first()
    if latest and not latest.over and latest.day == days.today(user.time_zone):
        return latest
    return next_attempt(user, question, next_number(user, question) if latest else 0)


def next_attempt(user: User, question: Question, number: int) -> Attempt:
    """Return an attempt, not stored. Its number decides its key and its seed, so that a page shows
    the same attempt before and after it is stored.
    """
    name = f"{user.pk}/{question.pk}/{number}"
    return Attempt(
        id=uuid5(NAMESPACE, name),
        seed=stable_index(name, SEEDS),
        user=user,
        question=question,
        revision=question.current,
        number=number,
        day=days.today(user.time_zone),
    )


def revealed_attempt(user: User, question: Question) -> Attempt | None:
    """Return the learner's latest attempt at a question, if it is of today and revealed."""
    latest = _latest_first(user, question).select_related("revision").first()
    if latest is None or latest.revealed_at is None:
        return None
    revealed_on = days.day_of(latest.revealed_at, user.time_zone)
    return latest if days.today(user.time_zone) in (latest.day, revealed_on) else None


def own_attempt(user: User, pk: UUID) -> Attempt:
    """Return an attempt of `user`; 404 for any other."""
    rows = Attempt.objects.select_related("question__current", "revision")
    attempt = rows.filter(user=user, pk=pk).first()
    if attempt is None:
        raise Http404("No such attempt.")
    return attempt


def answers_of(attempt: Attempt) -> dict[str, list[Answer]]:
    """Return the answers of an attempt, by part, in order."""
    answers: dict[str, list[Answer]] = {}
    for answer in Answer.objects.filter(attempt=attempt.pk).order_by("part", "place"):
        answers.setdefault(answer.part, []).append(answer)
    return answers


def time_spent(attempt: Attempt, at: datetime) -> timedelta:
    """Return the time that was spent on an attempt until now, or until its reveal."""
    nothing = timedelta(0)
    if attempt._state.adding:
        return nothing
    spent = (attempt.revealed_at or at) - attempt.started_at
    if not attempt.is_revealed and spent > RESTART_AFTER:
        return nothing
    return min(max(spent, nothing), timedelta(seconds=MAX_REVIEW_SECONDS))


def attempts_of(user: User) -> QuerySet[Attempt]:
    """Return a learner's attempts, for a list."""
    rows = Attempt.objects.filter(user=user).select_related("question", "revision")
    return rows.only(
        "number",
        "day",
        "over",
        "started_at",
        "revealed_at",
        "hints",
        "question__slug",
        "revision__number",
    )
