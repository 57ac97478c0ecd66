"""Row locks, always taken in this order: the learner (`lock_user` of accounts), then the attempt,
then the private card, then the card. Two transactions that follow it cannot deadlock.
"""

from __future__ import annotations

from uuid import UUID

from apps.accounts.models import User
from apps.common.errors import NotFound
from apps.progress.models import Attempt, Card
from apps.questions.models import Question


def hold(question: Question) -> None:
    """Keep a private card from being deleted until this transaction ends, so that a row can refer
    to it; `question.current` is what it says now, since an edit deletes what nobody has answered.
    Nothing that the bank has published is ever deleted.

    Raises:
        NotFound: its owner has deleted it meanwhile.
    """
    if question.is_private:
        rows = Question.with_private.select_for_update(no_key=True, of=("self",))
        present = rows.select_related("current").filter(pk=question.pk).first()
        if present is None:
            raise NotFound
        question.current = present.current


def lock_attempt(user: User, question: Question, pk: UUID | None) -> Attempt | None:
    """Return an attempt of the learner at the question, locked, if it is stored."""
    if pk is None:
        return None
    rows = Attempt.objects.select_for_update(of=("self",)).select_related("revision", "session")
    return rows.filter(user=user, question=question, pk=pk).first()


def lock_latest_attempt(user: User, question: Question) -> Attempt | None:
    """Return the learner's open attempt at the question, or else the latest, locked."""
    rows = Attempt.objects.select_for_update(of=("self",)).select_related("revision", "session")
    return rows.filter(user=user, question=question).order_by("over", "-number").first()


def lock_card(*, user: User, question: Question) -> Card:
    """Return the learner's card of a question, locked; created if there is none.

    Raises:
        NotFound: it was a private card, and is deleted.
    """
    hold(question)
    Card.objects.get_or_create(user=user, question=question)
    rows = Card.objects.select_for_update(of=("self",)).select_related("user")
    return rows.get(user=user, question=question)
