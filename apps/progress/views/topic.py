"""A topic: its questions and labs, with what the learner remembers of them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.listing import page_of
from apps.common.number_format import percent
from apps.common.topics import TOPICS, topic_title
from apps.progress import days, presenters, selectors
from apps.progress.presenters.amounts import SECONDS_A_DAY
from apps.questions import selectors as bank
from apps.questions.models import Question

WEAKEST_LISTED = 10
PAGE_SIZE = 100


@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in TOPICS:
        raise Http404("No such topic.")
    user = request.user if isinstance(request.user, User) else None
    questions = bank.questions(topic=slug)
    if user:
        questions = selectors.questions.by_stability(questions, user)
    page = page_of(request, questions, PAGE_SIZE)
    context = {
        "slug": slug,
        "title": topic_title(slug),
        "page": page,
        "rows": _question_rows(user, list(page)),
        "labs": _lab_rows(user, slug),
    }
    if user:
        context |= _memory(user, slug, page.paginator.count)
    return render(request, "progress/topic.html", context, status=page.status)


def _lab_rows(user: User | None, topic: str) -> list[dict[str, Any]]:
    runs = selectors.labs.runs_by_lab(user, topic) if user else {}
    labs = selectors.labs.labs_of_topic(topic)
    return [{"lab": lab, "runs": runs.get(lab.slug, 0)} for lab in labs]


def _question_rows(user: User | None, questions: list[Question]) -> list[dict[str, Any]]:
    """Return the questions with what the learner remembers of each."""
    cards = selectors.cards.cards_by_question(user, questions) if user else {}
    forgotten = selectors.cards.forgotten(list(cards.values()))
    rows = []
    for question in questions:
        card = cards.get(question.pk)
        stability, recall = "", None
        if user and card and card.stability:
            stability = presenters.amounts.interval(card.stability * SECONDS_A_DAY)
            recall = selectors.cards.recall_today(user, card, forgotten)
        rows.append(
            {
                "question": question,
                "recall": percent(recall),
                "stability": stability,
            }
        )
    return rows


def _memory(user: User, slug: str, count: int) -> dict[str, Any]:
    """Return where the learner stands in the topic, and the questions with the lowest, where the
    topic has more than `WEAKEST_LISTED`.
    """
    plan = selectors.plans.plan_of(user)
    topics = selectors.statistics.mastery(user, plan)
    mastery = next(row for row in topics if row.slug == slug)
    recall_by_question = {}
    if count > WEAKEST_LISTED:
        recall_by_question = selectors.statistics.weakest_questions(user, slug, WEAKEST_LISTED)
    questions = bank.questions().in_bulk(recall_by_question)
    return {
        "standing": presenters.progress.topic_rows([mastery])[0],
        "interview_day": presenters.progress.interview_day(plan, days.today(user.time_zone)),
        "weakest": [
            {"question": questions[pk], "recall": percent(recall)}
            for pk, recall in recall_by_question.items()
            if pk in questions
        ],
    }
