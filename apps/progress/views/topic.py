"""A topic: its questions and its labs together, with what the learner remembers of them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.topics import TOPICS, topic_title
from apps.experiments.models import Lab
from apps.progress import said, selectors, standing
from apps.progress.models import Card
from apps.questions import selectors as bank

WEAKEST = 10


@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in TOPICS:
        raise Http404("No such topic.")
    user = request.user if isinstance(request.user, User) else None
    questions = list(bank.questions(topic=slug))
    cards = selectors.cards_for(user, questions) if user else {}
    done = standing.runs_by_lab(user) if user else {}
    labs = Lab.objects.offered().filter(topic=slug).select_related("current").defer("current__source")
    recalls = {pk: standing.recall_of(user, card) for pk, card in cards.items()} if user else {}
    rows = [_row(question, cards.get(question.pk), recalls.get(question.pk)) for question in questions]
    known = [share for share in recalls.values() if share is not None]
    weakest = sorted((row for row in rows if row["share"] is not None), key=lambda row: row["share"])[:WEAKEST]
    context = {
        "slug": slug,
        "title": topic_title(slug),
        "rows": rows,
        "weakest": weakest if len(rows) > WEAKEST else [],
        "labs": [{"lab": lab, "words": lab.current.words, "runs": done.get(lab.slug, 0)} for lab in labs if lab.current],
        "cards": len(known),
        "recall": said.percent(sum(known) / len(known)) if known else "",
    }
    return render(request, "progress/topic.html", context)


def _row(question: Any, card: Card | None, share: float | None) -> dict[str, Any]:
    stability = said.gap(card.stability * said.DAY) if card and card.stability else ""
    return {"question": question, "card": card, "share": share, "recall": said.percent(share), "stability": stability}
