"""Whether an answer is right. Pure: no database, no learner. Which rating follows from a mark is
decided in `progress`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from apps.common import normalize, numbers
from apps.common.text import in_language
from apps.questions import expressions
from apps.questions.expressions import Expression
from apps.questions.limits import MAX_EXPRESSION_LENGTH
from apps.questions.variants import Variant, stable_index

RIGHT, WRONG, UNREAD = "right", "wrong", "unread"
COMPARED_POINTS = 8  # at which two expressions are compared
DEFAULT_RANGE = (0.5, 3.0)  # of a symbol for which a check names no range
RELATIVE_TOLERANCE = 1e-6  # far above rounding errors, far below the difference of two formulas
ZERO_TOLERANCE = 1e-9  # rounding error where the answer is exactly 0
RANGE_STEPS = 10**6  # of a range from which values are sampled
DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+(?![\w.])")
MIN_ROUNDED_DIGITS = 3  # significant digits of a number that may be a rounded one


@dataclass(frozen=True)
class Mark:
    """How an answer was marked. Invalid input is `unread` and not graded. `message` says why, or
    explains a common mistake; `note` says how the input was read.
    """

    outcome: str  # right, wrong or unread
    message: str = ""
    note: str = ""
    value: float | None = None  # the number that was read
    # of a choice: by key, whether the option was rightly chosen, left out or placed
    options: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT

    @property
    def was_read(self) -> bool:
        return self.outcome != UNREAD


# ---------------------------------------------------------------- numbers


def numeric(text: str, variant: Variant, unit: Mapping[str, str] | None = None) -> Mark:
    """Mark a typed number against a variant.

    Args:
        unit: of the part, in both languages; either may follow the number.
    """
    reading = numbers.read(text, list((unit or {}).values()))
    if reading.value is None:
        return Mark(UNREAD, message=reading.problem)
    if variant.is_right(reading.value):
        return Mark(RIGHT, note=reading.note, value=reading.value)
    if reading.other is not None and variant.is_right(reading.other):
        return Mark(UNREAD, message=reading.doubt)  # 1.500 of somebody who groups with points
    mistake = next(
        (wrong for wrong in variant.wrong if variant.is_near(reading.value, wrong.value)), None
    )
    return Mark(
        WRONG,
        message=in_language(mistake.message) if mistake else "",
        note=reading.note,
        value=reading.value,
    )


def tolerance(variant: Variant) -> str:
    """Return a sentence that says how close an answer must be."""
    if variant.absolute > 0 and variant.absolute >= variant.relative * abs(variant.answer):
        absolute = numbers.format_exact(variant.absolute)
        return _("An answer within %(n)s counts as right.") % {"n": absolute}
    percent = numbers.format_exact(variant.relative * 100)
    return _("An answer within %(n)s %% counts as right.") % {"n": percent}


# ---------------------------------------------------------------- choices


def choice(chosen: Sequence[str], facts: Mapping[str, Any], keys: Collection[str]) -> Mark:
    """Mark the options that were chosen, or their order.

    Args:
        facts: one `[[choice]]`: `form` (one, several, order) and `right`, the keys of the right
            options (in order: all of them).
        keys: of all options.
    """
    form, right = facts["form"], list(facts["right"])
    if set(chosen) - set(keys) or len(set(chosen)) != len(chosen):
        message = _("That is not one of the options. Reload the page and choose again.")
        return Mark(UNREAD, message=message)
    if form == "order":
        if len(chosen) != len(right):
            message = _("Give every option a position, and use each position once.")
            return Mark(UNREAD, message=message)
        placed = {key: position == right.index(key) for position, key in enumerate(chosen)}
        return Mark(RIGHT if list(chosen) == right else WRONG, options=placed)
    if not chosen or (form == "one" and len(chosen) != 1):
        message = _("Choose one option.") if form == "one" else _("Choose at least one option.")
        return Mark(UNREAD, message=message)
    options = {key: (key in chosen) == (key in right) for key in keys}
    return Mark(RIGHT if all(options.values()) else WRONG, options=options)


# ---------------------------------------------------------------- derivations


def derivation(text: str, check: Mapping[str, Any], seed: int = 0) -> Mark:
    """Mark an expression against the answer of a step's check, by comparing both at pseudorandom
    values of the symbols.

    Args:
        check: `symbols`, `answer`, and optionally `range`: [low, high] for all symbols, or
            {symbol: [low, high]}.
    """
    symbols = list(check["symbols"])
    try:
        given = expressions.read(_right_side(text), symbols)
    except expressions.BadExpression as error:
        return Mark(UNREAD, message=explain(error, symbols))
    answer = expressions.read(check["answer"], symbols)
    compared = 0
    for point in _sample_points(check, seed):
        try:
            expected = answer.at(**point)
        except expressions.NoValue:
            continue  # outside the answer's domain
        try:
            value = given.at(**point)
        except expressions.NoValue:
            message = _("It is undefined at %(where)s.") % {"where": _format_point(point)}
            return Mark(WRONG, message=message)
        if abs(value - expected) > _tolerance_at(expected, value):
            return _mark_of_rounded(given, answer, check, seed) or Mark(WRONG)
        compared += 1
        if compared == COMPARED_POINTS:
            return Mark(RIGHT)
    return Mark(WRONG)  # schema.py refuses answers that have a value at too few points


def _tolerance_at(expected: float, value: float) -> float:
    return RELATIVE_TOLERANCE * max(abs(expected), abs(value)) if expected else ZERO_TOLERANCE


def _right_side(text: str) -> str:
    """Return what follows the last equals sign, of any width: sqrt(3) of `r = sqrt(3)`."""
    return re.split(r"(?<![<>=!＜＞＝！])[=＝﹦🟰](?![=＝])", text[: MAX_EXPRESSION_LENGTH * 2])[-1]


def _sample_points(check: Mapping[str, Any], seed: int) -> Iterator[dict[str, float]]:
    """Yield values of the symbols at which two expressions are compared: more than COMPARED_POINTS,
    since the answer may be undefined at some.
    """
    for turn in range(COMPARED_POINTS * 8):
        yield {
            name: _between(*_range(check, name), f"{seed}/{turn}/{name}")
            for name in check["symbols"]
        }


def _mark_of_rounded(
    given: Expression, answer: Expression, check: Mapping[str, Any], seed: int
) -> Mark | None:
    """Return a mark that asks for the exact number, if the only difference is that one is rounded:
    0.693 for log(2).
    """
    decimals = [match for match in DECIMAL.finditer(given.text) if _may_be_rounded(match[0])]
    if len(decimals) != 1:
        return None
    number = decimals[0]
    half = 0.5 * 10.0 ** -len(number[0].partition(".")[2])
    before, after = given.text[: number.start()], given.text[number.end() :]
    bounds = [
        expressions.read(f"{before}({float(number[0]) + off!r}){after}", check["symbols"])
        for off in (-half, half)
    ]
    for point in islice(_sample_points(check, seed), COMPARED_POINTS):
        try:
            low, high = sorted(bound.at(**point) for bound in bounds)
            if not low <= answer.at(**point) <= high:
                return None
        except expressions.NoValue:
            return None
    message = _(
        "With %(number)s as a rounded number this agrees. Write it exactly, as log(2) or 1/3."
    )
    return Mark(UNREAD, message=message % {"number": number[0]})


def _may_be_rounded(decimal: str) -> bool:
    return len(decimal.replace(".", "").lstrip("0")) >= MIN_ROUNDED_DIGITS


def _range(check: Mapping[str, Any], name: str) -> tuple[float, float]:
    ranges = check.get("range", DEFAULT_RANGE)
    low, high = ranges.get(name, DEFAULT_RANGE) if isinstance(ranges, Mapping) else ranges
    return float(low), float(high)


def _between(low: float, high: float, key: str) -> float:
    return low + (high - low) * (1 + stable_index(key, RANGE_STEPS - 1)) / RANGE_STEPS


def _format_point(point: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.3g}" for name, value in point.items())


def explain(error: expressions.BadExpression, symbols: Sequence[str]) -> str:
    """Return why text was not read as an expression, and what would be."""
    part = error.part[:40]
    is_foreign = error.code == "character" and not part.isascii()
    one, other = (*error.instead, "", "")[:2]
    reason = {
        "empty": _("Enter an answer."),
        "long": _("That is too long."),
        "deep": _("That is nested too deeply."),
        "character": _("“%(part)s” is not allowed in an expression."),
        "syntax": _("Can't read “%(part)s”. Is a bracket or an operator missing?"),
        "missing": _("Something is missing after “%(part)s”.")
        if part
        else _("Something is missing at the beginning."),
        "brackets": _("The brackets do not match: “%(part)s”."),
        "product": _("Can't read “%(part)s”. Write products with a sign: %(one)s."),
        "ambiguous": _("“%(part)s” is ambiguous. Write %(one)s or %(other)s."),
        "argument": _(
            "Can't read “%(part)s”. Put the argument of the function in brackets: %(one)s."
        ),
        "bars": _("Can't tell which bars belong together in “%(part)s”. Write %(one)s."),
        "comma": _(
            "The comma in “%(part)s” is ambiguous. Write 221312 for thousands, 5.3 for a decimal."
        ),
        "name": _("“%(part)s” is not one of the symbols."),
        "function": _("There is no function “%(part)s”."),
        "arguments": _("“%(part)s” cannot take these arguments."),
        "forbidden": _("Can't read “%(part)s”."),
    }[error.code] % {"part": part, "one": one[:60], "other": other[:60]}
    if is_foreign:
        reason = normalize.describe_character(part)
    names = ", ".join(symbols) or _("numbers only")
    advice = _("Write an expression in %(symbols)s with + - * / ^ sqrt() exp() log().")
    return f"{reason} {advice % {'symbols': names}}"
