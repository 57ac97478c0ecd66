"""A review: what is due, one card after another, what came of it. Its place follows from the log,
across reloads and devices.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.errors import Refused
from apps.common.redirects import way_back
from apps.common.text import listed
from apps.common.topics import TOPICS, topic_title
from apps.progress import days, formatting, forms, selectors, services, statistics, verdict_quotes
from apps.progress.models import Attempt, Card, Rating, ReviewSession
from apps.progress.views import question_page as page

LEARN = 5  # new questions that are offered where nothing is due
HARDEST = 3


@never_cache
@require_safe
@login_required
def review(request: HttpRequest) -> HttpResponse:
    user = _reader(request)
    session = selectors.open_session(user)
    if session is None:
        return _before(request, user)
    if "at" in request.GET:
        return card_page(request, session, selectors.own_attempt(user, _uuid(request.GET["at"])))
    return _next(request, user, session)


def _next(request: HttpRequest, user: User, session: ReviewSession) -> HttpResponse:
    without = _numbers(request.GET.get("without", ""))
    stands = selectors.standing(session, without=without)
    if stands.next is None:
        return _after(request, user, stands)
    unsent = len({pk for pk in without if pk in session.cards} - stands.ratings.keys())
    return card_page(request, session, None, stands=stands, unsent=unsent)


def card_page(
    request: HttpRequest,
    session: ReviewSession,
    attempt: Attempt | None,
    *,
    stands: selectors.Standing | None = None,
    unsent: int = 0,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Show a card of the session: the one whose turn it is, or that of an attempt."""
    user = _reader(request)
    stands = stands or selectors.standing(session)
    card = stands.next if attempt is None else None
    if attempt is None:
        assert card is not None
        attempt = selectors.attempt_of(user, card.question)
    context = page.context(request, attempt.question, attempt, in_review=True, card=card, **more)
    left = statistics.pace(user) * max(0, stands.of - stands.done - unsent)
    place = min(stands.done + unsent + 1, stands.of)
    context |= {
        "stands": stands,
        "session": session,
        "place": place,
        "left": formatting.minutes(left),
    }
    return render(request, "progress/review.html", context, status=status)


def _before(request: HttpRequest, user: User) -> HttpResponse:
    cards = list(selectors.due(user)[: ReviewSession.MAX_CARDS])
    count = selectors.count_due(user)
    topics = [topic_title(slug) for slug in dict.fromkeys(card.question.topic for card in cards)]
    weakest = None if cards else next(iter(statistics.mastery(user)), None)
    context = {
        "count": count,
        "many": count >= selectors.COUNTED,
        "first": len(cards),
        "minutes": formatting.minutes(statistics.pace(user) * len(cards)),
        "topics": listed(topics),
        "new": len(selectors.new_questions(user, LEARN)) if not cards else 0,
        "weakest": weakest,
        "tomorrow": statistics.due_tomorrow(user) if not cards else 0,
    }
    return render(request, "progress/review_before.html", context)


def _after(request: HttpRequest, user: User, stands: selectors.Standing) -> HttpResponse:
    hardest = sorted(stands.ratings.items(), key=lambda graded: graded[1])[:HARDEST]
    cards = {
        card.pk: card
        for card in Card.objects.filter(pk__in=dict(hardest)).select_related("question__current")
    }
    following, still_due = statistics.next_due(user), selectors.count_due(user)
    suggestion = next(iter(selectors.new_questions(user, 1)), None)
    context = {
        "stands": stands,
        "minutes": formatting.minutes(stands.seconds),
        "hardest": [
            (cards[pk].question, Rating(grade).label)
            for pk, grade in hardest
            if pk in cards and grade < Rating.GOOD
        ],
        "next_due": following,
        "still_due": still_due,
        "suggestion": suggestion,
        "labs": []
        if still_due or suggestion
        else verdict_quotes.lab_to_run(user, days.start(selectors.today(user), user.time_zone)),
    }
    return render(request, "progress/review_after.html", context)


@require_POST
@login_required
def start(request: HttpRequest) -> HttpResponse:
    topic = request.POST.get("topic", "")
    new = min(forms.whole(request, "new"), LEARN)
    services.start_session(
        user=_reader(request),
        new=new,
        topic=topic if topic in TOPICS else "",
        mix=request.POST.get("order") != "due",
    )
    return redirect("progress:review")


@require_POST
@login_required
def end(request: HttpRequest) -> HttpResponse:
    user = _reader(request)
    session = selectors.open_session(user)
    services.end_session(user=user)
    if session is None:
        return redirect("progress:today")
    stands = selectors.standing(session)
    if stands.done:
        n = stands.done
        messages.success(
            request, ngettext("%(n)s card graded.", "%(n)s cards graded.", n) % {"n": n}
        )
    return redirect("progress:today")


@require_POST
@login_required
def skip(request: HttpRequest) -> HttpResponse:
    services.put_off(user=_reader(request), card=forms.whole(request, "card"))
    return redirect("progress:review")


@require_POST
@login_required
def undo(request: HttpRequest) -> HttpResponse:
    """Take back the newest grade, and show its card again."""
    user = _reader(request)
    try:
        taken = services.undo(user=user)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(_onward(request))
    messages.success(request, _("Undone: %(grade)s.") % {"grade": taken.get_rating_display()})
    session = selectors.open_session(user)
    attempt = selectors.latest_attempt(user, taken.card.question)
    if (
        session is not None
        and taken.session_id == session.pk
        and attempt is not None
        and not attempt.over
    ):
        return redirect(f"{reverse('progress:review')}?at={attempt.pk}")
    return redirect(_onward(request))


def _onward(request: HttpRequest) -> str:
    return way_back(request, reverse("progress:review"))


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("No such attempt.") from None


def _numbers(text: str) -> list[int]:
    return [
        int(each)
        for each in text.split(",")[: ReviewSession.MAX_CARDS]
        if each.isascii() and each.isdigit() and len(each) < 18
    ]
