"""The ledger: every claim of every lab with its verdict, by topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.topics import topic_title
from apps.experiments import presenters, selectors
from apps.experiments.models import Lab, Run
from apps.experiments.reader import reader_of

MAX_CUSTOM_RUNS = 10  # of the reader's own runs at other settings


@require_safe
def claims(request: HttpRequest) -> HttpResponse:
    standard, counts = selectors.standard_runs(), selectors.evidence_counts()
    labs, custom_runs = list(selectors.catalogue(request.user)), _custom_runs(request)
    accesses = selectors.verdict_accesses(
        reader_of(request),
        [*map(selectors.default_subject, labs), *map(selectors.subject_of, custom_runs)],
    )
    topics: dict[str, list[dict[str, Any]]] = {}
    for lab in labs:
        is_shown = accesses[selectors.default_subject(lab)].is_granted
        entry = _entry(lab, standard.get(lab.pk), counts if is_shown else {}, is_shown=is_shown)
        topics.setdefault(lab.topic, []).append(entry)
    context = {
        "topics": [{"name": topic_title(slug), "labs": labs} for slug, labs in topics.items()],
        "recorded": bool(standard),
        "custom_runs": [
            presenters.run_row(run, is_shown=accesses[selectors.subject_of(run)].is_granted)
            for run in custom_runs
        ],
    }
    return render(request, "experiments/claims.html", context)


def _entry(
    lab: Lab, run: Run | None, counts: Mapping[str, Mapping[str, int]], *, is_shown: bool
) -> dict[str, Any]:
    """Return a lab's claims, with the verdicts of its recorded run if the reader may see them.

    Args:
        counts: of the outcomes of learners' runs.
    """
    words = lab.current_version.words
    verdicts = presenters.present_verdicts(words, run.verdicts.all()) if run and is_shown else []
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
    return {
        "lab": lab,
        "words": words,
        "run": run,
        "fold": presenters.fold(run, reverse("experiments:claims"))
        if run and not is_shown
        else None,
        "rows": rows,
        "device": device,
    }


def _custom_runs(request: HttpRequest) -> list[Run]:
    """Return the reader's own finished runs at other than default settings: no evidence."""
    if not isinstance(request.user, User):
        return []
    mine = selectors.runs_of(request.user).filter(at_defaults=False, state=Run.State.SUCCEEDED)
    return list(mine[:MAX_CUSTOM_RUNS])
