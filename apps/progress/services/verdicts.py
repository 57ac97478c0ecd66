"""Which verdicts their owners have not read yet."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.urls import reverse

from apps.common.clock import Clock
from apps.experiments.models import Run
from apps.notices.models import Kind
from apps.notices.services import mark_read, notify
from apps.progress.models import UnreadVerdict

# from a verdict until its owner is told, if it is still unread: whoever watches the run reads it
ELSEWHERE = timedelta(minutes=10)
TOLD_WITHIN = timedelta(days=1)  # after which nobody is told any more
MAX_TOLD = 100  # in a round


@transaction.atomic(savepoint=False)  # one statement, inside the transaction that ends the run
def add_unread_verdict(*, run: Run) -> None:
    """Mark the verdict of a run as unread by its owner. Idempotent."""
    row = UnreadVerdict(run=run, user_id=run.owner_id)
    UnreadVerdict.objects.bulk_create([row], ignore_conflicts=True)


@transaction.atomic
def mark_verdict_read(*, run: Run) -> None:
    UnreadVerdict.objects.filter(run=run).delete()
    mark_read(person=run.owner, subject=_subject(run))


@transaction.atomic
def tell_of_unread_verdicts() -> int:
    """Tell the owners of runs whose verdicts have been unread for a while: they were elsewhere.
    Each is told once, whoever else does so at the same time. Returns how many verdicts there were.
    """
    unread = UnreadVerdict.objects.filter(
        told_at=None,
        created_at__lte=Clock() - ELSEWHERE,
        created_at__gt=Clock() - TOLD_WITHIN,
    )
    rows = unread.order_by("created_at", "pk").select_for_update(of=("self",), skip_locked=True)
    words = "run__version__words_row"
    rows = rows.select_related(words).defer(f"{words}__words", f"{words}__source", "run__detail")
    verdicts = list(rows[:MAX_TOLD])
    if not verdicts:
        return 0
    for verdict in verdicts:
        run = verdict.run
        words_row = run.version.words_row
        titles = {"en": words_row.title_en, "zh": words_row.title_zh}
        notify(
            people=[verdict.user_id],
            kind=Kind.VERDICT,
            subject=_subject(run),
            title=titles["en"],
            path=reverse("experiments:run", args=[run.pk]),
            details={"title": titles},
        )
    told = UnreadVerdict.objects.filter(pk__in=[verdict.pk for verdict in verdicts])
    return told.update(told_at=Clock())


def _subject(run: Run) -> str:
    return f"run:{run.pk}"
