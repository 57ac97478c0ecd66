"""What a page of posts loads one by one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.common.text import clean
from apps.discussions import embeds
from apps.experiments.reader import reader_of


@require_safe
def chart(request: HttpRequest) -> HttpResponse:
    """The chart of a citation, as a fragment."""
    chart = embeds.chart(clean(request.GET.get("cite", "")), reader_of(request))
    return render(request, "discussions/_embed_chart.html", {"chart": chart})
