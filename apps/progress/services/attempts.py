"""Attempts: which meeting of a learner with a question a form is about, and its hints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.errors import BadRequest
from apps.progress import days, selectors
from apps.progress.models import Attempt, ReviewSession
from apps.progress.services.locks import hold, lock_attempt, lock_latest_attempt
from apps.questions.models import Question, Revision
from apps.questions.selectors import question_variant


@dataclass(frozen=True)
class FormState:
    """What the page of a form showed: the attempt (stored or not yet), the revision, and since when
    it was on screen. None where the form does not carry it.
    """

    attempt: UUID | None = None
    revision: int | None = None
    since: datetime | None = None


ANY_STATE = FormState()


class OutOfDate(BadRequest):
    """A form's page no longer shows the state of the attempt."""

    code = "out-of-date"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This page is out of date: the question has been reopened or revised since, or "
                "opened by another account. Reload the page."
            )
        )


def open_attempt(
    *,
    user: User,
    question: Question,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Attempt:
    """Return the learner's open attempt at a question, locked; a new one where today has none. The
    caller has locked the learner.

    The attempt that a page showed stays open past the beginning of the next day, with the revision
    that was read: an answer is checked against the variant that its page showed. An attempt that is
    over is returned unchanged.

    Raises:
        OutOfDate: the page showed an attempt that is not this learner's at this question, or the
            attempt with another revision.
    """
    shown = lock_attempt(user, question, seen.attempt)
    if shown is not None and shown.over:
        return shown
    today = days.today(user.time_zone)
    latest = shown or lock_latest_attempt(user, question)
    if latest is None or latest.over or (latest.day != today and latest.pk != seen.attempt):
        latest = _begin(user, question, latest, session, seen)
    elif seen.revision not in (None, latest.revision_id):  # stored by a page of another revision
        raise OutOfDate
    elif latest.day != today or (session is not None and latest.session_id != session.pk):
        latest.session, latest.day = session or latest.session, today
        latest.save(update_fields=["session", "day"])
    if seen.attempt not in (None, latest.pk):
        raise OutOfDate
    if seen.since is not None and not latest.is_revealed and latest.started_at != seen.since:
        latest.started_at = seen.since
        latest.save(update_fields=["started_at"])
    return latest


def _begin(
    user: User,
    question: Question,
    latest: Attempt | None,
    session: ReviewSession | None,
    seen: FormState,
) -> Attempt:
    """Store the next attempt, and close the latest one."""
    if latest is not None and not latest.over:
        latest.over = True
        latest.save(update_fields=["over"])
    hold(question)
    number = selectors.attempts.next_number(user, question)
    attempt = selectors.attempts.next_attempt(user, question, number)
    if seen.revision is not None:
        published = Revision.objects.filter(question=question, published_at__isnull=False)
        attempt.revision = published.filter(pk=seen.revision).first() or attempt.revision
    attempt.session, attempt.started_at = session, seen.since or attempt.started_at
    attempt.save(force_insert=True)
    return attempt


@transaction.atomic
def begin_attempt(
    *, user: User, question: Question, session: ReviewSession | None = None
) -> Attempt:
    """Store the learner's next attempt at a question, before its first answer; the open one of
    today where there is one. A page begins an attempt with the first form that is sent.
    """
    lock_user(user)
    return open_attempt(user=user, question=question, session=session)


@transaction.atomic
def open_hint(
    *,
    user: User,
    question: Question,
    number: int,
    part: str = "",
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Attempt:
    """Open the next hint, where hint `number` (from 1) is not open yet. From then on a right answer
    is rated Hard at most.

    Args:
        part: whose hint it is; with "" that of the whole question.
    """
    lock_user(user)
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    hints = question_variant(attempt.revision, attempt.seed).hints_of(part)
    opened = attempt.hints.get(part, 0)
    if opened < min(number, hints) and not attempt.over:
        attempt.hints = {**attempt.hints, part: opened + 1}  # one at a time
        attempt.save(update_fields=["hints"])
    return attempt
