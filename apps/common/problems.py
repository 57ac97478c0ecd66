"""Errors of the API as problem documents (RFC 9457), with a code for each rule."""

from __future__ import annotations

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from apps.common.error_views import RETRY_SECONDS
from apps.common.errors import Refused

log = logging.getLogger(__name__)


CONTENT_TYPE = "application/problem+json"


def problem_body(status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": f"urn:gradus:{code}",
        "title": code,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }


def problem(status: int, code: str, detail: str, **extra: Any) -> Response:
    body = problem_body(status, code, detail, **extra)
    return Response(body, status=status, content_type=CONTENT_TYPE)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document of `error`; None for a bug (500, and a traceback in the log)."""
    if isinstance(error, Refused):
        return problem(error.status, error.code, error.message, **error.extra)
    if isinstance(error, Http404):
        return problem(404, "not-found", "Not found, or not shared with you.")
    if isinstance(error, (OperationalError, InterfaceError)):
        log.warning("the database does not answer: %s", error)
        answer = problem(
            503, "away", "The database is not responding, or is busy. Try again later."
        )
        answer["Retry-After"] = str(RETRY_SECONDS)
        return answer
    if isinstance(error, APIException):
        answer = problem(
            error.status_code, str(error.default_code).replace("_", "-"), str(error.detail)
        )
        if wait := getattr(error, "wait", None):
            answer["Retry-After"] = str(int(wait) + 1)
        return answer
    return None
