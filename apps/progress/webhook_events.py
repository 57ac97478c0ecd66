"""What webhooks are told of runs and cards (docs/webhooks.md). Called in the transaction in which
it happens; a person without a webhook for it costs a statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.urls import reverse

from apps.accounts.models import User
from apps.experiments.models import Prediction, Run, Verdict
from apps.experiments.selectors import access
from apps.progress import days
from apps.progress.selectors import cards
from apps.webhooks.models import Event
from apps.webhooks.services import emit, link, take_digest


def run_over(run: Run) -> None:
    """A run has ended: its owner is told, and of its verdicts, if it came to some."""
    emit(people=[run.owner_id], event=Event.RUN_FINISHED, data=lambda: _finished(run))
    if run.state == Run.State.SUCCEEDED:
        emit(people=[run.owner_id], event=Event.VERDICT_DECIDED, data=lambda: _decided(run))


def _run(run: Run) -> dict[str, Any]:
    words = run.version.words_row
    return {
        "run_id": run.pk,
        "lab": run.version.lab_id,
        "title": {"en": words.title_en, "zh": words.title_zh},
        "url": link(reverse("experiments:run", args=[run.pk])),
    }


def _finished(run: Run) -> Mapping[str, Any]:
    times = ("queued_at", "started_at", "ended_at")
    return _run(run) | {
        "state": run.state,
        "error": run.error or None,
        "seconds": run.seconds,
        **{name: at.isoformat() if (at := getattr(run, name)) else None for name in times},
    }


def _decided(run: Run) -> Mapping[str, Any]:
    """Return what a run has decided: nothing that its owner may not see, who has neither predicted
    nor opened it.
    """
    is_readable = access.shows_verdict(access.Reader(run.owner), run)
    prediction = Prediction.objects.filter(run=run).first()
    return _run(run) | {
        "config": run.config,
        "replicates": run.replicates,
        "verdicts": _verdicts(run) if is_readable else None,
        "prediction": _prediction(prediction) if prediction and is_readable else None,
    }


def _verdicts(run: Run) -> list[dict[str, Any]]:
    columns = ("claim", "outcome", "effect", "low", "high", "replicates", "diverged")
    return list(Verdict.objects.filter(run=run).order_by("pk").values(*columns))


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "claim": prediction.claim,
        "outcome": prediction.outcome,
        "confidence": prediction.confidence,
        "was_right": prediction.was_right,
        "score": prediction.score,
    }


@transaction.atomic
def tell_of_due_cards(*, pk: int) -> bool:
    """Tell the webhooks of a person how many cards are due, if any are, and move their digest to
    the next day. Returns whether somebody was told.
    """
    person = User.objects.get(pk=pk)
    if not take_digest(owner=person):
        return False
    count = cards.count_due(person)
    if not count:
        return False
    data = {
        "day": days.today(person.time_zone),
        "cards": count,
        "is_more": count >= cards.MAX_COUNTED_DUE,
        "url": link(reverse("progress:review")),
    }
    return bool(emit(people=[pk], event=Event.CARDS_DUE, data=data))
