"""A text is measured on the server as the browser measures it, and is text in a spreadsheet."""

from __future__ import annotations

import pytest
from django import forms

from apps.common.fields import MultilineField
from apps.common.text import (
    displayable,
    is_blank,
    length,
    normalize_newlines,
    spreadsheet_cell,
)

pytestmark = pytest.mark.attack


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


@pytest.mark.parametrize(
    "text",
    ["=1", "+a", "-a", "@a", "\t=1", "\r=1", " =1+1", "-1+2", "+1e", "-", "=", "-٣"],
)
def test_a_cell_that_begins_like_a_formula_is_quoted(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["relu 1", "-1", "+.5", "-1.5e-300", "", -0.5, 3, None, "a=b"])
def test_a_number_and_an_ordinary_text_stay_as_they_are(value: object) -> None:
    assert spreadsheet_cell(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c\u2069\u200b\ufeff\x1b\x00d", "abcd"),
        ("a\u2028b\x0bc\td\ne", "a\nb\nc\td\ne"),
        ("e" + "\u0301" * 20 + "x" + "\u20dd" * 20, "e" + "\u0301" * 4 + "x" + "\u20dd" * 4),
        ("a" + "\u0301\u200d" * 20, "a" + "\u0301\u200d" * 2),
        ("👩‍👩‍👧 ❤️ é ü שָׁלוֹם می‌خواهم ไม่ใช่ 学", "👩‍👩‍👧 ❤️ é ü שָׁלוֹם می‌خواهم ไม่ใช่ 学"),
    ],
)
def test_what_people_write_leaves_the_text_around_it_as_it_is(text: str, shown: str) -> None:
    assert displayable(text) == shown
    assert displayable(shown) == shown


@pytest.mark.parametrize(
    "text", ["", " \t\n", "\u200b\u200d\u00ad", "\u3164\u115f\u2800", "\u0301\ue000"]
)
def test_a_text_that_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}.")
