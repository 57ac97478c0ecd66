"""A question: read it, answer it, reveal the reference answer, grade it. Plain forms; a visitor's
answers are checked and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.error_views import respond
from apps.common.problems import prefers_json
from apps.common.redirects import next_path
from apps.progress import forms, parts, presenters, selectors, services
from apps.progress.models import Attempt, Card, Review, ReviewSession
from apps.progress.presenters.questions import UnstoredAnswer
from apps.progress.services.answers import AlreadyRevealed, CheckedAnswer, Given
from apps.progress.services.attempts import OutOfDate
from apps.progress.views.question_page import question_context, visitors_attempt
from apps.progress.views.reader import attempt_url, session_of_form, signed_in
from apps.progress.views.review import card_page
from apps.questions import marking
from apps.questions.answers import read_answer
from apps.questions.marking import Mark
from apps.questions.models import Question
from apps.questions.selectors import question_variant
from apps.questions.variants import WRITTEN


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
        return visitors_attempt(question)
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
    if not isinstance(request.user, User):
        return _check_for_visitor(request, question)
    form = forms.AnswerForm.read(request.POST)
    part, session = form.cleaned_data["part"], session_of_form(request, form)
    try:
        checked = services.answers.check_answer(
            user=request.user,
            question=question,
            part=part,
            fields=form.answer,
            key=form.cleaned_data["key"],
            confidence=form.cleaned_data["confidence"],
            session=session,
            seen=form.seen,
        )
    except (AlreadyRevealed, OutOfDate) as refused:
        return _not_taken(request, session, question, part, form.answer, refused)
    if checked.row is None:
        unstored = UnstoredAnswer(part, checked.entered, checked.mark)
        return _page_of_attempt(request, session, question, checked.attempt, unstored, status=422)
    anchor = presenters.questions.anchor(part)
    return redirect(f"{attempt_url(session, question, checked.attempt)}#{anchor}")


def _page_of_attempt(
    request: HttpRequest,
    session: ReviewSession | None,
    question: Question,
    attempt: Attempt,
    unstored: UnstoredAnswer,
    *,
    status: int,
) -> HttpResponse:
    """Show the page of a form again, with what was entered and why it was not taken."""
    if session is not None:
        return card_page(request, session, attempt, unstored=unstored, status=status)
    return _page(request, question, attempt, unstored=unstored, status=status)


def _not_taken(
    request: HttpRequest,
    session: ReviewSession | None,
    question: Question,
    part: str,
    fields: Mapping[str, Any],
    refused: AlreadyRevealed | OutOfDate,
) -> HttpResponse:
    """Show the question as it stands now, with what was entered on a page that is out of date."""
    user = signed_in(request)
    attempt, message = None, refused.message
    if isinstance(refused, AlreadyRevealed):
        attempt = selectors.attempts.revealed_attempt(user, question)
    else:
        message, fields = _was_out_of_date(), _without_options(fields)
    attempt = attempt or selectors.attempts.current_attempt(user, question)
    answer = read_answer(question_variant(attempt.revision, attempt.seed), part, fields)
    unstored = UnstoredAnswer(part, answer, Mark(marking.UNREAD, message=message))

    def page() -> HttpResponse:
        return _page_of_attempt(
            request, session, question, attempt, unstored, status=refused.status
        )

    return respond(request, refused, page)


def _was_out_of_date() -> str:
    return _(
        "Your page was out of date: the question has been reopened or revised since. This is the "
        "question as it is now."
    )


def _without_options(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an answer without options, which may be others by now."""
    return fields if "text" in fields else {}


def _check_for_visitor(request: HttpRequest, question: Question) -> HttpResponse:
    form = forms.VisitorsAnswerForm.read(request.POST)
    part, fields = form.cleaned_data["part"], form.answer
    attempt = _attempt(request, question)
    variant = question_variant(attempt.revision, attempt.seed)
    if form.seen.revision not in (None, attempt.revision.pk):
        answer = read_answer(variant, part, _without_options(fields))
        unstored = UnstoredAnswer(part, answer, Mark(marking.UNREAD, message=_was_out_of_date()))
        return _page(request, question, attempt, unstored=unstored, status=OutOfDate.status)
    answer = read_answer(variant, part, fields)
    mark = marking.mark(variant, part, answer)
    return _page(
        request,
        question,
        attempt,
        unstored=UnstoredAnswer(part, answer, mark),
        visitor_answers=parts.unstored_answers(
            variant, form.cleaned_data["earlier"] | {part: fields}
        ),
        status=200 if mark.was_read else 422,
    )


