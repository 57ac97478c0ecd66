"""The list of questions, with what its reader has of each; their bookmarks and notes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.accounts.models import User
from apps.common.fragments import is_fragment
from apps.common.listing import ListPage, chosen_filters, filter_words, page_of
from apps.common.topics import TOPICS, topic_title
from apps.experiments.reader import reader_of
from apps.progress.selectors import question_list, searches
from apps.progress.selectors.question_list import Mine, Order, Status
from apps.progress.views.reader import signed_in
from apps.questions.limits import DIFFICULTIES, MAX_DIFFICULTY
from apps.questions.models import Kind

FILTERS = ("topic", "kind", "difficulty", "status", "mine", "order", "words")
QUESTIONS_PER_PAGE = 100
NOTES_PER_PAGE = 30


@require_safe
@vary_on_headers("HX-Request")
def questions(request: HttpRequest) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    chosen = chosen_filters(request, FILTERS)
    page = page_of(request, question_list.listed(user, **chosen), QUESTIONS_PER_PAGE)
    besides = _besides(request, chosen["words"], page)
    instead = ""
    if chosen["words"] and not page.paginator.count and not besides:
        instead = searches.correction(chosen["words"])
    if instead:
        page = page_of(
            request, question_list.listed(user, **chosen | {"words": instead}), QUESTIONS_PER_PAGE
        )
        besides = _besides(request, instead, page)
    context = {
        "page": page,
        "rows": [(row, Status(row.status).label if user else "") for row in page],
        "besides": besides,
        "instead": instead,
        "words": instead or chosen["words"],
        "chosen": chosen,
        "filtered": filter_words(
            chosen,
            topic=[(chosen["topic"], topic_title(chosen["topic"]))],
            kind=Kind.choices,
            difficulty=[(str(n), _("difficulty %(n)s") % {"n": n}) for n in DIFFICULTIES],
            status=Status.choices,
            mine=Mine.choices,
        ),
        "topics": _topics(chosen["topic"]),
        "kinds": Kind.choices,
        "max_difficulty": MAX_DIFFICULTY,
        "difficulties": [(str(level), level) for level in DIFFICULTIES],
        "statuses": Status.choices if user else [],
        "mines": Mine.choices,
        "orders": [choice for choice in Order.choices if user or choice[0] != Order.DUE],
    }
    template = "_questions.html" if is_fragment(request) else "questions.html"
    return render(request, f"progress/{template}", context, status=page.status)


def _topics(chosen: str) -> list[tuple[str, str]]:
    """Return the topics that have questions, and the chosen one, each with how many, in the order
    of `TOPICS`.
    """
    counts = question_list.count_by_topic()
    return [
        (slug, f"{topic_title(slug)} ({counts.get(slug, 0)})")
        for slug in TOPICS
        if slug in counts or slug == chosen
    ]


def _besides(request: HttpRequest, words: str, page: ListPage) -> searches.Found | None:
    """Search labs and claims, too, above the first page of what was found."""
    if not words or page.number > 1:
        return None
    return searches.labs_and_claims(reader_of(request), words)


@login_required
@require_safe
def own_questions(request: HttpRequest) -> HttpResponse:
    rows = question_list.own_questions(signed_in(request))
    page = page_of(request, rows, NOTES_PER_PAGE)
    context: dict[str, Any] = {"page": page}
    return render(request, "progress/own_questions.html", context, status=page.status)
