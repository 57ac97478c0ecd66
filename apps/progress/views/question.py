"""A question: read it, answer it, open it, grade it. All of it plain forms; a visitor's answers are
checked, not kept.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.errors import BadRequest
from apps.common.redirects import way_back
from apps.progress import attempts, formatting, forms, parts, selectors, services, studying
from apps.progress.models import Attempt, Review, ReviewSession
from apps.progress.views import question_page as page
from apps.progress.views.review import card_page
from apps.questions.models import Question
from apps.questions.selectors import question_page

VISITORS_SEED = 0


@require_safe
def question(request: HttpRequest, slug: str) -> HttpResponse:
    found = selectors.question_for(request.user, slug)
    wants_answer = request.GET.get("reveal") == "1"
    attempt = _attempt(request, found, revealed=wants_answer)
    # a learner opens it by a form, and what was checked is graded
    is_visitor = not isinstance(request.user, User)
    return _page(request, found, attempt, revealed=wants_answer and is_visitor)


def _attempt(request: HttpRequest, found: Question, *, revealed: bool = False) -> Attempt:
    """Return the reader's attempt; for a visitor one that is never stored."""
    if not isinstance(request.user, User):
        return Attempt(question=found, revision=found.current, number=0, seed=VISITORS_SEED)
    over = selectors.revealed_attempt(request.user, found) if revealed else None
    return over or selectors.attempt_of(request.user, found)


