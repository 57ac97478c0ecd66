"""The sign with the number of unread notices, on every page of a member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest

from apps.accounts.models import User
from apps.notices import presenters, selectors

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_notices(context: dict[str, Any]) -> int:
    """Return how many notices of the reader are unread: one query for a whole page, of an index
    alone, which counts no further than pages show.
    """
    request: HttpRequest | None = context.get("request")
    reader = getattr(request, "user", None)
    if request is None or not isinstance(reader, User):
        return 0
    if not hasattr(request, "unread_notices"):
        request.unread_notices = selectors.unread_count(reader)  # type: ignore[attr-defined]
    return int(request.unread_notices)  # type: ignore[attr-defined]


@register.simple_tag(takes_context=True)
def newest_unread(context: dict[str, Any], about: str, key: object) -> datetime | None:
    """Return when the newest unread notice about something came, or last counted up; None: there
    is none, which costs no query where nothing is unread.
    """
    if not unread_notices(context):
        return None
    return selectors.newest_unread(context["request"].user, f"{about}:{key}")


register.filter("shown_count", presenters.shown_count)
register.filter("count_in_words", presenters.count_in_words)
