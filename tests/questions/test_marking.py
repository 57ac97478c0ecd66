"""Marks: right, wrong with an explanation, or unread, which is not graded."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.questions import marking
from apps.questions.expressions import NoValue, read
from apps.questions.variants import Variant, WrongAnswer
from tests.questions.test_expressions import trees

VARIANT = Variant(
    0, {}, -1.9, 1e-3, 0.0, (WrongAnswer(2.5, {"en": "Against the gradient.", "zh": "方向相反。"}),)
)
CHECK: dict[str, Any] = {"symbols": ["n", "m"], "answer": "2 / (n + m)"}


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("text", ["-1.9", "−1.9", "-1,9", "-19/10", "-1.9005", "-190 %"])
def test_a_number_within_the_tolerance_is_right(text: str) -> None:
    assert marking.numeric(text, VARIANT).is_right


def test_a_common_mistake_gets_its_message_in_the_reader_s_language() -> None:
    mark = marking.numeric("2.5", VARIANT)
    assert (mark.outcome, mark.message) == ("wrong", "Against the gradient.")
    with translation.override("zh-hans"):
        assert marking.numeric("2.5", VARIANT).message == "方向相反。"


def test_another_number_is_wrong_without_a_message() -> None:
    assert marking.numeric("7", VARIANT) == marking.Mark("wrong", value=7.0)


@pytest.mark.parametrize("text", ["", "nan", "10^5000", "1.234,5", "minus two"])
def test_invalid_input_is_not_graded_and_says_what_is_valid(text: str) -> None:
    mark = marking.numeric(text, VARIANT)
    assert not mark.was_read and mark.message and mark.value is None


def test_a_decimal_comma_is_read_and_noted() -> None:
    assert (
        marking.numeric("-1,9", VARIANT).note
        == "The comma in -1,9 looks like a decimal comma, so we read it as -1.9."
    )


def of(answer: float) -> Variant:
    return Variant(0, {}, answer, 0.01, 1e-6, ())


@pytest.mark.parametrize(
    ("text", "answer"), [("1.500", 1500), ("1.500 %", 15), ("1,500", 1.5), ("-12.345", -12345)]
)
def test_a_number_that_is_right_by_another_reading_is_not_graded(text: str, answer: float) -> None:
    mark = marking.numeric(text, of(answer))
    assert not mark.was_read and "can mean" in mark.message


def test_it_says_how_to_write_either_number() -> None:
    assert marking.numeric("1.500", of(1500)).message == (
        "“1.500” can mean 1500 or 1.500. Write 1500 for the one, 1.5000 for the other."
    )
    assert marking.numeric("1500", of(1500)).is_right
    assert marking.numeric("1.5000", of(1500)) == marking.Mark("wrong", value=1.5)


@pytest.mark.parametrize(("text", "outcome"), [("1.500", "right"), ("2.500", "wrong")])
def test_a_number_that_was_graded_says_how_its_point_was_read(text: str, outcome: str) -> None:
    mark = marking.numeric(text, of(1.5))
    assert mark.outcome == outcome
    assert mark.note == f"We read the point in {text} as a decimal point."


def test_the_unit_may_stand_behind_the_number() -> None:
    assert marking.numeric("-1.9 nats", VARIANT, {"en": "nats", "zh": "奈特"}).is_right
    assert not marking.numeric("-1.9 bits", VARIANT, {"en": "nats", "zh": "奈特"}).was_read


BOUND = Variant(0, {}, (6 / 576) ** 0.5, 5e-3, 0.0, (WrongAnswer(6 / 576, {"en": "That is r²."}),))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("sqrt(6/576)", "sqrt(6/576) = 0.1021"),
        ("√(6/576)", "√(6/576) = 0.1021"),
        ("√6/24", "sqrt(6)/24 = 0.1021"),
        ("\\sqrt{\\tfrac{6}{576}}", "\\sqrt(((6)/(576))) = 0.1021"),
        ("(6/576)^½", "(6/576)^(1/2) = 0.1021"),
        ("r = sqrt(6/576) nats", "sqrt(6/576) = 0.1021"),
        ("10.2*1 %", "(10.2*1) * 0.01 = 0.102"),
        ("2*ln(3)*0.04645", "2*ln(3)*0.04645 = 0.1021"),
        ("٦÷√(٣٤٥٦)", "6/√(3456) = 0.1021"),
        ("e^-2.282", "e^-2.282 = 0.1021"),
        ("r = 0.102", ""),
    ],
)
def test_a_number_may_be_an_expression_and_the_note_says_its_value(text: str, note: str) -> None:
    mark = marking.numeric(text, BOUND, {"en": "nats", "zh": "奈特"})
    assert mark.is_right and mark.note == note


def test_a_mistake_is_explained_when_it_is_typed_as_an_expression() -> None:
    assert marking.numeric("6/(512+64)*1", BOUND).message == "That is r²."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12o", "Can't read “12o” as a number. “o” is a letter. Write a number such as"),
        ("O.5", "Can't read “O.5” as a number. “O” is a letter. Write a number such as"),
        ("2.2e", "Can't read “2.2e” as a number. “e” is a letter."),
        ("minus two", "Can't read “minus two” as a number. Write a number such as"),
        ("1.000.000", "Can't read “1.000.000” as a number. Write a number such as"),
        ("1 234/5", "The spaces in “1 234/5” are ambiguous."),
        ("1/0", "This divides by zero."),
        ("10^-5000", "That number is too close to zero."),
        ("sqrt(6/576", "The brackets do not match: “(6/576”. Write a number, or an expression"),
        ("n/2", "“n” has no value here. Write a number, or an expression such as sqrt(6/576)"),
        ("√2/3", "Can't read “√2/”. Put the argument of the function in brackets: sqrt(2)."),
        ("2,5*3", "The comma in “2,5*3” is ambiguous."),
        ("1/(1-1)", "“1/(1-1)” has no value"),
        ("1 < 2", "“1 < 2” is true or false, not a number."),
        ("sum(i, 1, 10^9, i)", "“sum(i, 1, 10^9, i)” has no value"),
        ("1" + "+1" * 400, "That is too long."),
        ("sqrt(" * 45 + "1" + ")" * 45, "That is nested too deeply."),
    ],
)
def test_a_typing_error_in_a_number_is_named_for_what_it_is(text: str, message: str) -> None:
    mark = marking.numeric(text, BOUND)
    assert mark.outcome == "unread" and mark.message.startswith(message)


@given(trees(["2", "0.5"]), st.integers(0, 63))
def test_an_expression_of_numbers_counts_like_its_value(text: str, seed: int) -> None:
    assume(_has_values(text))
    value = float(read(text).at())
    assume(1e-200 < abs(value) < 1e200)
    assert marking.numeric(text, Variant(seed, {}, value, 1e-9, 0.0, ())).is_right


@given(st.floats(1e-9, 1e9) | st.floats(-1e9, -1e-9), st.floats(-0.5, 0.5))
def test_the_tolerance_decides_and_nothing_else(answer: float, off: float) -> None:
    variant = Variant(0, {}, answer, 0.01, 1e-6, ())
    value = answer * (1 + off)
    assert marking.numeric(repr(value), variant).is_right == variant.is_right(value)


def test_the_tolerance_as_a_sentence() -> None:
    assert marking.tolerance(VARIANT) == "An answer within 0.1 % counts as right."
    assert (
        marking.tolerance(Variant(0, {}, 1.0, 0.0, 0.002, ()))
        == "An answer within 0.002 counts as right."
    )


# ---------------------------------------------------------------- choices

KEYS = ["a", "b", "c"]
ONE, SEVERAL, ORDER = (
    {"form": form, "right": right}
    for form, right in (("one", ["b"]), ("several", ["a", "c"]), ("order", ["c", "a", "b"]))
)


@pytest.mark.parametrize(
    ("facts", "chosen", "outcome"),
    [
        (ONE, ["b"], "right"),
        (ONE, ["a"], "wrong"),
        (ONE, ["a", "b"], "unread"),
        (ONE, [], "unread"),
        (ONE, ["z"], "unread"),
        (SEVERAL, ["c", "a"], "right"),
        (SEVERAL, ["a"], "wrong"),
        (SEVERAL, ["a", "b", "c"], "wrong"),
        (SEVERAL, ["a", "a"], "unread"),
        (ORDER, ["c", "a", "b"], "right"),
        (ORDER, ["a", "b", "c"], "wrong"),
        (ORDER, ["c", "a"], "unread"),
    ],
)
def test_choices(facts: dict[str, Any], chosen: list[str], outcome: str) -> None:
    mark = marking.choice(chosen, facts, KEYS)
    assert mark.outcome == outcome and bool(mark.message) == (outcome == "unread")


@pytest.mark.parametrize("placed", [[], ["c"], ["c", "a"]])
def test_an_incomplete_order_asks_for_positions_not_for_options(placed: list[str]) -> None:
    assert (
        marking.choice(placed, ORDER, KEYS).message
        == "Give every option a position, and use each position once."
    )


def test_a_mark_has_the_result_of_every_option() -> None:
    assert marking.choice(["a", "b"], SEVERAL, KEYS).options == {"a": True, "b": False, "c": False}
    assert marking.choice(["c", "b", "a"], ORDER, KEYS).options == {
        "c": True,
        "b": False,
        "a": False,
    }


@given(st.permutations(KEYS), st.sets(st.sampled_from(KEYS), min_size=1))
def test_only_the_right_set_and_the_right_order_are_right(order: list[str], some: set[str]) -> None:
    assert marking.choice(order, ORDER, KEYS).is_right == (order == ORDER["right"])
    assert marking.choice(sorted(some), SEVERAL, KEYS).is_right == (some == {"a", "c"})


# ---------------------------------------------------------------- derivations


@pytest.mark.parametrize(
    "text",
    [
        "2/(n+m)",
        "2 / (m + n)",
        "1/((n+m)/2)",
        "2*(n+m)^-1",
        "Var(w) = 2/(n+m)",
        "4/(2n + 2m)",
        "2(n+m)⁻¹",
        "2÷(n + m)",
        "२/(n+m)",
        "½·4/(n+m)",
    ],
)
def test_every_way_to_write_it_is_right(text: str) -> None:
    assert marking.derivation(text, CHECK).is_right


@pytest.mark.parametrize(
    "text", ["1/n", "2/n+m", "2/(n+m) + 0.00001", "2", "-2/(n+m)", "2/(n+m)^1.001"]
)
def test_another_formula_is_wrong(text: str) -> None:
    assert marking.derivation(text, CHECK).outcome == "wrong"


def test_a_formula_without_a_value_there_says_where() -> None:
    mark = marking.derivation("sqrt(0 - n)", CHECK)
    assert mark.outcome == "wrong" and "n = " in mark.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1/2n",
        "2/(n+k)",
        "f(n)",
        "n.real",
        "(" * 600,
        "2/(n+",
        "2/(n+m)!",
        "__import__('os')",
        "n if n else m",
    ],
)
def test_what_is_no_expression_is_unread_and_says_what_is(text: str) -> None:
    mark = marking.derivation(text, CHECK)
    assert mark.outcome == "unread" and "Write an expression in n, m" in mark.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/2n", "“1/2n” is ambiguous. Write 1/(2*n) or 1/2*n."),
        ("n^2/2m", "“n^2/2m” is ambiguous. Write n^2/(2*m) or n^2/2*m."),
        ("√(n)/2m", "“√(n)/2m” is ambiguous. Write √(n)/(2*m) or √(n)/2*m."),
        ("n^2m", "“n^2m” is ambiguous. Write n^(2*m) or n^2*m."),
        ("n(m)", "Can't read “n(m)”. Write products with a sign: n*(m)."),
        ("e(n+m)", "“e(n+m)” is ambiguous. Write e*(n+m) or exp(n+m)."),
        ("ln 2n", "“ln 2n” is ambiguous. Write ln(2)*n or ln(2*n)."),
        ("√n/2", "Can't read “√n/”. Put the argument of the function in brackets: sqrt(n)."),
        ("2,5n", "The comma in “2,5n” is ambiguous."),
        ("2/(n+m", "The brackets do not match: “(n+m”."),
        ("2/(n+)", "Something is missing after “2/(n+”."),
        ("/n", "Something is missing at the beginning."),
        ("n|m|", "Can't tell which bars belong together in “n|”. Write abs(…)."),
        ("2n + т", "“т” (U+0442) has no meaning here."),
        ("2n + х", "“х” (U+0445) only looks like the letter x."),
        ("2n \u202e+ m", "There is an invisible character (U+202E) in it; type it anew."),
        ("2n + 1①", "“①” (U+2460) has no meaning here."),
        ("50%", "Something is missing after “50%”."),
    ],
)
def test_a_refusal_names_the_part_and_what_to_write(text: str, message: str) -> None:
    mark = marking.derivation(text, CHECK)
    assert mark.outcome == "unread" and mark.message.startswith(message)


LN_2 = {"symbols": ["beta"], "answer": "log(2) / beta"}


@pytest.mark.parametrize(
    "text", ["0.693/β", "0.693 / beta", "0.6931/β", "1/(1.44β)", "1.386/(2β)", "1.414*0.490/β"]
)
def test_a_rounded_number_of_three_digits_is_right_and_noted(text: str) -> None:
    mark = marking.derivation(text, LN_2)
    assert mark.is_right and mark.note.startswith("We took ")
    assert mark.note.endswith(" as a rounded number.")
    assert not marking.derivation("ln(2)/β", LN_2).note


@pytest.mark.parametrize("text", ["0.69/β", "(0.500 - 0.5)*10^9/β"])
def test_a_rounded_number_that_says_little_is_asked_for_more_exactly(text: str) -> None:
    mark = marking.derivation(text, LN_2)
    assert mark.outcome == "unread" and "or with three digits" in mark.message


@pytest.mark.parametrize(
    "text", ["0.694/β", "0.7/β", "0.693*β", "0.693/β + 0.001", "0.693/β^2", "0.5*1.5/β"]
)
def test_a_rounded_number_that_does_not_agree_is_wrong(text: str) -> None:
    assert marking.derivation(text, LN_2).outcome == "wrong"


def test_a_number_that_the_answer_has_is_exact_not_rounded() -> None:
    check = {"symbols": ["n"], "answer": "n^0.0010"}
    assert marking.derivation("n^0.0010 + n/10^5", check).outcome == "wrong"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("ln 2/β", "We read ln 2/β as ln(2)/β."),
        ("\\ln 2 / \\beta", "We read \\ln 2 / \\beta as ln(2) / \\beta."),
        ("√4·ln 2/(2β)", "We read √4*ln 2/(2β) as sqrt(4)*ln(2)/(2β)."),
    ],
)
def test_a_function_without_brackets_is_read_as_printed_where_that_is_right(
    text: str, note: str
) -> None:
    mark = marking.derivation(text, LN_2)
    assert mark.is_right and mark.note == note


@pytest.mark.parametrize("text", ["ln 3/β", "√2/β", "ln 2^β", "ln 2/ln 3/ln 4/ln 5/ln 6/β"])
def test_a_function_without_brackets_is_never_wrong_but_asked_for_with_them(text: str) -> None:
    assert marking.derivation(text, LN_2).outcome == "unread"


def test_symbols_are_sampled_from_the_given_range() -> None:
    check = {"symbols": ["x"], "answer": "abs(x - 5)", "range": [5, 9]}
    assert marking.derivation("x - 5", check).is_right
    assert not marking.derivation("x - 5", {**check, "range": {"x": [1, 9]}}).is_right


def test_an_answer_of_zero_forgives_rounding() -> None:
    assert marking.derivation("0.1 * 3 * n - 0.3 * n", {"symbols": ["n"], "answer": "0"}).is_right


SUM = {"symbols": ["p"], "answer": "p * (p + 1) / 2"}


def test_whole_symbols_are_sampled_whole_so_that_a_sum_to_one_of_them_has_a_value() -> None:
    whole = {**SUM, "whole": ["p"]}
    for text in ("sum(i,1,p,i)", "sum(i, 1, p, p + 1 - i)", "p(p+1)/2", "½p(p+1)"):
        for seed in range(4):
            assert marking.derivation(text, whole, seed).is_right, text
    for text in ("sum(i,0,p-1,i)", "p(p-1)/2", "p^2/2", "sum(i,1,p,i) + p//9"):
        assert marking.derivation(text, whole).outcome == "wrong", text
    assert "at p = 0." in marking.derivation("sum(i,1,p,i)", {**SUM, "range": [0.5, 0.9]}).message


@given(st.integers(-30, 30), st.integers(7, 300), st.integers(0, 63))
def test_whole_symbols_are_within_their_bounds_and_differ(low: int, size: int, seed: int) -> None:
    check = {"symbols": ["n", "x"], "whole": ["n"], "answer": "n + x"}
    check["range"] = {"n": [low, low + size]}
    points = list(marking._sample_points(check, seed))
    assert all(type(point["n"]) is int and low <= point["n"] <= low + size for point in points)
    assert all(type(point["x"]) is float and 0.5 < point["x"] < 3 for point in points)
    assert len({point["n"] for point in points[:8]}) >= 6
    alone = list(marking._sample_points({**check, "symbols": ["n"]}, seed))
    assert len({point["n"] for point in alone}) == len(alone) >= marking.COMPARED_POINTS


@given(trees(["n", "m"]), st.integers(0, 63))
def test_a_formula_equals_itself_written_otherwise_and_not_itself_and_a_little(
    text: str, seed: int
) -> None:
    assume(_has_values(text))
    check = {"symbols": ["n", "m"], "answer": f"exp(1 / (1 + abs({text})))"}
    assert marking.derivation(f"exp((1 + abs({text}))^(-1))", check, seed).is_right
    assert marking.derivation(f"{check['answer']} + n / 1000", check, seed).outcome == "wrong"


def _has_values(text: str) -> bool:
    try:
        return all(
            isinstance(read(text, ["n", "m"]).at(n=n, m=m), int | float)
            for n, m in ((0.7, 2.9), (1.3, 0.6), (2.2, 2.1))
        )
    except NoValue:
        return False


@pytest.mark.parametrize(
    "text", ["n^½", "n^(½)", "r ＝ sqrt(n)", "f(n)=√(n)", "ｎ＾０．５", "r = n^½"]
)
def test_signs_of_other_keyboards_are_read(text: str) -> None:
    assert marking.derivation(text, {"symbols": ["n"], "answer": "sqrt(n)"}).is_right
