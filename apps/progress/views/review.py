"""A review: the cards that are due, one after another, then a summary. Its state follows from the
log of reviews, so it survives reloads and a change of device.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.errors import Refused
from apps.common.redirects import next_path
from apps.common.text import join_list
from apps.common.topics import topic_title
from apps.progress import days, forms, presenters, selectors, services
from apps.progress.models import (
    MAX_SESSION_CARDS,
    NEW_QUESTIONS,
    Attempt,
    Rating,
    ReviewSession,
)
from apps.progress.selectors.cards import MAX_COUNTED_DUE
from apps.progress.selectors.sessions import SessionProgress
from apps.progress.selectors.statistics import Mastery
from apps.progress.views.question_page import question_context
from apps.progress.views.reader import signed_in
from apps.questions.models import Question

HARDEST_LISTED = 3


@never_cache
@require_safe
@login_required
def review(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    session = selectors.sessions.open_session(user)
    if session is None:
        return _before(request, user)
    if "at" in request.GET:
        attempt = selectors.attempts.own_attempt(user, forms.uuid_or_404(request.GET["at"]))
        return card_page(request, session, attempt)
    return _next_card(request, user, session)


def _next_card(request: HttpRequest, user: User, session: ReviewSession) -> HttpResponse:
    without = forms.card_list(request.GET.get("without", ""))
    progress = selectors.sessions.session_progress(session, without=without)
    if progress.next is None:
        # nothing was rated: its cards were deleted, or taken out of reviews
        is_over = progress.done or without
        return _after(request, user, progress) if is_over else _before(request, user)
    unsent = len({pk for pk in without if pk in session.cards} - progress.ratings.keys())
    return card_page(request, session, None, progress=progress, unsent=unsent)


def card_page(
    request: HttpRequest,
    session: ReviewSession,
    attempt: Attempt | None,
    *,
    progress: SessionProgress | None = None,
    unsent: int = 0,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Show a card of the session: that of an attempt, or the next one.

    Args:
        unsent: ratings that are still on the learner's device.
        more: arguments of `question_context`.
    """
    user = signed_in(request)
    progress = progress or selectors.sessions.session_progress(session)
    card = progress.next if attempt is None else None
    if attempt is None:
        assert card is not None
        attempt = selectors.attempts.current_attempt(user, card.question)
    context = question_context(
        request, attempt.question, attempt, in_review=True, card=card, **more
    )
    cards_left = max(0, progress.of - progress.done - unsent)
    context |= {
        "progress": progress,
        "session": session,
        "place": min(progress.done + unsent + 1, progress.of),
        "left": presenters.amounts.minutes(selectors.statistics.pace(user) * cards_left),
    }
    return render(request, "progress/review.html", context, status=status)


def _before(request: HttpRequest, user: User) -> HttpResponse:
    cards = list(selectors.cards.due_cards(user)[:MAX_SESSION_CARDS])
    count = selectors.cards.count_due(user)
    slugs = dict.fromkeys(card.question.topic for card in cards)
    topics = [topic_title(slug) if slug else _("your private cards") for slug in slugs]
    context: dict[str, Any] = {
        "count": count,
        "headline": presenters.reviews.due_headline(count, is_bound=count >= MAX_COUNTED_DUE),
        "length": presenters.reviews.session_length(len(cards), selectors.statistics.pace(user)),
        "topics": join_list(topics),
    }
    if not cards:
        context |= {
            "new": len(selectors.questions.new_cards(user, NEW_QUESTIONS)),
            "weakest": _weakest_topic(user),
            "tomorrow": presenters.reviews.due_by_tomorrow(
                selectors.cards.count_due_by_tomorrow(user)
            ),
        }
    return render(request, "progress/review_before.html", context)


def _weakest_topic(user: User) -> Mastery | None:
    plan = selectors.plans.plan_of(user)
    return selectors.statistics.weakest(selectors.statistics.mastery(user, plan))


def _after(request: HttpRequest, user: User, progress: SessionProgress) -> HttpResponse:
    still_due = selectors.cards.count_due(user)
    new = len(selectors.questions.new_cards(user, NEW_QUESTIONS))
    labs = []
    if not still_due and not new:
        start = days.start(days.today(user.time_zone), user.time_zone)
        labs = selectors.labs.lab_to_run(user, since=start)
    context = {
        "progress": progress,
        "summary": presenters.reviews.session_summary(
            progress.seconds, selectors.cards.next_due(user)
        ),
        "hardest": _hardest(progress),
        "still_due": still_due,
        "new": new,
        "labs": labs,
    }
    return render(request, "progress/review_after.html", context)


def _hardest(progress: SessionProgress) -> list[tuple[Question, str]]:
    """Return the questions with the lowest ratings, below Good, each with the word for it."""
    lowest = sorted(progress.ratings.items(), key=lambda rated: rated[1])[:HARDEST_LISTED]
    cards = selectors.cards.cards_with_questions(dict(lowest))
    return [
        (cards[pk].question, str(Rating(rating).label))
        for pk, rating in lowest
        if pk in cards and rating < Rating.GOOD
    ]


@require_POST
@login_required
def start(request: HttpRequest) -> HttpResponse:
    form = forms.StartForm.read(request.POST)
    services.reviews.start_session(
        user=signed_in(request),
        new=min(form.cleaned_data["new"], NEW_QUESTIONS),
        topic=form.cleaned_data["topic"],
        interleave=not form.cleaned_data["is_due_first"],
    )
    return redirect("progress:review")


@require_POST
@login_required
def end(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    session = selectors.sessions.open_session(user)
    services.reviews.end_session(user=user)
    done = selectors.sessions.session_progress(session).done if session is not None else 0
    if done:
        message = ngettext("%(n)s card graded.", "%(n)s cards graded.", done)
        messages.success(request, message % {"n": done})
    return redirect("progress:today")


@require_POST
@login_required
def skip(request: HttpRequest) -> HttpResponse:
    form = forms.SkipForm.read(request.POST)
    services.reviews.skip_card(user=signed_in(request), card=form.cleaned_data["card"])
    return redirect("progress:review")


@require_POST
@login_required
def undo(request: HttpRequest) -> HttpResponse:
    """Take back the newest rating; in a review its card comes again, unanswered."""
    user, onward = signed_in(request), next_path(request, reverse("progress:review"))
    session = selectors.sessions.open_session(user)
    try:
        undone = services.reviews.undo(user=user, session=session)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(onward)
    messages.success(request, _("Undone: %(grade)s.") % {"grade": undone.get_rating_display()})
    return redirect(onward)
