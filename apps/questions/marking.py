"""Whether an answer is right. Pure: no database, no learner, no text but messages. Which rating
follows from a mark is decided in `progress`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from apps.common import normalize, numbers
from apps.common.text import in_language, length
from apps.questions import expressions
from apps.questions.answers import (
    ChoiceAnswer,
    CodeAnswer,
    NumberAnswer,
    OrderAnswer,
    PointsAnswer,
    StepAnswer,
    TextAnswer,
    TypedAnswer,
)
from apps.questions.expressions import Expression
from apps.questions.limits import MAX_EXPRESSION_LENGTH, MAX_WRITTEN_LENGTH
from apps.questions.sampling import stable_index
from apps.questions.variants import ChoicePart, NumericPart, OrderPart, QuestionVariant, Step

RIGHT, WRONG, KEPT, UNREAD = "right", "wrong", "kept", "unread"
COMPARED_POINTS = 8  # at which two expressions are compared
DEFAULT_RANGE = (0.5, 3.0)  # of a symbol for which a check names no range
RELATIVE_TOLERANCE = 1e-6  # far above rounding errors, far below the difference of two formulas
ZERO_TOLERANCE = 1e-9  # rounding error where the answer is exactly 0
RANGE_STEPS = 10**6  # of a range from which values are sampled
DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+(?![\w.])")
MIN_ROUNDED_DIGITS = 3  # significant digits of a number that may be a rounded one


@dataclass(frozen=True)
class Mark:
    """How an answer was marked: right, wrong, or kept where the learner grades it. Invalid input is
    `unread` and not graded. `message` says why, or explains a common mistake; `note` says how the
    input was read.
    """

    outcome: str  # right, wrong, kept or unread
    message: str = ""
    note: str = ""
    value: Any = None  # what was read: a number, keys of options, a text
    # of a choice: by key, whether the option was rightly chosen, left out or placed
    options: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT

    @property
    def was_read(self) -> bool:
        return self.outcome != UNREAD


def mark(variant: QuestionVariant, name: str, answer: TypedAnswer) -> Mark:
    """Mark the answer to something of a question. A pure function: marking again gives the same.

    Args:
        answer: of the type that `answers.answer_type` names.
    """
    part = variant.marked.get(name)
    match answer, part:
        case NumberAnswer(text=text), NumericPart():
            return numeric(text, part)
        case ChoiceAnswer(chosen=chosen), ChoicePart():
            return choice(chosen, part)
        case OrderAnswer(order=order), OrderPart():
            return ordering(order, part)
        case StepAnswer(), Step():
            return step(answer, part, variant.seed)
        case ((TextAnswer(text=text) | CodeAnswer(text=text)), None):
            return written(text, variant.starter)
        case PointsAnswer(ticked=ticked), None:
            return Mark(KEPT, value=sorted({n for n in ticked if n < variant.points}))
    raise TypeError(f"{type(answer).__name__} does not answer {name}")


# ---------------------------------------------------------------- numbers


def numeric(text: str, part: NumericPart) -> Mark:
    """Mark a typed number; the part's unit may follow it, in either language."""
    reading = numbers.read(text, list(part.unit.values()))
    if reading.value is None:
        return Mark(UNREAD, message=reading.problem)
    value = reading.value
    if part.is_right(value):
        return Mark(RIGHT, note=reading.note, value=value)
    if reading.other is not None and part.is_right(reading.other):
        return Mark(UNREAD, message=reading.doubt)  # 1.500 of somebody who groups with points
    mistake = next((wrong for wrong in part.wrong if part.is_near(value, wrong.value)), None)
    message = in_language(mistake.message) if mistake else ""
    return Mark(WRONG, message=message, note=reading.note, value=value)


def tolerance(part: NumericPart) -> str:
    """Return a sentence that says how close an answer must be."""
    if part.absolute > 0 and part.absolute >= part.relative * abs(part.answer):
        absolute = numbers.format_exact(part.absolute)
        return _("An answer within %(n)s counts as right.") % {"n": absolute}
    percent = numbers.format_exact(part.relative * 100)
    return _("An answer within %(n)s %% counts as right.") % {"n": percent}


# ---------------------------------------------------------------- choices and orders


def choice(chosen: Sequence[str], part: ChoicePart) -> Mark:
    """Mark the options that were chosen."""
    if unread := _unknown_options(chosen, part):
        return unread
    if not chosen or (not part.takes_several and len(chosen) != 1):
        one, several = _("Choose one option."), _("Choose at least one option.")
        return Mark(UNREAD, message=several if part.takes_several else one)
    options = {key: (key in chosen) == (key in part.right) for key in part.options}
    return Mark(RIGHT if all(options.values()) else WRONG, value=list(chosen), options=options)


def ordering(order: Sequence[str], part: OrderPart) -> Mark:
    """Mark the options in the order that they were given."""
    if unread := _unknown_options(order, part):
        return unread
    if len(order) != len(part.right):
        message = _("Give every option a position, and use each position once.")
        return Mark(UNREAD, message=message)
    placed = {key: key == right for key, right in zip(order, part.right, strict=True)}
    outcome = RIGHT if all(placed.values()) else WRONG
    return Mark(outcome, value=list(order), options=placed)


def _unknown_options(keys: Sequence[str], part: ChoicePart | OrderPart) -> Mark | None:
    if set(keys) <= set(part.options) and len(set(keys)) == len(keys):
        return None
    message = _("That is not one of the options. Reload the page and choose again.")
    return Mark(UNREAD, message=message)


# ---------------------------------------------------------------- written answers


def written(text: str, starter: str) -> Mark:
    """Keep what was written, which the learner grades: more than the starter code."""
    if not is_written(text, starter):
        return Mark(UNREAD, message=_("You haven't written anything."))
    if length(text) > MAX_WRITTEN_LENGTH:
        message = _("That is too long to save. Shorten it to %(n)s characters.")
        return Mark(UNREAD, message=message % {"n": MAX_WRITTEN_LENGTH})
    return Mark(KEPT, value=text)


def is_written(text: str, starter: str) -> bool:
    """Return whether a text holds more than the starter code that its field began with."""
    return "".join(text.split()) not in ("", "".join(starter.split()))


# ---------------------------------------------------------------- derivations


def step(answer: StepAnswer, part: Step, seed: int) -> Mark:
    """Mark a step: by its check, or as the learner marks it; a checked one only as given up."""
    if answer.own:
        is_right = part.check is None and answer.own == "had"
        return Mark(RIGHT if is_right else WRONG, value=answer.own)
    if part.check is None:
        return Mark(UNREAD, message=_("Say whether you had this step or missed it."))
    return replace(derivation(answer.text, part.check, seed), value=answer.text)


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
