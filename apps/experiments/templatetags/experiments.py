"""`{{ words.title|in_language }}`: what a lab's words say in the reader's language."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest

from apps.common import text
from apps.experiments import presenters, selectors

register = template.Library()
register.filter("seconds", presenters.seconds)
register.filter("fact", presenters.fact)


@register.filter
def in_language(words: Any) -> str:
    """Return the text of `{"en": …, "zh": …}` in the reader's language; nothing where there is
    none.
    """
    return text.in_language(words) if isinstance(words, dict) else str(words or "")


@register.filter
def claim(words: Any, slug: str) -> str:
    return presenters.statement(words, slug)


@register.filter
def is_in_ledger(claim: str) -> bool:
    return bool(selectors.existing_claims([text.clean(claim)]))


@register.filter
def ledger_url(claim: str) -> str:
    return presenters.ledger_url(claim)


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any]) -> str:
    """Return the address of this page, with its query."""
    request: HttpRequest = context["request"]
    return request.get_full_path()
