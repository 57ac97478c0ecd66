"""Whole-page errors: the sheet with the title block "Sheet: 404"."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from apps.common.access import came_from
from apps.common.errors import TooManyTries

RETRY_SECONDS = 10  # a database that was restarted answers by then
# status: (headline, what to do)
WORDS = {
    400: (
        _("This request could not be processed"),
        _("Something in the address or in the form is not valid. Go back and try again."),
    ),
    403: (
        _("You don't have access to this page"),
        _(
            "It requires a permission that your account does not have. An administrator of "
            "this site can grant it."
        ),
    ),
    404: (
        _("Page not found"),
        _(
            "It may have moved, or it may not be shared with you. You could start again "
            "from the labs."
        ),
    ),
}
CSRF = (
    _("The form was not submitted"),
    _(
        "The page had expired, or your browser is blocking cookies for this site. "
        "Reload the page and submit the form again."
    ),
)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _sheet(request, 400, *WORDS[400])


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _sheet(request, 403, *WORDS[403])


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _sheet(request, 404, *WORDS[404])


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _sheet(request, 403, *CSRF)


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer allauth's limits, whose windows are minutes."""
    return refused(request, TooManyTries(seconds=60))


def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the page, or for htmx the line, that says why a rule said no."""
    fragment = bool(getattr(request, "htmx", False))
    status = getattr(error, "status", 409)
    context = {"refused": error, "status": status, "came_from": came_from(request)}
    response = render(
        request, "_refused.html" if fragment else "refused.html", context, status=status
    )
    if fragment:
        response["X-Fragment"] = "1"
    if seconds := getattr(error, "seconds", None):
        response["Retry-After"] = str(seconds)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a bug, or for a database that does not answer. Asks neither it nor the session:
    they may be what failed.
    """
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    status = 503 if away else 500
    response = HttpResponse(
        render_to_string("500.html", {"status": status, "away": away}), status=status
    )
    if away:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _sheet(request: HttpRequest, status: int, title: object, text: object) -> HttpResponse:
    context = {"status": status, "title": title, "text": text, "came_from": came_from(request)}
    return render(request, "error.html", context, status=status)
