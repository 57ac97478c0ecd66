"""The plan of a learner, their notes and bookmarks."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.errors import Refused
from apps.common.text import clean, length, normalize_newlines
from apps.progress.models import Bookmark, Note, Plan
from apps.progress.services.locks import hold
from apps.questions.models import Question


class TooLong(Refused):
    """A note has more than `Note.MAX_CHARS` characters."""

    code = "too-long"
    status = 422


@transaction.atomic
def change_plan(
    *, user: User, interview: date | None, minutes: int, retention: int, two_buttons: bool
) -> Plan:
    values = {
        "interview": interview,
        "minutes": minutes,
        "retention": retention,
        "two_buttons": two_buttons,
    }
    plan, _created = Plan.objects.update_or_create(user=user, defaults=values)
    return plan


@transaction.atomic
def write_note(*, user: User, question: Question, text: str) -> None:
    """Store a learner's note on a question; an empty text deletes it.

    Raises:
        TooLong: nothing is stored.
    """
    text = normalize_newlines(clean(text)).strip()
    if length(text) > Note.MAX_CHARS:
        message = _(
            "A note can have up to %(n)s characters; this one has %(given)s. Go back and "
            "shorten it."
        )
        raise TooLong(message % {"n": Note.MAX_CHARS, "given": length(text)})
    if not text:
        Note.objects.filter(user=user, question=question).delete()
        return
    hold(question)
    # one statement: `update_or_create` fails where another request deletes the row in between
    Note.objects.bulk_create(
        [Note(user=user, question=question, text=text)],
        update_conflicts=True,
        unique_fields=["user", "question"],
        update_fields=["text", "updated_at"],
    )


@transaction.atomic
def set_bookmark(*, user: User, question: Question, is_set: bool) -> None:
    """Set or remove a bookmark. Idempotent, and safe under concurrency."""
    if is_set:
        hold(question)
        # one statement: `get_or_create` fails where another request deletes the row in between
        row = Bookmark(user=user, question=question)
        Bookmark.objects.bulk_create([row], ignore_conflicts=True)
    else:
        Bookmark.objects.filter(user=user, question=question).delete()
