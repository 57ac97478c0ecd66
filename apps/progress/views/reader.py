"""Who reads a page, and where they go on. Shared by the views of this app."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User
from apps.progress import selectors
from apps.progress.forms import ReviewedForm
from apps.progress.models import Attempt, ReviewSession
from apps.questions.models import Question


def signed_in(request: HttpRequest) -> User:
    """Return the user of a view that requires one (`login_required`)."""
    assert isinstance(request.user, User)
    return request.user


def session_of_form(request: HttpRequest, form: ReviewedForm) -> ReviewSession | None:
    """Return the open review session, where the form was on one of its pages."""
    return selectors.sessions.open_session(signed_in(request)) if form.is_in_review else None


def review_url(attempt: Attempt) -> str:
    """Return the page of the review that shows an attempt."""
    return f"{reverse('progress:review')}?{urlencode({'at': attempt.pk})}"


def attempt_url(
    session: ReviewSession | None, question: Question, attempt: Attempt, *, revealed: bool = False
) -> str:
    """Return where a form on an attempt leads: back to the review, or to the question's page."""
    if session is not None:
        return review_url(attempt)
    return question.get_absolute_url() + ("?reveal=1" if revealed else "")
