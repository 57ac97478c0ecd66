from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.experiments import lab_config, presenters, selectors
from apps.experiments.models import Run

A_PAGE = 25


@require_safe
@login_required
def runs(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    page = Paginator(selectors.runs_of(request.user), A_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "experiments/runs.html", {"page": page, "rows": [row_of(run) for run in page]}
    )


def row_of(run: Run) -> dict[str, object]:
    """Return a run as a list shows it."""
    words = run.version.words
    different = lab_config.changed(words, run.config)
    verdicts = presenters.present_verdicts(words, run.verdicts.all())
    return {
        "run": run,
        "words": words,
        "changed": [
            setting
            for setting in presenters.settings_of(words, run.config)
            if setting.name in different
        ],
        "first": verdicts[0] if verdicts else None,
        "called": presenters.present_prediction(words, presenters.prediction_of(run)),
        "percent": 100 * run.points_done // run.points_expected if run.points_expected else 0,
    }
