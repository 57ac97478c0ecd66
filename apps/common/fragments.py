"""Whether a request is for a page or for a part of one."""

from __future__ import annotations

from django.http import HttpRequest


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx sent the request and will put the response into the page."""
    return bool(getattr(request, "htmx", False))
