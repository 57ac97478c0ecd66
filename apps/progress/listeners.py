"""What `progress` does when a run ends: its verdict becomes unread, and webhooks are told; and when
private cards are deleted: the days lose their reviews. Called inside the transaction that does it.
"""

from __future__ import annotations

from collections.abc import Sequence

from apps.accounts.models import User
from apps.experiments.models import Run
from apps.experiments.signals import run_over
from apps.progress import services, webhook_events
from apps.questions.signals import private_cards_deleting


def listen() -> None:
    run_over.connect(note_verdict, dispatch_uid="progress.note_verdict")
    run_over.connect(tell_webhooks, dispatch_uid="progress.tell_webhooks")
    private_cards_deleting.connect(take_from_days, dispatch_uid="progress.take_from_days")


def note_verdict(run: Run, **more: object) -> None:
    if run.state == Run.State.SUCCEEDED and not run.owner.is_project:
        services.verdicts.add_unread_verdict(run=run)


def tell_webhooks(run: Run, **more: object) -> None:
    if not run.owner.is_project:
        webhook_events.run_over(run)


def take_from_days(owner: User, pks: Sequence[int], **more: object) -> None:
    services.reviews.take_from_days(user=owner, questions=pks)
