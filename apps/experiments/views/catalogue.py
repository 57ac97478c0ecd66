"""The table of labs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.listing import chosen_filters, filter_words, page_of
from apps.common.topics import topic_title
from apps.experiments import selectors
from apps.experiments.home import lab_rows
from apps.experiments.models import Lab
from apps.experiments.pending_prediction import pending_prediction_of
from apps.experiments.reader import reader_of

FILTERS = ("topic", "kind", "words")
LABS_PER_PAGE = 50


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    chosen = chosen_filters(request, FILTERS)
    page = page_of(request, selectors.catalogue(**chosen), LABS_PER_PAGE)
    topics = [(slug, topic_title(slug)) for slug in selectors.lab_topics()]
    context = {
        "page": page,
        "rows": lab_rows(reader_of(request), list(page)),
        "chosen": chosen,
        "filtered": filter_words(chosen, topic=topics, kind=Lab.Kind.choices),
        "pending": pending_prediction_of(request.session),
        "topics": topics,
        "kinds": Lab.Kind.choices,
    }
    return render(request, "experiments/catalogue.html", context, status=page.status)
