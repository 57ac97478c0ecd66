"""The table of labs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.topics import topic_title
from apps.experiments import presenters, selectors
from apps.experiments.models import Lab
from apps.experiments.pending_prediction import pending_prediction_of
from apps.experiments.reader import reader_of

FILTERS = ("topic", "kind")


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    labs = list(selectors.catalogue(request.user))
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    subjects = map(selectors.default_subject, labs)
    accesses = selectors.verdict_accesses(reader_of(request), subjects)
    matching = [
        lab
        for lab in labs
        if all(not value or getattr(lab, name) == value for name, value in chosen.items())
    ]
    topics = sorted({lab.topic for lab in labs})
    context = {
        "rows": [presenters.lab_row(lab, accesses) for lab in matching],
        "chosen": chosen,
        "pending": pending_prediction_of(request.session),
        "any": bool(labs),
        "topics": [(slug, topic_title(slug)) for slug in topics],
        "kinds": [(kind.value, kind.label) for kind in Lab.Kind],
    }
    return render(request, "experiments/catalogue.html", context)
