"""A question as it is marked: parts numbered as they stand, tolerances, names of what can be
answered.
"""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from apps.questions import sampling, variants
from apps.questions.sampling import SampledAnswer
from apps.questions.schema import StepCheck
from apps.questions.variants import (
    ChoicePart,
    DerivationPart,
    NumericPart,
    OrderPart,
    Step,
    build_variant,
    numeric_part,
)
from tests.questions.conftest import facts_of
from tests.questions.sample_variant import CHECK, FACTS, MESSAGE, OUTLINE, variant_of


def test_parts_are_numbered_as_they_stand_and_have_the_facts_of_their_kind() -> None:
    variant = variant_of(5)
    n = variant.values["n"]
    one, numeric, first, order, other, several, longer, second = variant.parts
    assert isinstance(one, ChoicePart) and (one.right, one.takes_several) == (("b",), False)
    assert isinstance(numeric, NumericPart) and numeric.answer == 2 * n
    assert [wrong.value for wrong in numeric.wrong] == [n] and numeric.unit == {}
    assert isinstance(other, NumericPart) and other.answer == n / 7 and other.unit["zh"] == "奈特"
    assert isinstance(several, ChoicePart) and several.takes_several
    assert several.right == ("x", "z") and sorted(several.options) == ["x", "y", "z"]
    assert isinstance(order, OrderPart) and order.right == ("b", "a")
    assert isinstance(longer, OrderPart) and longer.right == ("q", "p", "r")
    assert isinstance(first, DerivationPart)
    assert first.steps == (Step("3.1", msgspec.convert(CHECK, StepCheck)), Step("3.2", None))
    assert isinstance(second, DerivationPart) and second.steps == (Step("8.1", None),)
    assert [part.name for part in variant.parts] == list("12345678")


def test_what_can_be_marked_has_a_name() -> None:
    variant = variant_of()
    assert list(variant.marked) == ["1", "2", "3.1", "3.2", "4", "5", "6", "7", "8.1"]
    for name in (*variant.marked, "written", "points"):
        assert variant.has(name)
    for name in ("3", "8", "9", "0", "3.3", "", "numeric", "3.1.1", "\x00"):
        assert not variant.has(name)
    assert variants.part_of("3.1") == "3" and variants.part_of("4") == "4"


def test_a_question_without_key_points_takes_no_ticks() -> None:
    outline = {"hints": 0, "points": 0, "parts": []}
    assert not build_variant(facts_of(), outline, "", 0).has("points")


def test_hints_belong_to_the_question_or_to_a_part() -> None:
    variant = variant_of()
    assert [variant.hints_of(part) for part in ("", "1", "2", "3", "8", "9")] == [2, 0, 1, 3, 0, 0]


def test_steps_that_the_learner_marks_need_no_facts() -> None:
    facts = {name: value for name, value in FACTS.items() if name != "derivation"}
    marked = build_variant(facts_of(**facts), OUTLINE, "", 0).marked
    steps = [part for part in marked.values() if isinstance(part, Step)]
    assert steps == [Step("3.1", None), Step("3.2", None), Step("8.1", None)]


@given(st.integers(0, 10**6))
def test_the_seed_decides(seed: int) -> None:
    assert variant_of(seed) == variant_of(seed % sampling.SEEDS)


def test_seeds_shuffle_the_options() -> None:
    orders = {variant_of(seed).parts[6].options for seed in range(sampling.SEEDS)}  # type: ignore[union-attr]
    assert len(orders) == 6


def test_a_wrong_answer_that_is_right_here_is_left_out() -> None:
    facts = {"tolerance": {"relative": 1e-3}, "wrong": [{"message": MESSAGE}] * 2}
    (numeric,) = facts_of(numeric=[facts]).numeric
    part = numeric_part("1", 0, numeric, SampledAnswer(2.0, (2.0 + 1e-9, 3.0)))
    assert [wrong.value for wrong in part.wrong] == [3.0]
    assert part.wrong[0].message == MESSAGE


@given(st.floats(-1e6, 1e6), st.floats(0, 0.1))
def test_tolerance_is_relative_to_the_answer_or_absolute(answer: float, off: float) -> None:
    relative = NumericPart("1", 0, answer, 0.01, 0.0, {}, ())
    assert relative.is_right(answer * (1 + off)) == (
        abs(answer * (1 + off) - answer) <= 0.01 * abs(answer)
    )
    absolute = NumericPart("1", 0, answer, 0.0, 0.05, {}, ())
    assert absolute.is_right(answer + off) == (abs(answer + off - answer) <= 0.05)
