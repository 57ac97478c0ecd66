"""Texts of the bank in the reader's language: `{{ revision|title_html }}`,
`{{ topic|localized:"title" }}`.
"""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from apps.common import topics
from apps.common.text import in_language, join_list
from apps.questions.models import Kind, Revision

PARAGRAPH_TAG = re.compile(r"<(/?)p(?=>)")
register = template.Library()


@register.filter
def localized(thing: Any, name: str) -> str:
    """Return `thing.<name>_en` or `_zh`."""
    return in_language(thing, name)


@register.filter
def title_html(revision: Revision) -> SafeString:
    return mark_safe(in_language(revision, "title_html"))  # noqa: S308 - sanitized by nh3


@register.filter
def as_phrasing(html: str) -> SafeString:
    """Return sanitized HTML for a label or a summary, in which no paragraph may stand: spans."""
    return mark_safe(PARAGRAPH_TAG.sub(r"<\1span", html))  # noqa: S308 - sanitized by nh3


@register.filter
def topic_title(slug: str) -> str:
    return topics.topic_title(slug)


@register.filter
def kind_labels(kinds: list[str]) -> str:
    """Return the labels of kinds, separated by commas."""
    return join_list(str(Kind(kind).label) for kind in kinds)
