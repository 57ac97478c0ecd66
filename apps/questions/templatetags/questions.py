"""`{{ revision|title_html }}`, `{{ topic|said:"title" }}`: what the bank says, in the reader's
language.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from apps.common import topics
from apps.common.text import in_language, listed
from apps.questions.models import Kind, Revision

register = template.Library()


@register.filter
def said(thing: Any, name: str) -> str:
    """Return `thing.<name>_en` or `_zh`."""
    return in_language(thing, name)


@register.filter
def title_html(revision: Revision) -> SafeString:
    return mark_safe(in_language(revision, "title_html"))  # noqa: S308 - cleaned by nh3 when it was stored


@register.filter
def topic_title(slug: str) -> str:
    return topics.topic_title(slug)


@register.filter
def kinds_said(kinds: list[str]) -> str:
    """Return kinds as a list in words."""
    return listed(str(Kind(kind).label) for kind in kinds)
