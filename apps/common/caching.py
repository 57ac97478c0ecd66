"""Answers that a browser may keep, in spite of `accounts.middleware.PrivateMiddleware`."""

from __future__ import annotations

from django.http.response import HttpResponseBase

YEAR_SECONDS = 365 * 24 * 3600
PUBLIC = "is_public"  # attribute of a response that shows nothing of its reader


def keep_for_ever(response: HttpResponseBase) -> None:
    """Let the browser keep an answer that shows nothing of its reader, and never changes. What is
    withdrawn later must not be sent on by others: so no proxy keeps it.
    """
    response["Cache-Control"] = f"private, max-age={YEAR_SECONDS}, immutable"
    setattr(response, PUBLIC, True)
