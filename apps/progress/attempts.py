"""Attempts: which encounter of a learner with a question a form is about. One is locked by whoever
writes to it.

The learner's row is locked first, then the attempt, then the card: always in this order, so that
nobody waits in a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.errors import BadRequest
from apps.progress import selectors
from apps.progress.models import Attempt, ReviewSession
from apps.questions.models import Question, Revision


@dataclass(frozen=True)
class FormState:
    """What the page of a form showed, and since when: the attempt, stored or not yet, the revision.
    Nothing where none is said.
    """

    attempt: UUID | None = None
    revision: int | None = None
    since: datetime | None = None


ANY_STATE = FormState()


@transaction.atomic
def open_attempt(
    *,
    user: User,
    question: Question,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Attempt:
    """Return the learner's open attempt with a question, locked; a new one where there is none from
    today.

    The attempt that a page showed goes on over the beginning of a day, and with the revision that
    was read: an answer is an answer to what was asked. One that is over is returned as it is.

    Raises:
        BadRequest: the page showed an attempt that is not this learner's with this question.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if (stored := locked_attempt(user, question, seen.attempt)) is not None and stored.over:
        return stored
    latest = (
        Attempt.objects.select_for_update()
        .filter(user=user, question=question)
        .order_by("-number")
        .first()
    )
    if (
        latest is None
        or latest.over
        or (latest.day != selectors.today(user) and latest.pk != seen.attempt)
    ):
        latest = _begin(user, question, latest, session, seen)
    elif (session is not None and latest.session_id != session.pk) or latest.day != selectors.today(
        user
    ):
        latest.session, latest.day = session or latest.session, selectors.today(user)
        latest.save(update_fields=["session", "day"])
    if seen.attempt not in (None, latest.pk):
        raise BadRequest(out_of_date())
    if seen.since is not None and not latest.is_revealed and latest.started_at != seen.since:
        latest.started_at = seen.since
        latest.save(update_fields=["started_at"])
    return latest


def locked_attempt(user: User, question: Question, attempt: UUID | None) -> Attempt | None:
    """Return the attempt of this name, locked, if it was stored."""
    rows = Attempt.objects.select_for_update(of=("self",)).select_related("revision", "session")
    return rows.filter(user=user, question=question, pk=attempt).first() if attempt else None


def _begin(
    user: User,
    question: Question,
    before: Attempt | None,
    session: ReviewSession | None,
    seen: FormState,
) -> Attempt:
    """Store the next attempt, and leave the one before behind."""
    if before is not None and not before.over:
        before.over = True
        before.save(update_fields=["over"])
    attempt = selectors.next_attempt(user, question, before.number + 1 if before else 0)
    if seen.revision is not None:
        published = Revision.objects.filter(question=question, published_at__isnull=False)
        attempt.revision = published.filter(pk=seen.revision).first() or attempt.revision
    attempt.session, attempt.started_at = session, seen.since or attempt.started_at
    attempt.save(force_insert=True)
    return attempt


def out_of_date() -> str:
    return _(
        "This page is out of date: the question has been reopened since, or by another "
        "account. Reload the page."
    )
