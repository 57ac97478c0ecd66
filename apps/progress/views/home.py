"""The home page: what a visitor gets instead of Today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.experiments import selectors as experiments
from apps.experiments.home import home_context
from apps.experiments.pending_prediction import pending_prediction_of
from apps.experiments.reader import reader_of
from apps.progress import selectors
from apps.progress.views.question_page import question_context, visitors_attempt
from apps.questions import selectors as bank


def home(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    context = {
        **home_context(reader, pending_prediction_of(request.session)),
        "counts": {
            "questions": bank.questions().count(),
            "labs": experiments.catalogue().count(),
            "claims": experiments.ledger(reader).count(),
        },
        **_question(request),
    }
    return render(request, "progress/home.html", context)


def _question(request: HttpRequest) -> dict[str, Any]:
    """Return a question with options that is answered on the spot; its page, where the result is
    shown, has the rest of it. Nothing where the bank has none.
    """
    question = selectors.questions.first_question()
    if question is None:
        return {}
    context = question_context(request, question, visitors_attempt(question))
    part = next(part for part in context["parts"] if part.kind == "choice")
    # alone on this page, it has no number among the question's parts
    return {name: context[name] for name in SHOWN} | {"part": replace(part, prompt=None)}


SHOWN = ("question", "revision", "page", "revealed", "in_review", "earlier")  # of its page
