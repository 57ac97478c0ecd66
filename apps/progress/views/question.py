"""A question: read it, answer it, reveal the reference answer, grade it. Plain forms; a visitor's
answers are checked and not stored.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.redirects import next_path
from apps.progress import forms, parts, presenters, selectors, services
from apps.progress.models import Attempt, Review
from apps.progress.presenters.questions import UnstoredAnswer
from apps.progress.services.answers import CheckedAnswer, Given
from apps.progress.views.question_page import question_context
from apps.progress.views.reader import attempt_url, session_of_form, signed_in
from apps.progress.views.review import card_page
from apps.questions import marking
from apps.questions.answers import read_answer
from apps.questions.models import Question
from apps.questions.selectors import question_variant
from apps.questions.variants import WRITTEN

VISITORS_SEED = 0


@require_safe
def question(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    wants_answer = request.GET.get("reveal") == "1"
    attempt = _attempt(request, question, revealed=wants_answer)
    # a member reveals by a form, because checked parts are rated then
    is_visitor = not isinstance(request.user, User)
    return _page(request, question, attempt, revealed=wants_answer and is_visitor)


def _attempt(request: HttpRequest, question: Question, *, revealed: bool = False) -> Attempt:
    """Return the reader's attempt; for a visitor one that is never stored."""
    if not isinstance(request.user, User):
        return Attempt(question=question, revision=question.current, number=0, seed=VISITORS_SEED)
    attempt = selectors.attempts.revealed_attempt(request.user, question) if revealed else None
    return attempt or selectors.attempts.current_attempt(request.user, question)


