"""A topic: its questions and its labs together, with what the learner remembers of them."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.topics import TOPICS, topic_title
from apps.experiments.models import Lab
from apps.progress import formatting, selectors, statistics
from apps.questions import selectors as bank
from apps.questions.models import Question

WEAKEST = 10
ON_A_PAGE = 100


@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in TOPICS:
        raise Http404("No such topic.")
    user = request.user if isinstance(request.user, User) else None
    questions = bank.questions(topic=slug)
    page = Paginator(
        selectors.by_stability(questions, user) if user else questions, ON_A_PAGE
    ).get_page(request.GET.get("page"))
    labs = (
        Lab.objects.offered()
        .filter(topic=slug)
        .select_related("current__words_row")
        .defer("current__source")
    )
    done = statistics.runs_by_lab(user) if user else {}
    context = {
        "slug": slug,
        "title": topic_title(slug),
        "page": page,
        "rows": _rows(user, list(page)),
        "labs": [
            {"lab": lab, "words": lab.current.words, "runs": done.get(lab.slug, 0)}
            for lab in labs
            if lab.current
        ],
    }
    return render(
        request,
        "progress/topic.html",
        context | (_memory(user, slug, page.paginator.count) if user else {}),
    )


def _rows(user: User | None, questions: list[Question]) -> list[dict[str, Any]]:
    """Return the questions with what the learner remembers of each."""
    cards = selectors.cards_for(user, questions) if user else {}
    rows = []
    for question in questions:
        card = cards.get(question.pk)
        stability = (
            formatting.gap(card.stability * formatting.DAY) if card and card.stability else ""
        )
        fraction = statistics.recall_of(user, card) if user and card else None
        rows.append(
            {"question": question, "recall": formatting.percent(fraction), "stability": stability}
        )
    return rows


def _memory(user: User, slug: str, questions: int) -> dict[str, Any]:
    """Return what the learner would recall of the whole topic, and what of it least: where there is
    more than a list of that.
    """
    of_it = next((each for each in statistics.mastery(user) if each.slug == slug), None)
    fractions = statistics.weakest(user, slug, WEAKEST) if questions > WEAKEST else {}
    found = bank.questions().in_bulk(fractions)
    return {
        "cards": of_it.cards if of_it else 0,
        "recall": formatting.percent(of_it.recall) if of_it else "",
        "weakest": [
            {"question": found[pk], "recall": formatting.percent(fraction)}
            for pk, fraction in fractions.items()
            if pk in found
        ],
    }
