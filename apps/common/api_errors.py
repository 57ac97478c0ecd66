"""Errors of the API, in the words of `errors`."""

from __future__ import annotations

import logging
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError

from apps.common.error_views import is_away, refused
from apps.common.errors import Away, BadRequest, NotFound, Refused

log = logging.getLogger(__name__)


def handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Return the answer to `error`; None for a bug (500, and a traceback in the log)."""
    expected = _expected(error)
    return None if expected is None else refused(context["request"]._request, expected)


def _expected(error: Exception) -> Refused | None:
    if isinstance(error, Refused):
        return error
    if isinstance(error, Http404):
        return NotFound()
    if is_away(error):
        log.warning("the database does not answer: %s", error)
        return Away()
    if isinstance(error, ParseError):
        return BadRequest(_("The body is no JSON in UTF-8: %(fault)s") % {"fault": error.detail})
    if isinstance(error, APIException):
        refusal = Refused(str(error.detail))
        refusal.code = str(error.default_code).replace("_", "-")
        refusal.status = error.status_code
        wait = getattr(error, "wait", None)
        refusal.seconds = None if wait is None else int(wait) + 1
        return refusal
    return None
