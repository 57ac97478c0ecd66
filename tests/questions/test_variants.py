"""Variants: the same seed samples the same numbers, always."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.questions import variants
from apps.questions.expressions import BadExpression
from apps.questions.variants import NoSample, sample

MESSAGE = {"en": "No.", "zh": "不对。"}
FACTS: dict[str, Any] = {
    "tolerance": {"relative": 1e-3},
    "sample": {"w": {"choices": [0.4, 0.5, 0.6]}, "grad": {"from": 2, "to": 5}, "x_max": 1},
    "answer": {"value": "w - grad", "double": "2 * value", "reject": "w == 0.5"},
    "wrong": [{"value": "w + grad", "message": MESSAGE}],
}


@given(st.integers(0, 10**9))
def test_the_same_seed_samples_the_same_numbers_within_the_bounds(seed: int) -> None:
    variant = sample(FACTS, seed)
    assert variant == sample(FACTS, seed) == sample(FACTS, seed % variants.SEEDS)
    assert (
        variant.values["w"] in (0.4, 0.6)
        and variant.values["grad"] in (2, 3, 4, 5)
        and variant.values["x_max"] == 1
    )
    assert (
        variant.answer == variant.values["w"] - variant.values["grad"]
        and variant.values["double"] == 2 * variant.answer
    )
    assert (
        variant.wrong[0].value == variant.values["w"] + variant.values["grad"]
        and variant.wrong[0].message == MESSAGE
    )


def test_samples_stay_what_they_were() -> None:
    samples = [sample(FACTS, seed).values for seed in range(3)]
    assert [(values["w"], values["grad"]) for values in samples] == [(0.4, 5), (0.4, 2), (0.6, 5)]


def test_seeds_reach_every_value() -> None:
    samples = [sample(FACTS, seed).values for seed in range(variants.SEEDS)]
    assert {values["grad"] for values in samples} == {2, 3, 4, 5}
    assert {values["w"] for values in samples} == {0.4, 0.6}


def test_the_order_in_which_values_are_written_does_not_matter() -> None:
    reordered = {**FACTS, "answer": dict(reversed(FACTS["answer"].items()))}
    assert [sample(reordered, seed).answer for seed in range(8)] == [
        sample(FACTS, seed).answer for seed in range(8)
    ]


def test_circular_dependencies_are_refused() -> None:
    with pytest.raises(BadExpression):
        sample({"answer": {"value": "other", "other": "value"}}, 0)


def test_sampling_that_is_always_rejected_ends() -> None:
    with pytest.raises(NoSample):
        sample({**FACTS, "answer": {"value": "w", "reject": "w > 0"}}, 0)


def test_a_wrong_answer_that_is_right_here_is_left_out() -> None:
    assert (
        sample({**FACTS, "wrong": [{"value": "w - grad + 1e-9", "message": MESSAGE}]}, 0).wrong
        == ()
    )


@given(st.floats(-1e6, 1e6), st.floats(0, 0.1))
def test_tolerance_is_relative_to_the_answer_or_absolute(answer: float, off: float) -> None:
    relative = variants.Variant(0, {}, answer, 0.01, 0.0, ())
    assert relative.is_right(answer * (1 + off)) == (
        abs(answer * (1 + off) - answer) <= 0.01 * abs(answer)
    )
    absolute = variants.Variant(0, {}, answer, 0.0, 0.05, ())
    assert absolute.is_right(answer + off) == (abs(answer + off - answer) <= 0.05)


def test_an_answer_without_tolerance_forgives_rounding_alone() -> None:
    variant = sample({"sample": {}, "answer": {"value": "1 / 3"}}, 0)
    assert variant.is_right(0.3333333333) and not variant.is_right(0.333)


def test_rows_of_a_program_take_the_place_of_expressions() -> None:
    rows = [
        {"values": {"n": seed}, "answer": seed * 2, "wrong": [seed * 3 + 1]}
        for seed in range(variants.SEEDS)
    ]
    variant = sample({"rows": rows, "wrong": [{"message": MESSAGE}]}, 65)
    assert variant.values == {"n": 1} and variant.answer == 2 and variant.wrong[0].value == 4


@given(st.lists(st.text("abcdef", min_size=1), unique=True, max_size=6), st.integers(0, 1000))
def test_options_are_shuffled_by_seed_and_none_is_lost(keys: list[str], seed: int) -> None:
    assert variants.shuffled(keys, seed) == variants.shuffled(sorted(keys), seed)
    assert sorted(variants.shuffled(keys, seed)) == sorted(keys)


@pytest.mark.parametrize(
    ("value", "text"), [(784, "784"), (0.4, "0.4"), (2.0, "2"), (1e-05, "1e-05")]
)
def test_sampled_numbers_are_formatted(value: float, text: str) -> None:
    assert variants.format_value(value) == text
