"""Which verdicts their owners have not read yet."""

from __future__ import annotations

from django.db import transaction

from apps.experiments.models import Run
from apps.progress.models import UnreadVerdict


@transaction.atomic(savepoint=False)  # one statement, inside the transaction that ends the run
def add_unread_verdict(*, run: Run) -> None:
    """Mark the verdict of a run as unread by its owner. Idempotent."""
    row = UnreadVerdict(run=run, user_id=run.owner_id)
    UnreadVerdict.objects.bulk_create([row], ignore_conflicts=True)


@transaction.atomic
def mark_verdict_read(*, run: Run) -> None:
    UnreadVerdict.objects.filter(run=run).delete()
