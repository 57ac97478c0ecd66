"""Sampled numbers: the same seed gives the same, always."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.questions import sampling
from apps.questions.expressions import BadExpression, NoValue
from apps.questions.sampling import NoSample, Sample, SampledAnswer
from tests.questions.conftest import facts_of

MESSAGE = {"en": "No.", "zh": "不对。"}
VARIANT: dict[str, Any] = {
    "sample": {"w": {"choices": [0.4, 0.5, 0.6]}, "grad": {"from": 2, "to": 5}, "x_max": 1},
    "compute": {"quadruple": "2 * double", "double": "2 * w"},
    "reject": "w == 0.5",
}
NUMERIC: list[dict[str, Any]] = [
    {"answer": "w - grad", "wrong": [{"value": "w + grad", "message": MESSAGE}]},
    {"answer": "quadruple / x_max"},
]


def sample(variant: dict[str, Any], numeric: list[dict[str, Any]], seed: int) -> Sample:
    numeric = [{"tolerance": {"relative": 1e-3}} | part for part in numeric]
    return sampling.sample(facts_of(variant=variant, numeric=numeric), seed)


@given(st.integers(0, 10**9))
def test_the_same_seed_samples_the_same_numbers_within_the_bounds(seed: int) -> None:
    sampled = sample(VARIANT, NUMERIC, seed)
    assert sampled == sample(VARIANT, NUMERIC, seed)
    assert sampled == sample(VARIANT, NUMERIC, seed % sampling.SEEDS)
    w, grad = sampled.values["w"], sampled.values["grad"]
    assert w in (0.4, 0.6) and grad in (2, 3, 4, 5) and sampled.values["x_max"] == 1
    assert sampled.values["double"] == 2 * w and sampled.values["quadruple"] == 4 * w


@given(st.integers(0, 10**9))
def test_several_numeric_parts_share_one_sample(seed: int) -> None:
    sampled = sample(VARIANT, NUMERIC, seed)
    w, grad = sampled.values["w"], sampled.values["grad"]
    assert sampled.answers == (SampledAnswer(w - grad, (w + grad,)), SampledAnswer(4 * w, ()))


def test_samples_stay_what_they_were() -> None:
    samples = [sample(VARIANT, NUMERIC, seed).values for seed in range(3)]
    assert [(values["w"], values["grad"]) for values in samples] == [(0.4, 5), (0.4, 2), (0.6, 5)]


def test_seeds_reach_every_value() -> None:
    samples = [sample(VARIANT, NUMERIC, seed).values for seed in range(sampling.SEEDS)]
    assert {values["grad"] for values in samples} == {2, 3, 4, 5}
    assert {values["w"] for values in samples} == {0.4, 0.6}


def test_the_order_in_which_values_are_written_does_not_matter() -> None:
    reordered = {
        **VARIANT,
        "sample": dict(reversed(VARIANT["sample"].items())),
        "compute": dict(reversed(VARIANT["compute"].items())),
    }
    assert [sample(reordered, NUMERIC, seed) for seed in range(8)] == [
        sample(VARIANT, NUMERIC, seed) for seed in range(8)
    ]


def test_a_question_without_a_variant_samples_nothing() -> None:
    assert sample({}, [], 3) == Sample({}, ())
    assert sample({}, [{"answer": "2 * 3"}], 3).answers == (SampledAnswer(6.0, ()),)


def test_circular_dependencies_are_refused() -> None:
    with pytest.raises(BadExpression):
        sample({"compute": {"value": "other", "other": "value"}}, [], 0)


def test_sampling_that_is_always_rejected_ends() -> None:
    with pytest.raises(NoSample):
        sample({**VARIANT, "reject": "w > 0"}, NUMERIC, 0)


def test_an_answer_without_a_value_is_an_error() -> None:
    with pytest.raises(NoValue):
        sample(VARIANT, [{"answer": "1 / (x_max - 1)"}], 0)


def test_rows_of_a_program_take_the_place_of_expressions() -> None:
    rows = [
        {"values": {"n": seed}, "answers": [seed * 2, 7], "wrong": [[seed * 3 + 1], []]}
        for seed in range(sampling.SEEDS)
    ]
    sampled = sample({"rows": rows}, [{"wrong": [{"message": MESSAGE}]}, {}], 65)
    assert sampled.values == {"n": 1}
    assert sampled.answers == (SampledAnswer(2.0, (4.0,)), SampledAnswer(7.0, ()))


@given(st.lists(st.text("abcdef", min_size=1), unique=True, max_size=6), st.integers(0, 1000))
def test_options_are_shuffled_by_seed_and_none_is_lost(keys: list[str], seed: int) -> None:
    assert sampling.shuffled(keys, seed) == sampling.shuffled(sorted(keys), seed)
    assert sorted(sampling.shuffled(keys, seed)) == sorted(keys)


@pytest.mark.parametrize(
    ("value", "text"), [(784, "784"), (0.4, "0.4"), (2.0, "2"), (1e-05, "1e-05")]
)
def test_sampled_numbers_are_formatted(value: float, text: str) -> None:
    assert sampling.format_value(value) == text
