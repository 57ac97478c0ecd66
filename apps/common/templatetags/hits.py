"""`{{ title|hits:words }}`: a text of a list, with what was searched for marked."""

from __future__ import annotations

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from apps.common.listing import mark_hits

register = template.Library()


@register.filter
def hits(text: str, words: str | None) -> SafeString:
    return mark_hits(conditional_escape(text), words or "")
