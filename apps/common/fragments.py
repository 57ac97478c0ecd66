"""Whether a request is for a page or for a part of one."""

from __future__ import annotations

from django.http import HttpRequest


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx asked, which puts the answer in the place of a part of the page."""
    return bool(getattr(request, "htmx", False))
