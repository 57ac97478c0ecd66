"""What the frame of every page shows: where one is, in which language and theme."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext_lazy as _

from apps.common.redirects import is_local
from apps.common.text import is_chinese

register = template.Library()

# name of the page, its key after `g`, its drawing, its word, for members only. Five at most: a
# phone has room for no more
ITEMS: list[tuple[str, str, str, Promise | str, bool]] = [
    ("progress:today", "t", "today", _("Today"), True),
    ("questions:questions", "q", "question", _("Questions"), False),
    ("experiments:catalogue", "l", "lab", _("Labs"), False),
    ("experiments:claims", "c", "claims", _("Claims"), False),
    ("progress:progress", "p", "progress", _("Progress"), True),
]
# pages that belong to a place without lying below it
WITHIN = {"experiments:catalogue": ("experiments:runs",)}


@register.inclusion_tag("_nav.html", takes_context=True)
def nav(context: dict[str, Any]) -> dict[str, Any]:
    """Show the places of the site, the present one marked."""
    request: HttpRequest | None = context.get("request")
    member = request is not None and hasattr(request, "user") and request.user.is_authenticated
    path = request.path if request else ""
    items = [
        {
            "url": url,
            "key": f"g {key}",
            "icon": drawing,
            "word": word,
            "current": _current(path, url, *map(_url, WITHIN.get(name, ()))),
        }
        for name, key, drawing, word, members_only in ITEMS
        if (member or not members_only) and (url := _url(name))
    ]
    return {"items": items}


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _current(path: str, url: str, *more: str) -> str:
    """Return the value of `aria-current`: the page itself, something below it or that belongs to
    it, or neither.
    """
    if path == url:
        return "page"
    return (
        "true"
        if path in more or path.startswith(tuple(f"{one}/" for one in (url, *more) if one))
        else ""
    )


@register.simple_tag
def language_tag() -> str:
    """Return the page's language as HTML writes it: `en`, `zh-Hans`."""
    return to_locale(get_language() or "en").replace("_", "-")


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Return the reader's theme: `light`, `dark`, or nothing, when the system decides."""
    return getattr(context.get("request"), "theme", "")


@register.simple_tag(takes_context=True)
def way_in(context: dict[str, Any]) -> str:
    """Return the query of a link to sign in: it leads back to this page, or where this page was to
    lead.
    """
    request: HttpRequest | None = context.get("request")
    if request is None:
        return ""
    onward = (
        request.GET.get("next", "")
        if request.path.startswith("/accounts/")
        else request.get_full_path()
    )
    return "?" + urlencode({"next": onward}) if onward not in ("", "/") and is_local(onward) else ""


@register.simple_tag
def gap() -> str:
    """Return what stands between two sentences: Chinese full stops are as wide as a letter and need
    nothing.
    """
    return "" if is_chinese() else " "
