"""Typed answers: read from fields, refused with the field named, stored and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import BadRequest
from apps.questions import answers
from apps.questions.answers import (
    BadAnswer,
    ChoiceAnswer,
    CodeAnswer,
    NumberAnswer,
    OrderAnswer,
    PointsAnswer,
    StepAnswer,
    TextAnswer,
    as_fields,
    read_answer,
)
from apps.questions.limits import (
    MAX_ANSWER_CHARS,
    MAX_OPTION_KEY_LENGTH,
    MAX_OPTIONS,
    MAX_POINTS,
)
from tests.questions.sample_variant import variant_of

VARIANT, CODE = variant_of(), variant_of(starter="def f(): ...")
NAMES = [*VARIANT.marked, "written", "points"]
TOO_MUCH = "x" * (MAX_ANSWER_CHARS + 1)


@pytest.mark.parametrize(
    ("name", "fields", "answer"),
    [
        ("2", {"text": "1/3"}, NumberAnswer("1/3")),
        ("1", {"chosen": ["a"]}, ChoiceAnswer(("a",))),
        ("6", {"chosen": ["x", "y"], "type": "choice"}, ChoiceAnswer(("x", "y"))),
        ("4", {"order": ["b", "a"]}, OrderAnswer(("b", "a"))),
        ("3.1", {"text": "1/n"}, StepAnswer("1/n")),
        ("3.2", {"own": "had"}, StepAnswer(own="had")),
        ("written", {"text": "So."}, TextAnswer("So.")),
        ("points", {"ticked": [0, 2]}, PointsAnswer((0, 2))),
        ("points", {}, PointsAnswer()),
        ("2", {}, NumberAnswer()),
    ],
)
def test_an_answer_is_read_and_fields_that_are_not_there_are_empty(
    name: str, fields: dict[str, Any], answer: answers.TypedAnswer
) -> None:
    assert read_answer(VARIANT, name, fields) == answer


def test_the_written_answer_of_a_code_question_is_code() -> None:
    assert read_answer(CODE, "written", {"text": "pass"}) == CodeAnswer("pass")


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("2", {"value": "1"}, "value"),  # unknown
        ("2", {"x" * 90: "1"}, "x" * 40),
        ("2", {"text": "1", "own": "had"}, "own"),
        ("2", {"text": 1}, "text"),  # of another type
        ("2", {"text": None}, "text"),
        ("1", {"chosen": "a"}, "chosen"),
        ("1", {"chosen": ["a", 1]}, "chosen"),
        ("4", {"order": {"a": 1}}, "order"),
        ("3.2", {"own": "maybe"}, "own"),
        ("points", {"ticked": ["0"]}, "ticked"),
        ("points", {"ticked": [True]}, "ticked"),
        ("points", {"ticked": [-1]}, "ticked"),
        ("points", {"ticked": [MAX_POINTS]}, "ticked"),
        ("2", {"text": TOO_MUCH}, "text"),  # too long
        ("written", {"text": TOO_MUCH}, "text"),
        ("1", {"chosen": ["a" * (MAX_OPTION_KEY_LENGTH + 1)]}, "chosen"),
        ("1", {"chosen": ["a"] * (MAX_OPTIONS + 1)}, "chosen"),
        ("points", {"ticked": [0] * (MAX_POINTS + 1)}, "ticked"),
        ("2", {"type": "choice", "text": "1"}, "type"),  # of another part
        ("2", {"type": ["number"]}, "type"),
        ("1", {"type": "order", "chosen": ["a"]}, "type"),
        ("written", {"type": "code", "text": "pass"}, "type"),
    ],
)
def test_what_is_no_answer_of_the_part_is_refused_with_the_field_named(
    name: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadAnswer) as refused:
        read_answer(VARIANT, name, fields)
    assert refused.value.extra["field"] == field and refused.value.message
    assert (refused.value.status, refused.value.code) == (400, "bad-answer")


@pytest.mark.parametrize("fields", [None, [], "text", 3, [["text", "1"]]])
def test_an_answer_without_fields_is_refused(fields: Any) -> None:
    with pytest.raises(BadAnswer, match="an object with fields"):
        read_answer(VARIANT, "2", fields)


@pytest.mark.parametrize("name", ["0", "3", "9", "3.3", "", "numeric", "\x00"])
def test_a_part_that_the_question_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="has no such part"):
        read_answer(VARIANT, name, {"text": "1"})


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)
)
fields_of_answers = st.sampled_from(["type", "text", "chosen", "order", "own", "ticked"])
anything = values | st.dictionaries(fields_of_answers, values)


@given(st.sampled_from(NAMES), anything)
def test_any_json_is_read_or_refused(name: str, value: Any) -> None:
    try:
        answer = read_answer(VARIANT, name, value)
    except BadRequest:
        return
    assert type(answer) is answers.answer_type(VARIANT, name)
    assert read_answer(VARIANT, name, as_fields(answer)) == answer


keys = st.lists(st.text(max_size=MAX_OPTION_KEY_LENGTH), max_size=MAX_OPTIONS).map(tuple)
text = st.text(max_size=200)
ANSWERS = {
    "2": st.builds(NumberAnswer, text),
    "1": st.builds(ChoiceAnswer, keys),
    "4": st.builds(OrderAnswer, keys),
    "3.1": st.builds(StepAnswer, text, st.sampled_from(["", "had", "missed"])),
    "written": st.builds(TextAnswer, text),
    "points": st.builds(
        PointsAnswer, st.lists(st.integers(0, MAX_POINTS - 1), max_size=MAX_POINTS).map(tuple)
    ),
}


@given(st.data(), st.sampled_from(sorted(ANSWERS)))
def test_an_answer_that_was_stored_is_read_again(data: st.DataObject, name: str) -> None:
    answer = data.draw(ANSWERS[name])
    fields = json.loads(json.dumps(as_fields(answer)))
    assert fields["type"] and read_answer(VARIANT, name, fields) == answer
