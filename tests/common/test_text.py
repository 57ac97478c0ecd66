"""A text is measured on the server as the browser measures it."""

from __future__ import annotations

import pytest
from django import forms

from apps.common.fields import MultilineField
from apps.common.text import length, normalize_newlines


class Form(forms.Form):
    text = MultilineField(max_length=5)


@pytest.mark.parametrize("text", ["a\r\nb", "a\rb", "a\nb"])
def test_a_line_break_is_one_character_however_it_is_sent(text: str) -> None:
    assert normalize_newlines(text) == "a\nb" and length("a\nb") == 3
    form = Form({"text": f"x{text}y"})
    assert form.is_valid() and form.cleaned_data["text"] == "xa\nby"


def test_an_emoji_counts_as_in_the_browser() -> None:
    assert length("🦆") == 2 and length("é") == 1
    assert Form({"text": "🦆🦆x"}).is_valid()
    assert not Form({"text": "🦆🦆🦆"}).is_valid()


def test_the_field_tells_the_browser_its_limit_and_takes_either_direction() -> None:
    html = str(Form()["text"])
    assert 'maxlength="5"' in html and 'dir="auto"' in html and html.startswith("<textarea")
