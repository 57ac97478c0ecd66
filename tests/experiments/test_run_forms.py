"""The buttons of a run's page, read without a database."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from apps.common.errors import BadRequest
from apps.common.fields import PlainForm
from apps.experiments.forms import RerunForm, VisibilityForm
from apps.experiments.models import Run

HOSTILE = ["", "-1", "१६", "１６", "²", "9" * 10**6, "\ud800", "16\x00", "NaN", " 16", "16.0"]


def read(form: type[PlainForm], **fields: str) -> PlainForm:
    data = QueryDict(mutable=True)
    data.update(fields)
    return form.read(data)


@pytest.mark.parametrize("value", [*HOSTILE, "true", "2"])
def test_a_run_is_shared_by_1_and_hidden_by_0_alone(value: str) -> None:
    with pytest.raises(BadRequest, match="`shared` must be 1 or 0"):
        read(VisibilityForm, shared=value)
    shared = [read(VisibilityForm, shared=text).cleaned_data["shared"] for text in "10"]
    assert shared == [True, False]


@pytest.mark.parametrize("value", [*HOSTILE, "15"])
def test_replicates_are_one_of_the_numbers_on_offer(value: str) -> None:
    with pytest.raises(BadRequest, match="`replicates` must be one of 16, "):
        read(RerunForm, replicates=value, key="a key")
    for number in (Run.STANDARD_REPLICATES, *Run.MORE_REPLICATES):
        form = read(RerunForm, replicates=str(number), key="a key")
        assert form.cleaned_data == {"replicates": number, "key": "a key"}


def test_a_key_has_a_bounded_length_and_can_be_stored() -> None:
    for key in ("", "\x00", "k" * (Run.MAX_KEY_CHARS + 1), "9" * 10**6):
        with pytest.raises(BadRequest, match=f"1 to {Run.MAX_KEY_CHARS} characters"):
            read(RerunForm, replicates="16", key=key)
    longest = "k" * Run.MAX_KEY_CHARS
    for key, stored in ((longest, longest), (" a\x00b\ud800", " ab?")):
        assert read(RerunForm, replicates="16", key=key).cleaned_data["key"] == stored
    with pytest.raises(BadRequest):
        read(RerunForm, replicates="16")
