"""Who reads a page, for `selectors.access`: a member, or a visitor with what they have opened."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject

from apps.experiments.opened_verdicts import opened_in
from apps.experiments.selectors import Reader


def reader_of(request: HttpRequest) -> Reader:
    csrf_token = SimpleLazyObject(partial(get_token, request))
    if request.user.is_authenticated:
        return Reader(request.user, csrf_token=csrf_token)
    return Reader(request.user, opened_in(request.session), csrf_token)
