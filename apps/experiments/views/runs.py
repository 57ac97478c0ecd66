from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.listing import page_of
from apps.experiments import presenters, queue_words, selectors
from apps.experiments.reader import reader_of

RUNS_PER_PAGE = 25


@require_safe
@login_required
def runs(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    page = page_of(request, selectors.runs_of(request.user), RUNS_PER_PAGE)
    readable = selectors.readable_runs(reader_of(request), page)
    places = selectors.places(page)
    rows = [
        presenters.run_row(
            run, is_shown=run.pk in readable, why=queue_words.why(run, places.get(run.pk))
        )
        for run in page
    ]
    record = selectors.prediction_record(request.user) if page.paginator.count else None
    bounds = {"least": selectors.MIN_COMPARED, "most": selectors.MAX_COMPARED}
    context = {"page": page, "rows": rows, "record": record, **bounds}
    return render(request, "experiments/runs.html", context, status=page.status)
