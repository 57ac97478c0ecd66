"""Numbers in a formula that may be rounded ones, in whatever notation: 0.693, .693, 6.93e-1, 693e-3
and 693/1000 for log(2). A number stands for what it may have been rounded from: half a unit of its
last digit more or less.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from apps.questions import expressions
from apps.questions.expressions import Expression
from apps.questions.notation import Token, tokenize

POWER_OF_TEN = re.compile("10+")


@dataclass(frozen=True)
class RoundedNumber:
    """A number as it was typed, and what it stands for."""

    text: str
    start: int  # in the formula
    end: int
    digits: int  # significant ones
    value: float
    half_unit: float  # of its last digit


def rounded_numbers(formula: str) -> list[RoundedNumber]:
    """Return the numbers of a formula that was read (`Expression.text`) which may be rounded: those
    with digits behind the point, whichever way they are written. A whole number is itself.
    """
    return list(_rounded(formula, tokenize(formula)))


def exact_numbers(expression: Expression) -> set[float]:
    """Return the numbers that stand in an expression."""
    tokens = tokenize(expression.text)
    return {float(token.text) for token in tokens if token.kind == "number"}


def _rounded(formula: str, tokens: Sequence[Token]) -> Iterator[RoundedNumber]:
    for at, token in enumerate(tokens):
        if token.kind != "number":
            continue
        mantissa, _mark, exponent = token.text.lower().partition("e")
        whole, point, decimals = mantissa.partition(".")
        end, scale = token.end, int(exponent or 0)
        if divisor := _divisor(tokens[at + 1 : at + 3]):
            end, scale = divisor.end, scale - len(divisor.text) + 1
        # 1.00 is one: where a term is small, it would agree with anything
        if float(mantissa).is_integer() and (point or scale >= 0):
            continue
        yield RoundedNumber(
            text=formula[token.start : end],
            start=token.start,
            end=end,
            digits=len((whole + decimals).lstrip("0")),
            value=float(f"{mantissa}e{scale}"),
            half_unit=float(f"0.5e{scale - len(decimals)}"),
        )


def _divisor(following: Sequence[Token]) -> Token | None:
    """Return the power of ten by which a number is divided, if what follows it is one."""
    match [token.text for token in following]:
        case ["/", power] if POWER_OF_TEN.fullmatch(power):
            return following[1]
    return None


def bounds(
    formula: str, rounded: Sequence[RoundedNumber], symbols: Collection[str]
) -> list[Expression]:
    """Return the formula with every rounded number at either end of what it may stand for; none if
    that cannot be read, because it is too long.
    """
    ends = []
    for signs in product((-1, 1), repeat=len(rounded)):
        written, at = "", 0
        for number, sign in zip(rounded, signs, strict=True):
            written += f"{formula[at : number.start]}({number.value + sign * number.half_unit!r})"
            at = number.end
        try:
            ends.append(expressions.read(written + formula[at:], symbols))
        except expressions.BadExpression:
            return []
    return ends
