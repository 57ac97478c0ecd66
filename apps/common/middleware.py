"""What a rule refused becomes a page that says so (endpoints answer with problem documents, see
`problems`).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.common.access import page_above
from apps.common.errors import BadRequest, Refused
from apps.common.pages import refused


class RefusedMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # UTF-7 would smuggle in lone surrogates
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            return refused(request, BadRequest(_("Forms must be sent as UTF-8.")))
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and _is_led_here(request):
            return redirect(page_above(request.path))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        return refused(request, exception)


def _is_led_here(request: HttpRequest) -> bool:
    """Return whether a person was led to the address of a form, by signing in or the switch of
    language: they would see nothing.
    """
    return (
        request.method == "GET"
        and "text/html" in request.headers.get("Accept", "")
        and not getattr(request, "htmx", False)
    )
