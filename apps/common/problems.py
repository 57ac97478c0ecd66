"""Errors as problem documents (RFC 9457), and who gets one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest, JsonResponse
from django.http.request import MediaType

from apps.common.errors import Refused

CONTENT_TYPE = "application/problem+json"
HTML, JSON_TYPES = "text/html", (CONTENT_TYPE, "application/json")
MAX_RANGES = 100  # of an Accept header; more are not read

View = TypeVar("View", bound=Callable[..., Any])


def document(error: Refused) -> JsonResponse:
    """Return the problem document of an error."""
    body = {
        "type": f"urn:gradus:{error.code}",
        "title": error.code,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        **error.extra,
    }
    return JsonResponse(body, status=error.status, content_type=CONTENT_TYPE)


def answers_json(view: View) -> View:
    """Mark a view whose address is for programs: who accepts anything gets JSON of it."""
    view.answers_json = True  # type: ignore[attr-defined]
    return view


def prefers_json(request: HttpRequest) -> bool:
    """Return whether whoever sent `request` would rather have JSON than a page.

    Who has no preference (curl sends `*/*`), or accepts neither, gets what the address answers with
    otherwise.
    """
    match = request.resolver_match
    # where no address fits there is no view that says it
    is_for_programs = getattr(match.func, "answers_json", False) if match else is_api(request.path)
    offers = (*JSON_TYPES, HTML) if is_for_programs else (HTML, *JSON_TYPES)
    return preferred_type(request.headers.get("Accept", "*/*"), offers) != HTML


def is_api(path: str) -> bool:
    # not that of workers, to whom an unknown address must say nothing of a run
    return path.startswith("/api/v1/")


def preferred_type(accept: str, offers: Sequence[str]) -> str:
    """Return which of `offers` an Accept header prefers (RFC 9110, 12.5.1).

    Of two with the same quality, the one that it names more exactly; then the first. Unlike
    `HttpRequest.get_preferred_type`, `q=0` excludes what a wildcard would accept, and parameters
    such as `charset` are ignored: none of what is offered here comes in two forms.
    """
    ranges = [MediaType(token) for token in accept.split(",")[:MAX_RANGES] if token.strip()]
    qualities = {(media.main_type, media.sub_type): media.quality for media in ranges}

    def preference(offer: str) -> tuple[float, int]:
        main, _slash, sub = offer.partition("/")
        for specificity, key in ((2, (main, sub)), (1, (main, "*")), (0, ("*", "*"))):
            if key in qualities:
                return qualities[key], specificity
        return 0.0, 0

    best = max(offers, key=preference)
    return best if preference(best)[0] > 0 else offers[0]