def _page(
    request: HttpRequest, question: Question, attempt: Attempt, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = question_context(request, question, attempt, **more)
    return render(request, "progress/question.html", context, status=status)


# ---------------------------------------------------------------- answers


@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    part, fields = request.POST.get("part", ""), forms.answer_fields(request)
    if not isinstance(request.user, User):
        return _check_for_visitor(request, question, part, fields)
    checked = services.answers.check_answer(
        user=request.user,
        question=question,
        part=part,
        fields=fields,
        key=forms.uuid_field(request, "key"),
        confidence=forms.confidence(request),
        session=session_of_form(request),
        seen=forms.form_state(request),
    )
    if checked.row is None:
        return _invalid_input(request, question, part, checked)
    anchor = presenters.questions.anchor(part)
    return redirect(f"{attempt_url(request, question, checked.attempt)}#{anchor}")


def _invalid_input(
    request: HttpRequest, question: Question, part: str, checked: CheckedAnswer
) -> HttpResponse:
    """Show the page again, with what was entered and why it is invalid."""
    unstored = UnstoredAnswer(part, checked.entered, checked.mark)
    session = session_of_form(request)
    if session is not None:
        return card_page(request, session, checked.attempt, unstored=unstored, status=422)
    return _page(request, question, checked.attempt, unstored=unstored, status=422)


def _check_for_visitor(
    request: HttpRequest, question: Question, part: str, fields: dict[str, Any]
) -> HttpResponse:
    attempt = _attempt(request, question)
    variant = question_variant(attempt.revision, attempt.seed)
    answer = read_answer(variant, part, fields)
    mark = marking.mark(variant, part, answer)
    return _page(
        request,
        question,
        attempt,
        unstored=UnstoredAnswer(part, answer, mark),
        visitor_answers=parts.unstored_answers(variant, forms.earlier(request) | {part: fields}),
        status=200 if mark.was_read else 422,
    )


@require_POST
@login_required
def hint(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    part = request.POST.get("part", "")
    attempt = services.attempts.open_hint(
        user=signed_in(request),
        question=question,
        number=forms.whole(request, "number", 1),
        part=part,
        session=session_of_form(request),
        seen=forms.form_state(request),
    )
    return redirect(
        f"{attempt_url(request, question, attempt)}#{presenters.questions.hints_anchor(part)}"
    )


@require_POST
def reveal(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    if not isinstance(request.user, User):
        return redirect(f"{question.get_absolute_url()}?reveal=1#ref")
    revealed = services.answers.reveal(
        user=request.user,
        question=question,
        written=forms.written(request),
        session=session_of_form(request),
        given=forms.given(request),
        seen=forms.form_state(request),
    )
    if isinstance(revealed, CheckedAnswer):
        return _invalid_input(request, question, WRITTEN, revealed)
    return redirect(attempt_url(request, question, revealed, revealed=True) + "#ref")


@require_POST
@login_required
def grade(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    review = services.answers.rate(
        user=signed_in(request),
        question=question,
        seen=forms.form_state(request),
        review_id=forms.uuid_field(request, "review_id"),
        rating=forms.rating(request),
        given=forms.given(request),
        session=session_of_form(request),
    )
    return _graded(request, question, review)


def _graded(request: HttpRequest, question: Question, review: Review) -> HttpResponse:
    """Answer a script with what was stored, a browser with the next page."""
    card = selectors.cards.card_of(signed_in(request), question)
    if request.headers.get("Accept", "").startswith("application/json"):
        due = card.due.isoformat() if card else None
        return JsonResponse({"rating": review.rating, "due": due})
    if session_of_form(request) is not None:
        return redirect("progress:review")
    label = review.get_rating_display()
    if forms.rating(request) != review.rating:  # the form was sent before: from another tab, say
        message = _("You already graded from that page: %(grade)s. You can change it below.")
        messages.error(request, message % {"grade": label})
    else:
        gap = presenters.amounts.interval((card.due - review.at).total_seconds()) if card else ""
        message = _("%(grade)s. Next review in %(gap)s.")
        messages.success(request, message % {"grade": label, "gap": gap})
    return redirect(f"{question.get_absolute_url()}?reveal=1")


@require_POST
@login_required
def points(request: HttpRequest, slug: str) -> HttpResponse:
    """Grade a written answer by the key points that it covered."""
    user, question = signed_in(request), selectors.questions.question_for(request.user, slug)
    pk = forms.uuid_field(request, "attempt")
    services.answers.tick_points(
        user=user,
        question=question,
        attempt=pk,
        fields=forms.point_fields(request),
        review_id=forms.uuid_or_none(request, "review_id"),
        given=Given(seconds=forms.seconds_spent(request)),
    )
    attempt = selectors.attempts.own_attempt(user, pk)
    return redirect(attempt_url(request, question, attempt, revealed=True) + "#grade")


# ---------------------------------------------------------------- beside the answer


@require_POST
@login_required
def note(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    form = forms.NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, question, _attempt(request, question), note=form, status=422)
    services.plans.write_note(
        user=signed_in(request), question=question, text=form.cleaned_data["note"]
    )
    messages.success(request, _("Note saved."))
    return redirect(next_path(request, question.get_absolute_url()) + "#note")


@require_POST
@login_required
def bookmark(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    is_set = request.POST.get("kept") == "1"
    services.plans.set_bookmark(user=signed_in(request), question=question, is_set=is_set)
    return redirect(next_path(request, question.get_absolute_url()))


@require_POST
@login_required
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    suspended = request.POST.get("suspended") == "1"
    services.reviews.suspend(user=signed_in(request), question=question, suspended=suspended)
    if suspended:
        messages.success(request, _("It no longer comes up in reviews."))
    else:
        messages.success(request, _("It comes up in reviews again."))
    if session_of_form(request) is not None:
        return redirect("progress:review")
    return redirect(next_path(request, question.get_absolute_url()))


@require_POST
@login_required
def card(request: HttpRequest, slug: str) -> HttpResponse:
    """Let a question come up in reviews."""
    question = selectors.questions.question_for(request.user, slug)
    services.reviews.add_card(user=signed_in(request), question=question)
    messages.success(request, _("Added to your cards, due today."))
    return redirect(next_path(request, question.get_absolute_url()))
