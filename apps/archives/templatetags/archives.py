"""What the templates of archives say of a question's parts."""

from __future__ import annotations

from django import template

from apps.common.number_format import format_number
from apps.common.text import join_list
from apps.questions.selectors import PartHtml
from apps.questions.variants import ChoicePart, NumericPart, OrderPart

register = template.Library()


@register.filter
def option_letter(place: int) -> str:
    """Return the letter of an option, counted from 1."""
    return chr(ord("A") + place - 1)


@register.simple_tag
def right_answer(part: PartHtml, language: str) -> str:
    """Return what is right in a part: a number with its unit, or the letters of its options; empty
    for a derivation, whose steps say it.
    """
    of = part.part
    if isinstance(of, NumericPart):
        return f"{format_number(of.answer)} {of.unit.get(language, '')}".strip()
    letters = {option.key: option_letter(n) for n, option in enumerate(part.options, start=1)}
    if isinstance(of, OrderPart):
        return " → ".join(letters[key] for key in of.right)
    if isinstance(of, ChoicePart):
        return join_list(sorted(letters[key] for key in of.right))
    return ""
