"""Slips without a message: found by changing the answer's formula, the most plausible first."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.questions import lint, slips
from apps.questions.expressions import BadExpression, NoValue, read
from apps.questions.schema import Facts
from apps.questions.slips import Slip, without_message
from tests.questions.conftest import Change, facts_of
from tests.questions.generated_expressions import trees

MESSAGE = {"en": "No.", "zh": "不对。"}
COUNTS = {"n": {"choices": [20, 30, 50]}, "p": {"choices": [3, 7, 9]}}


def facts(value: str, *wrong: str, part: dict[str, Any] | None = None, **more: Any) -> Facts:
    numeric = {
        "tolerance": {"relative": 5e-3},
        "answer": value,
        "wrong": [{"value": text, "message": MESSAGE} for text in wrong],
        **(part or {}),
    }
    return facts_of(**({"variant": {"sample": COUNTS}, "numeric": [numeric]} | more))


def formulas(suggested: list[Slip]) -> list[str]:
    return [slip.formula for slip in suggested]


@pytest.mark.parametrize(
    ("value", "slip"),
    [
        ("n * p", "n"),
        ("n * p", "p"),
        ("n / p", "n"),
        ("n / p", "p / n"),
        ("n + p", "n - p"),
        ("n - p", "n + p"),
        ("n + p", "n"),
        ("n * (p + 1)", "n * p"),
        ("sqrt(n / p)", "n / p"),
        ("log(n)", "log2(n)"),
        ("log2(n)", "log(n)"),
        ("n ** 2", "n"),
        ("n ** 2 / p", "n * 2 / p"),
        ("n * exp(-p / n)", "n * exp(p / n)"),
        ("floor(n / 11)", "ceil(n / 11)"),
        ("max(n, p)", "min(n, p)"),
        ("sum(i, 1, n, i ** 2)", "sum(i, 1, n - 1, i ** 2)"),
        ("p / (n + p)", "1 - p / (n + p)"),
        ("p / n", "100 * (p / n)"),
        ("n", "n - 1"),
        ("n", "2 * n"),
    ],
)
def test_common_slips_are_found(value: str, slip: str) -> None:
    assert slip in formulas(without_message(facts(value), 0))


def test_per_cent_may_be_forgotten_where_the_unit_is_per_cent() -> None:
    unit = {"en": "%", "zh": "%"}
    assert "100 * p / n / 100" in formulas(
        without_message(facts("100 * p / n", part={"unit": unit}), 0)
    )


def test_a_slip_with_a_message_is_none_however_it_is_written() -> None:
    suggested = formulas(without_message(facts("n * (p + 1)", "p * n", "n + p*n - 2*n"), 0))
    assert "n * p" not in suggested and "n * (p - 1)" not in suggested and "n" in suggested


def test_a_slip_that_is_right_with_some_numbers_is_left_out() -> None:
    sample = {**COUNTS, "w": {"choices": [0.5, 1.0, 2.0]}}
    assert "n" not in formulas(without_message(facts("n * w", variant={"sample": sample}), 0))


def test_a_slip_whose_value_gives_it_away_is_left_out() -> None:
    assert all(slip.value.is_integer() for slip in without_message(facts("n * (p + 1)"), 0))
    assert all(slip.value > 0 for slip in without_message(facts("n - p"), 0))


def test_helpers_are_written_out_so_that_slips_in_them_are_found() -> None:
    variant = {"sample": COUNTS, "compute": {"half": "sqrt(n) / 2", "later": "half + 1"}}
    suggested = without_message(facts("half / p", variant=variant), 0)
    assert "sqrt(n) / p" in formulas(suggested)
    assert all(set(slip.values) == {"n", "p"} for slip in suggested)


def test_each_says_what_was_done_and_the_values_of_the_first_variant() -> None:
    (slip,) = [slip for slip in without_message(facts("n / p"), 0) if slip.formula == "n"]
    assert slip.what == "without the divisor p"
    assert slip.value == slip.values["n"] and slip.answer == slip.values["n"] / slip.values["p"]


def test_there_are_few_and_none_without_a_formula() -> None:
    long = "sqrt(n * p + 3) / (n - p) + log(n + 1) * exp(-p) / (1 + p) ** 2"
    assert len(without_message(facts(long), 0)) == slips.MAX_SLIPS
    rows = [{"values": {"n": 3}, "answers": [1.0], "wrong": [[]]}]
    of_program = {"variant": {"rows": rows}, "numeric": [{"tolerance": {"relative": 1e-3}}]}
    assert without_message(facts_of(**of_program), 0) == []


@given(trees(["n", "p"]))
def test_any_formula_has_slips_that_can_be_written_and_are_wrong(text: str) -> None:
    try:
        suggested = without_message(facts(text), 0)
    except NoValue:  # the answer has none, which validators.py refuses
        assume(False)
    for slip in suggested:
        assert read(slip.formula, slip.values).at(**slip.values) == pytest.approx(slip.value)
        assert abs(slip.value - slip.answer) > 5e-3 * abs(slip.answer)


@given(trees(["n", "m"]), st.floats(0.5, 3), st.floats(0.5, 3))
def test_a_formula_that_is_printed_and_read_again_has_the_same_value(
    text: str, n: float, m: float
) -> None:
    expression = read(text, ["n", "m"])
    again = read(ast.unparse(expression.tree), ["n", "m"])
    try:
        value = expression.at(n=n, m=m)
    except NoValue:
        with pytest.raises(NoValue):
            again.at(n=n, m=m)
        return
    assert again.at(n=n, m=m) == value


def test_check_content_suggests_them_with_file_and_line(bank: Path, change: Change) -> None:
    assert all(": " in line for line in lint.slips_without_message(bank))
    change("question.toml", 'answer = "log(n)"', 'answer = "sqrt(log(n))"')
    (line,) = [line for line in lint.slips_without_message(bank) if "without the root" in line]
    assert "guess/question.toml:22: log(n) (without the root) gives " in line
    assert " at n = " in line
    (bank / "losses" / "guess" / "zh.md").unlink()
    assert lint.slips_without_message(bank) == [], "its faults are listed instead"


def test_what_is_no_expression_is_never_suggested(bank: Path) -> None:
    for line in lint.slips_without_message(bank):
        formula = line.split(": ", 1)[1].partition(" (")[0]
        try:
            read(formula, ["n"])
        except BadExpression as error:
            pytest.fail(f"{formula}: {error}")
