"""Fields of forms that nobody types: whatever comes is read, left out, or refused in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django import forms
from django.http import QueryDict

from apps.common.errors import BadRequest
from apps.common.fields import (
    EXPIRED,
    CleanTextField,
    CutTextField,
    FlagField,
    HiddenUUIDField,
    MillisecondsField,
    NameField,
    PlainForm,
    WholeField,
    WholesField,
)

NO_NUMBERS = [
    None,
    "",
    " ",
    "-1",
    "+1",
    "1.5",
    "1e3",
    " 7",
    "7\x00",
    "१२३",
    "１２",
    "²",
    "9" * 10**6,
    "\ud800",
    "NaN",
    "0x10",
    "1_000",
]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_small_whole_number_counts_as_the_default(value: Any) -> None:
    assert WholeField(default=5).clean(value) == 5
    assert MillisecondsField().clean(value) is None
    assert WholesField(max_values=3, max_digits=3).clean([value or "", "12"]) == [12]


def test_a_small_whole_number_is_read() -> None:
    assert [WholeField().clean(text) for text in ("0", "7", "007", "9" * 9, "9" * 10)] == [
        0,
        7,
        7,
        999_999_999,
        0,
    ]


def test_of_many_whole_numbers_the_first_are_read() -> None:
    field = WholesField(max_values=3, max_digits=2)
    assert field.clean(["1", "x", "2", "3"]) == [1, 2]
    assert field.clean([]) == field.clean(None) == []


def test_milliseconds_are_an_instant() -> None:
    at = datetime(2026, 11, 18, 12, 0, 0, 250_000, tzinfo=UTC)
    assert MillisecondsField().clean(f"{int(at.timestamp())}250") == at
    for text in ("9" * 12, "9" * 14):
        assert MillisecondsField().clean(text) is None


@pytest.mark.parametrize("text", ["", " ", "x", "1" * 31, "9" * 10**6, "a\x00b", "\ud800", "{}"])
def test_without_its_uuid_a_form_has_expired(text: str) -> None:
    with pytest.raises(forms.ValidationError) as error:
        HiddenUUIDField().clean(text)
    assert error.value.messages == [str(EXPIRED)]


def test_a_uuid_may_be_left_out_but_not_be_another_text() -> None:
    field = HiddenUUIDField(required=False)
    assert field.clean(None) is field.clean("") is None
    assert field.clean("0" * 31 + "5") == UUID(int=5)
    with pytest.raises(forms.ValidationError):
        field.clean("5")


def test_a_flag_is_set_by_its_value_alone() -> None:
    values = (None, "", "0", "1", " 1", "true", "on", "１", "1\x00", "\ud800")
    assert [FlagField().clean(value) for value in values] == [value == "1" for value in values]
    assert FlagField(on="review").clean("review")


def test_a_text_is_cut_and_can_be_stored() -> None:
    assert CutTextField(max_chars=6).clean(" a\x00\r\nb\ud800 ccc") == " a\nb? "
    assert CutTextField(max_chars=6).clean(None) == ""
    assert len(CutTextField(max_chars=6).clean("x" * 10**6)) == 6
    assert CleanTextField(required=False).clean(" a\x00\ud800 ") == " a? "


def test_a_name_stays_as_it_was_sent() -> None:
    assert [NameField().clean(value) for value in (None, " 1", "1\x00")] == ["", " 1", "1\x00"]


class Form(PlainForm):
    html_names = {"is_review": "in"}
    is_review = FlagField(on="review")
    key, other = HiddenUUIDField(), HiddenUUIDField(error_messages={"required": "Second."})


def test_a_plain_form_is_refused_with_the_first_message() -> None:
    for query, message in (("", str(EXPIRED)), (f"key={UUID(int=1)}", "Second.")):
        with pytest.raises(BadRequest) as error:
            Form.read(QueryDict(query))
        assert error.value.message == message


def test_a_plain_form_reads_fields_by_their_names_on_the_page() -> None:
    key = f"key={UUID(int=1)}&other={UUID(int=2)}"
    forms = [Form.read(QueryDict(f"{key}&{name}=review")) for name in ("in", "is_review")]
    assert [form.cleaned_data["is_review"] for form in forms] == [True, False]
