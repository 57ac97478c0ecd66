"""Sittings: which encounter of a learner with a question a form is about. One is locked by whoever
writes to it.

The learner's row is locked first, then the sitting, then the card: always in this order, so that
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
from apps.progress.models import Session, Sitting
from apps.questions.models import Question, Revision


@dataclass(frozen=True)
class Seen:
    """What the page of a form showed, and since when: the sitting, stored or not yet, the revision.
    Nothing where none is said.
    """

    sitting: UUID | None = None
    revision: int | None = None
    since: datetime | None = None


ANYTHING = Seen()


@transaction.atomic
def sit_down(
    *, user: User, question: Question, session: Session | None = None, seen: Seen = ANYTHING
) -> Sitting:
    """Return the learner's open sitting with a question, locked; a new one where there is none from
    today.

    The sitting that a page showed goes on over the beginning of a day, and with the revision that
    was read: an answer is an answer to what was asked. One that is over is returned as it is.

    Raises:
        BadRequest: the page showed a sitting that is not this learner's with this question.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if (stored := known(user, question, seen.sitting)) is not None and stored.over:
        return stored
    latest = (
        Sitting.objects.select_for_update()
        .filter(user=user, question=question)
        .order_by("-number")
        .first()
    )
    if (
        latest is None
        or latest.over
        or (latest.day != selectors.today(user) and latest.pk != seen.sitting)
    ):
        latest = _begin(user, question, latest, session, seen)
    elif (session is not None and latest.session_id != session.pk) or latest.day != selectors.today(
        user
    ):
        latest.session, latest.day = session or latest.session, selectors.today(user)
        latest.save(update_fields=["session", "day"])
    if seen.sitting not in (None, latest.pk):
        raise BadRequest(out_of_date())
    if seen.since is not None and not latest.is_revealed and latest.began_at != seen.since:
        latest.began_at = seen.since
        latest.save(update_fields=["began_at"])
    return latest


def known(user: User, question: Question, sitting: UUID | None) -> Sitting | None:
    """Return the sitting of this name, locked, if it was stored."""
    rows = Sitting.objects.select_for_update(of=("self",)).select_related("revision", "session")
    return rows.filter(user=user, question=question, pk=sitting).first() if sitting else None


def _begin(
    user: User, question: Question, before: Sitting | None, session: Session | None, seen: Seen
) -> Sitting:
    """Store the next sitting, and leave the one before behind."""
    if before is not None and not before.over:
        before.over = True
        before.save(update_fields=["over"])
    sitting = selectors.next_sitting(user, question, before.number + 1 if before else 0)
    if seen.revision is not None:
        published = Revision.objects.filter(question=question, published_at__isnull=False)
        sitting.revision = published.filter(pk=seen.revision).first() or sitting.revision
    sitting.session, sitting.began_at = session, seen.since or sitting.began_at
    sitting.save(force_insert=True)
    return sitting


def out_of_date() -> str:
    return _(
        "This page is out of date: the question has been reopened since, or by another "
        "account. Reload the page."
    )
