"""Who reads a page, for `selectors.access`: a member, or a visitor with what they have opened."""

from __future__ import annotations

from django.http import HttpRequest

from apps.experiments.opened_verdicts import opened_in
from apps.experiments.selectors import Reader


def reader_of(request: HttpRequest) -> Reader:
    if request.user.is_authenticated:
        return Reader(request.user)
    return Reader(request.user, opened_in(request.session))