@require_POST
@login_required
def hint(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    form = forms.HintForm.read(request.POST)
    part, session = form.cleaned_data["part"], session_of_form(request, form)
    attempt = services.attempts.open_hint(
        user=signed_in(request),
        question=question,
        number=form.cleaned_data["number"],
        part=part,
        session=session,
        seen=form.seen,
    )
    anchor = presenters.questions.hints_anchor(part)
    return redirect(f"{attempt_url(session, question, attempt)}#{anchor}")


@require_POST
def reveal(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    if not isinstance(request.user, User):
        return _reveal_to_visitor(request, question)
    form = forms.RevealForm.read(request.POST)
    session = session_of_form(request, form)
    try:
        revealed = services.answers.reveal(
            user=request.user,
            question=question,
            written=form.written,
            session=session,
            given=form.given,
            seen=form.seen,
        )
    except (AlreadyRevealed, OutOfDate) as refused:
        if form.written is None:
            raise
        fields = {"text": form.written.text}
        return _not_taken(request, session, question, WRITTEN, fields, refused)
    if isinstance(revealed, CheckedAnswer):
        unstored = UnstoredAnswer(WRITTEN, revealed.entered, revealed.mark)
        return _page_of_attempt(request, session, question, revealed.attempt, unstored, status=422)
    return redirect(attempt_url(session, question, revealed, revealed=True) + "#ref")


def _reveal_to_visitor(request: HttpRequest, question: Question) -> HttpResponse:
    """Show the reference answer beside what was answered, which is not stored."""
    form = forms.VisitorsRevealForm.read(request.POST)
    attempt = visitors_attempt(question)
    variant = question_variant(attempt.revision, attempt.seed)
    answers = parts.unstored_answers(variant, form.cleaned_data["earlier"])
    answer = read_answer(variant, WRITTEN, {"text": form.cleaned_data["text"]})
    mark = marking.mark(variant, WRITTEN, answer)
    written = UnstoredAnswer(WRITTEN, answer, mark) if mark.was_read else None
    if written is None and not answers:
        return redirect(f"{question.get_absolute_url()}?reveal=1#ref")
    return _page(
        request, question, attempt, revealed=True, unstored=written, visitor_answers=answers
    )


@require_POST
@login_required
def grade(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    form = forms.GradeForm.read(request.POST)
    session = session_of_form(request, form)
    review = services.answers.rate(
        user=signed_in(request),
        question=question,
        seen=form.seen,
        review_id=form.cleaned_data["review_id"],
        rating=form.cleaned_data["rating"],
        given=form.given,
        session=session,
    )
    card = selectors.cards.card_of(signed_in(request), question)
    if prefers_json(request):  # a script, which shows the next card itself
        due = card.due.isoformat() if card else None
        return JsonResponse({"rating": review.rating, "due": due})
    if session is not None:
        return redirect("progress:review")
    _say_graded(request, review, card, wanted=form.cleaned_data["rating"])
    return redirect(f"{question.get_absolute_url()}?reveal=1")


def _say_graded(request: HttpRequest, review: Review, card: Card | None, *, wanted: int) -> None:
    label = review.get_rating_display()
    if wanted != review.rating:  # the form was sent before: from another tab, say
        message = _("You already graded from that page: %(grade)s. You can change it below.")
        messages.error(request, message % {"grade": label})
        return
    gap = presenters.amounts.interval((card.due - review.at).total_seconds()) if card else ""
    message = _("%(grade)s. Next review in %(gap)s.")
    messages.success(request, message % {"grade": label, "gap": gap})


@require_POST
@login_required
def points(request: HttpRequest, slug: str) -> HttpResponse:
    """Grade a written answer by the key points that it covered."""
    user, question = signed_in(request), selectors.questions.question_for(request.user, slug)
    form = forms.PointsForm.read(request.POST)
    pk = form.cleaned_data["attempt"]
    services.answers.tick_points(
        user=user,
        question=question,
        attempt=pk,
        fields=form.answer,
        review_id=form.cleaned_data["review_id"],
        given=Given(seconds=form.seconds),
    )
    attempt, session = selectors.attempts.own_attempt(user, pk), session_of_form(request, form)
    return redirect(attempt_url(session, question, attempt, revealed=True) + "#grade")


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
    is_set = forms.BookmarkForm.read(request.POST).cleaned_data["kept"]
    services.plans.set_bookmark(user=signed_in(request), question=question, is_set=is_set)
    messages.success(request, _("Bookmarked.") if is_set else _("Bookmark removed."))
    return redirect(next_path(request, question.get_absolute_url()))


@require_POST
@login_required
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    question = selectors.questions.question_for(request.user, slug)
    form = forms.SuspendForm.read(request.POST)
    suspended = form.cleaned_data["suspended"]
    services.reviews.suspend(user=signed_in(request), question=question, suspended=suspended)
    if suspended:
        messages.success(request, _("It no longer comes up in reviews."))
    else:
        messages.success(request, _("It comes up in reviews again."))
    if session_of_form(request, form) is not None:
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
