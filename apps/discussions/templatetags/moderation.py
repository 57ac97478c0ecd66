"""`{% reasons "taken" item.likely %}`: the select of prepared reasons beside a button."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.discussions import prepared_reasons

register = template.Library()


@register.simple_tag
def reasons(kind: str, chosen: str) -> SafeString:
    """Return the select of the prepared reasons of a kind (`prepared_reasons.KINDS`).

    Raises:
        KeyError: there is no such kind.
    """
    return _select(kind, chosen, get_language() or "en")


@lru_cache(maxsize=256)  # a page of the queue has a hundred of them
def _select(kind: str, chosen: str, language: str) -> SafeString:
    options = [
        (value, SafeString(" selected") if value == chosen else "", sentence)
        for value, sentence in (*prepared_reasons.KINDS[kind].items(), ("", _("only my own words")))
    ]
    return format_html(
        '<label><span class="sr">{}</span><select name="{}">{}</select></label>',
        _("Reason"),
        "left" if kind == "left" else "taken",
        format_html_join("", '<option value="{}"{}>{}</option>', options),
    )
