"""Who reads a page, for `selectors.access`: a member, or a visitor with what they have opened."""

from __future__ import annotations

from functools import partial

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject

from apps.common.clock import now
from apps.experiments import selectors
from apps.experiments.opened_verdicts import Subject, opened_in, shows_all
from apps.experiments.selectors import Reader


def reader_of(request: HttpRequest) -> Reader:
    csrf_token = SimpleLazyObject(partial(get_token, request))
    if request.user.is_authenticated:
        return Reader(request.user, csrf_token=csrf_token)
    return Reader(request.user, opened_by(request.session), csrf_token)


def opened_by(session: SessionBase) -> dict[Subject, str]:
    """Return what a visitor has opened, with when (ISO 8601): each verdict that is recorded, while
    their ledger shows all (two queries).
    """
    opened = opened_in(session)
    if not shows_all(session):
        return opened
    recorded = map(selectors.subject_of, selectors.standard_runs().values())
    return dict.fromkeys(recorded, now().isoformat()) | opened
