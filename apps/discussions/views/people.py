"""The public page of a person, if they have chosen to have one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.discussions import presenters, selectors
from apps.experiments.presenters import run_row
from apps.progress.selectors.statistics import calibration_bins

MAX_ROWS = 20  # of runs, and of threads


@require_safe
def person(request: HttpRequest, handle: str) -> HttpResponse:
    owner = selectors.public_person(handle)
    if owner.handle != handle:
        return redirect("discussions:person", owner.handle)
    context = {"person": owner, "parts": owner.profile, **_shown(request, owner)}
    response = render(request, "discussions/person.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


def _shown(request: HttpRequest, owner: User) -> dict[str, Any]:
    """Return what somebody has chosen to show. Of a run its lab and its settings, for everybody:
    its own page folds the verdict, or not.
    """
    parts, shown = User.ProfilePart, dict[str, Any]()
    if parts.NUMBERS in owner.profile:
        bins = calibration_bins(owner)["labs"]
        shown["sentences"] = presenters.people.prediction_sentences(bins)
    if parts.RUNS in owner.profile:
        runs = selectors.shared_runs(owner)
        shown["runs"] = [run_row(run, is_shown=False) for run in runs[:MAX_ROWS]]
        shown["run_count"] = runs.count()
    if parts.THREADS in owner.profile:
        threads = selectors.threads_begun(owner, request.user)
        shown["threads"] = presenters.threads.thread_rows(threads[:MAX_ROWS])
        shown["thread_count"] = threads.count()
    return shown
