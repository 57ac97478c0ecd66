"""The ledger: every claim of every lab with what was found, by topic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.topics import topic_title
from apps.experiments import presenters, selectors
from apps.experiments.models import Lab, Outcome, Run
from apps.experiments.views.runs import row_of

OWN = 10  # runs of the reader's own that are listed apart


@require_safe
def claims(request: HttpRequest) -> HttpResponse:
    standard, counts = selectors.standard_runs(), selectors.evidence_counts()
    topics: dict[str, list[dict[str, Any]]] = {}
    for lab in selectors.catalogue(request.user):
        topics.setdefault(lab.topic, []).append(_entry(lab, standard.get(lab.pk), counts))
    context = {
        "topics": [{"name": topic_title(slug), "labs": labs} for slug, labs in topics.items()],
        "recorded": bool(standard),
        "own": [row_of(run) for run in _other_runs(request)],
    }
    return render(request, "experiments/claims.html", context)


def _entry(lab: Lab, run: Run | None, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    assert lab.current is not None
    words = lab.current.words
    found = (
        {one.claim: one for one in presenters.present_verdicts(words, run.verdicts.all())}
        if run
        else {}
    )
    rows = [
        {
            "claim": slug,
            "statement": presenters.statement(words, slug),
            "found": found.get(slug),
            "others": list(_others(counts.get(slug, {}))),
        }
        for slug, _own in presenters.ordered(words, "claims")
    ]
    device = str(run.device.get("name") or run.device.get("kind", "")) if run else ""
    return {"lab": lab, "words": words, "run": run, "rows": rows, "device": device}


def _others(counts: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """Yield which outcome learners' own runs at the lab's settings came to, and how many."""
    for outcome in Outcome:
        if counts.get(outcome.value):
            yield presenters.GLYPHS[outcome.value], str(outcome.label), counts[outcome.value]


def _other_runs(request: HttpRequest) -> list[Run]:
    """Return the reader's own finished runs at settings of their own: no evidence, but theirs."""
    if not isinstance(request.user, User):
        return []
    mine = selectors.runs_of(request.user).filter(at_defaults=False, state=Run.State.SUCCEEDED)
    return list(mine[:OWN])