def _page(
    request: HttpRequest, found: Question, attempt: Attempt, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = page.context(request, found, attempt, **more)
    return render(request, "progress/question.html", context, status=status)


# ---------------------------------------------------------------- answers


@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    found = selectors.question_for(request.user, slug)
    part, given = request.POST.get("part", ""), forms.said(request)
    if not isinstance(request.user, User):
        return _check_for_visitor(request, found, part, given)
    session = _session(request)
    checked = studying.check_answer(
        user=request.user,
        question=found,
        part=part,
        said=given,
        key=forms.name_of(request, "key"),
        confidence=forms.confidence(request),
        session=session,
        seen=forms.seen(request),
    )
    if checked.answer is None:
        return _unread(request, found, part, given, checked)
    return redirect(_address(request, found, checked.attempt) + f"#{part}")


def _unread(
    request: HttpRequest,
    found: Question,
    part: str,
    given: dict[str, Any],
    checked: studying.Checked,
) -> HttpResponse:
    """Show what was typed again, and why it could not be read."""
    fresh, session = page.Fresh(part, given, checked.mark), _session(request)
    if session is not None:
        return card_page(request, session, checked.attempt, fresh=fresh, status=422)
    return _page(request, found, checked.attempt, fresh=fresh, status=422)


def _check_for_visitor(
    request: HttpRequest, found: Question, part: str, given: dict[str, Any]
) -> HttpResponse:
    attempt = _attempt(request, found)
    shown = question_page(attempt.revision, attempt.seed)
    if not parts.exists(shown, part):
        raise BadRequest(_("This question has no such part. Reload the page."))
    mark = studying.mark_of(shown, part, given)
    answers = studying.unstored_answers(shown, forms.earlier(request) | {part: given})
    return _page(
        request,
        found,
        attempt,
        fresh=page.Fresh(part, given, mark),
        unstored=answers,
        status=200 if mark.was_read else 422,
    )


@require_POST
@login_required
def hint(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _reader(request), selectors.question_for(request.user, slug)
    number, session, seen = (
        forms.whole(request, "number", 1),
        _session(request),
        forms.seen(request),
    )
    attempt = studying.open_hint(
        user=user, question=found, number=number, session=session, seen=seen
    )
    return redirect(_address(request, found, attempt) + "#hints")


@require_POST
def reveal(request: HttpRequest, slug: str) -> HttpResponse:
    found = selectors.question_for(request.user, slug)
    if not isinstance(request.user, User):
        return redirect(f"{found.get_absolute_url()}?reveal=1#ref")
    said_ = {"text": forms.text(request, "text")}
    with transaction.atomic():  # what stands in the field goes with the reveal, or neither does
        kept = _keep_written(request, found, said_) if said_["text"].strip() else None
        if kept is not None and kept.answer is None:
            return _unread(request, found, parts.WRITTEN, said_, kept)
        attempt = studying.reveal(
            user=request.user,
            question=found,
            session=_session(request),
            seconds=forms.spent(request),
            at=forms.moment(request),
            seen=forms.seen(request),
        )
    return redirect(_address(request, found, attempt, revealed=True) + "#ref")


def _keep_written(
    request: HttpRequest, found: Question, said_: dict[str, Any]
) -> studying.Checked | None:
    """Keep what was written; nothing where the answer is open already, or only the starter stands
    there.
    """
    user, key, session, seen = (
        _reader(request),
        forms.name_of(request, "key"),
        _session(request),
        forms.seen(request),
    )
    attempt = attempts.open_attempt(user=user, question=found, session=session, seen=seen)
    if (
        attempt.is_revealed
        or attempt.over
        or not studying.is_written(attempt.revision, said_["text"])
    ):
        return None
    return studying.check_answer(
        user=user,
        question=found,
        part=parts.WRITTEN,
        said=said_,
        key=key,
        session=session,
        seen=seen,
    )


@require_POST
@login_required
def grade(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _reader(request), selectors.question_for(request.user, slug)
    review = studying.rate(
        user=user,
        question=found,
        seen=forms.seen(request),
        review_id=forms.name_of(request, "review_id"),
        rating=forms.rating(request),
        at=forms.moment(request),
        seconds=forms.spent(request),
        session=_session(request),
    )
    return _graded(request, found, review)


@require_POST
@login_required
def points(request: HttpRequest, slug: str) -> HttpResponse:
    """Grade what was written by the key points that were in it."""
    user, found = _reader(request), selectors.question_for(request.user, slug)
    attempt = forms.name_of(request, "attempt")
    studying.tick_points(
        user=user,
        question=found,
        attempt=attempt,
        ticked=forms.wholes(request, "point"),
        review_id=forms.name_or_none(request, "review_id"),
        seconds=forms.spent(request),
    )
    return redirect(
        _address(request, found, selectors.own_attempt(user, attempt), revealed=True) + "#grade"
    )


def _graded(request: HttpRequest, found: Question, review: Review) -> HttpResponse:
    """Answer a script with what was stored, a person with the next page."""
    card = selectors.card_of(_reader(request), found)
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse(
            {"rating": review.rating, "due": card.due.isoformat() if card else None}
        )
    if _session(request) is not None:
        return redirect("progress:review")
    grade_ = review.get_rating_display()
    # sent before from another tab, or from the page that one went back to
    if forms.rating(request) != review.rating:
        messages.error(
            request,
            _("You already graded from that page: %(grade)s. You can change it below.")
            % {"grade": grade_},
        )
    else:
        gap = formatting.gap((card.due - review.at).total_seconds()) if card else ""
        messages.success(
            request, _("%(grade)s. Next review in %(gap)s.") % {"grade": grade_, "gap": gap}
        )
    return redirect(f"{found.get_absolute_url()}?reveal=1")


# ---------------------------------------------------------------- beside the answer


@require_POST
@login_required
def note(request: HttpRequest, slug: str) -> HttpResponse:
    found, form = selectors.question_for(request.user, slug), forms.NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, found, _attempt(request, found), note=form, status=422)
    services.write_note(user=_reader(request), question=found, text=form.cleaned_data["note"])
    messages.success(request, _("Note saved."))
    return redirect(_onward(request, found) + "#note")


@require_POST
@login_required
def bookmark(request: HttpRequest, slug: str) -> HttpResponse:
    found = selectors.question_for(request.user, slug)
    services.bookmark(user=_reader(request), question=found, kept=request.POST.get("kept") == "1")
    return redirect(_onward(request, found))


@require_POST
@login_required
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    found, suspended = (
        selectors.question_for(request.user, slug),
        request.POST.get("suspended") == "1",
    )
    services.suspend(user=_reader(request), question=found, suspended=suspended)
    said_ = (
        _("It no longer comes up in reviews.") if suspended else _("It comes up in reviews again.")
    )
    messages.success(request, said_)
    return (
        redirect("progress:review")
        if _session(request) is not None
        else redirect(_onward(request, found))
    )


@require_POST
@login_required
def card(request: HttpRequest, slug: str) -> HttpResponse:
    """Let a question come up in reviews."""
    found = selectors.question_for(request.user, slug)
    services.add_card(user=_reader(request), question=found)
    messages.success(request, _("Added to your cards, due today."))
    return redirect(_onward(request, found))


def _onward(request: HttpRequest, found: Question) -> str:
    return way_back(request, found.get_absolute_url())


# ---------------------------------------------------------------- small words


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _session(request: HttpRequest) -> ReviewSession | None:
    """Return the open session, when the form was one of its pages."""
    return selectors.open_session(_reader(request)) if request.POST.get("in") == "review" else None


def _address(
    request: HttpRequest, found: Question, attempt: Attempt, *, revealed: bool = False
) -> str:
    """Return where the reader goes on: in the review that they came from, or at the question."""
    if _session(request) is not None:
        return f"{reverse('progress:review')}?{urlencode({'at': _name(attempt)})}"
    return found.get_absolute_url() + ("?reveal=1" if revealed else "")


def _name(attempt: Attempt) -> UUID:
    return attempt.pk
