"""The ledger: every claim of every lab with its verdict, by topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.topics import topic_title
from apps.experiments import presenters, selectors
from apps.experiments.models import Lab, Run

MAX_CUSTOM_RUNS = 10  # of the reader's own runs at other settings


@require_safe
def claims(request: HttpRequest) -> HttpResponse:
    standard, counts = selectors.standard_runs(), selectors.evidence_counts()
    topics: dict[str, list[dict[str, Any]]] = {}
    for lab in selectors.catalogue(request.user):
        topics.setdefault(lab.topic, []).append(_entry(lab, standard.get(lab.pk), counts))
    context = {
        "topics": [{"name": topic_title(slug), "labs": labs} for slug, labs in topics.items()],
        "recorded": bool(standard),
        "custom_runs": [presenters.run_row(run) for run in _custom_runs(request)],
    }
    return render(request, "experiments/claims.html", context)


def _entry(lab: Lab, run: Run | None, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    words = lab.current_version.words
    verdicts = presenters.present_verdicts(words, run.verdicts.all()) if run else []
    verdict_of = {verdict.claim: verdict for verdict in verdicts}
    rows = [
        {
            "claim": slug,
            "statement": presenters.statement(words, slug),
            "found": verdict_of.get(slug),
            "others": presenters.outcome_counts(counts.get(slug, {})),
        }
        for slug, _claim in presenters.ordered(words, "claims")
    ]
    device = str(run.device.get("name") or run.device.get("kind", "")) if run else ""
    return {"lab": lab, "words": words, "run": run, "rows": rows, "device": device}


def _custom_runs(request: HttpRequest) -> list[Run]:
    """Return the reader's own finished runs at other than default settings: no evidence."""
    if not isinstance(request.user, User):
        return []
    mine = selectors.runs_of(request.user).filter(at_defaults=False, state=Run.State.SUCCEEDED)
    return list(mine[:MAX_CUSTOM_RUNS])
