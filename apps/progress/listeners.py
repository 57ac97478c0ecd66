"""What `progress` does when a run ends: its verdict becomes unread, and webhooks are told. Called
inside the transaction that ends the run.
"""

from __future__ import annotations

from apps.experiments.models import Run
from apps.experiments.signals import run_over
from apps.progress import services, webhook_events


def listen() -> None:
    run_over.connect(note_verdict, dispatch_uid="progress.note_verdict")
    run_over.connect(tell_webhooks, dispatch_uid="progress.tell_webhooks")


def note_verdict(run: Run, **more: object) -> None:
    if run.state == Run.State.SUCCEEDED and not run.owner.is_project:
        services.verdicts.add_unread_verdict(run=run)


def tell_webhooks(run: Run, **more: object) -> None:
    if not run.owner.is_project:
        webhook_events.run_over(run)
