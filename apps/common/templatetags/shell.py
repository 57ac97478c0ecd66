"""Tags for the frame of every page: navigation, language and theme."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext_lazy as _

from apps.common.redirects import is_local
from apps.common.text import sentence_gap

register = template.Library()

# URL name, key after `g`, icon, label, for members only
ITEMS: list[tuple[str, str, str, Promise | str, bool]] = [
    ("progress:today", "t", "today", _("Today"), True),
    ("progress:questions", "q", "question", _("Questions"), False),
    ("experiments:catalogue", "l", "lab", _("Labs"), False),
    ("experiments:claims", "c", "claims", _("Claims"), False),
    ("discussions:threads", "d", "thread", _("Discuss"), False),
    ("progress:progress", "p", "progress", _("Progress"), True),
]
# pages that belong to an item, although their path is not below its
WITHIN = {
    "experiments:catalogue": ("experiments:runs",),
    "progress:questions": ("progress:own-questions",),
    "progress:progress": ("progress:private-cards",),
    "discussions:threads": ("discussions:moderation",),
}
# a phone has room for five: there an item is reached within another
ON_A_PHONE = {"experiments:claims": "experiments:catalogue"}


@register.inclusion_tag("_nav.html", takes_context=True)
def nav(context: dict[str, Any]) -> dict[str, Any]:
    """Show the navigation, with the current item marked."""
    request: HttpRequest | None = context.get("request")
    member = request is not None and hasattr(request, "user") and request.user.is_authenticated
    path = request.path if request else ""
    items = [
        {
            "url": url,
            "key": f"g {key}",
            "icon": icon,
            "word": label,
            "current": _current(path, url, *map(_url, WITHIN.get(name, ()))),
            "is_within": name in ON_A_PHONE,
            "holds_current": any(
                holder == name and _current(path, _url(page)) for page, holder in ON_A_PHONE.items()
            ),
        }
        for name, key, icon, label, members_only in ITEMS
        if (member or not members_only) and (url := _url(name))
    ]
    return {"items": items}


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _current(path: str, url: str, *more: str) -> str:
    """Return the value of `aria-current`: `page` for the item itself, `true` for a page that
    belongs to it, otherwise empty.
    """
    if path == url:
        return "page"
    below = tuple(f"{parent}/" for parent in (url, *more) if parent)
    return "true" if path in more or path.startswith(below) else ""


@register.simple_tag
def language_tag() -> str:
    """Return the page's language as a tag for HTML: `en`, `zh-Hans`."""
    return to_locale(get_language() or "en").replace("_", "-")


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Return the reader's theme: `light`, `dark`, or empty if the system decides."""
    return getattr(context.get("request"), "theme", "")


@register.simple_tag(takes_context=True)
def sign_in_query(context: dict[str, Any]) -> str:
    """Return the query of a link to the sign-in page, so that it leads back to this page, or to the
    target that this page has.
    """
    request: HttpRequest | None = context.get("request")
    if request is None:
        return ""
    target = (
        request.GET.get("next", "")
        if request.path.startswith("/accounts/")
        else request.get_full_path()
    )
    if target in ("", "/") or not is_local(target):
        return ""
    return "?" + urlencode({"next": target})


@register.simple_tag
def source_url() -> str:
    """Return where the site's code can be read; empty if the operator has not said."""
    return str(settings.SOURCE_URL)


@register.simple_block_tag
def titled(content: str) -> SafeString:
    """Return the head's elements with the title of the page: for browsers, and for a card that
    shows the page elsewhere.
    """
    title = content.strip()
    return format_html(
        '<title>{} · Gradus</title>\n<meta property="og:title" content="{}">',
        SafeString(title),
        _in_an_attribute(title),
    )


@register.simple_block_tag
def described(content: str) -> SafeString:
    """Return the head's elements with what the page is about, in a sentence."""
    return format_html(
        '<meta name="description" content="{0}">\n<meta property="og:description" content="{0}">',
        _in_an_attribute(" ".join(content.split())),
    )


def _in_an_attribute(content: str) -> SafeString:
    """Return escaped HTML without elements as the value of an attribute."""
    return SafeString(content.replace('"', "&quot;"))


@register.simple_tag(takes_context=True)
def open_graph(context: dict[str, Any]) -> SafeString:
    """Return the rest of what a card needs that shows this page elsewhere (ogp.me); its address is
    without the query.
    """
    request: HttpRequest | None = context.get("request")
    properties = {
        "site_name": "Gradus",
        "type": "website",
        "url": settings.SITE_URL + (request.path if request else "/"),
        "image": settings.SITE_URL + static("og.png"),
        "locale": "zh_CN" if language_tag() == "zh-Hans" else "en_GB",
    }
    return format_html_join(
        "\n", '<meta property="og:{}" content="{}">', sorted(properties.items())
    )


@register.simple_tag
def gap() -> str:
    """Return what separates two sentences."""
    return sentence_gap()


@register.filter
def duration(seconds: float) -> str:
    """Return how long to wait, rounded up: `7 seconds`, `5 minutes`, `23 hours`, `7 days`."""
    if (n := math.ceil(seconds)) < 120:
        return ngettext("%(n)s second", "%(n)s seconds", n) % {"n": n}
    if (n := math.ceil(seconds / 60)) < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", n) % {"n": n}
    if (n := math.ceil(seconds / 3600)) < 48:
        return ngettext("%(n)s hour", "%(n)s hours", n) % {"n": n}
    n = math.ceil(seconds / 86_400)
    return ngettext("%(n)s day", "%(n)s days", n) % {"n": n}
