"""Whether an answer is right. Pure: no database, no learner, no text but messages. Which rating
follows from a mark is decided in `progress`.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common import normalize, numbers
from apps.common.number_format import MAX_DIGITS, SIGNIFICANT_DIGITS, significant
from apps.common.text import in_language, join_sentences, length
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
from apps.questions.rounded_numbers import bounds, exact_numbers, rounded_numbers
from apps.questions.sampling import stable_index
from apps.questions.schema import StepCheck
from apps.questions.variants import ChoicePart, NumericPart, OrderPart, QuestionVariant, Step

RIGHT, WRONG, KEPT, UNREAD = "right", "wrong", "kept", "unread"
COMPARED_POINTS = 8  # at which two expressions are compared
DEFAULT_RANGE = (0.5, 3.0)  # of a symbol for which a check names no range
DEFAULT_WHOLE_RANGE = (2, 9)  # of such a symbol that is a whole number: 0 and 1 hide factors
RELATIVE_TOLERANCE = 1e-6  # far above rounding errors, far below the difference of two formulas
ZERO_TOLERANCE = 1e-9  # rounding error where the answer is exactly 0
RANGE_STEPS = 10**6  # of a range from which values are sampled
MAX_SHUFFLED = 100  # whole numbers that are drawn without repetition
MIN_ROUNDED_DIGITS = 2  # significant digits of a number that may be a rounded one
GOOD_DIGITS = 3  # of a rounded number that counts
ROUNDED_TOLERANCE = 5e-3  # relative: what three digits are worth, at least
MAX_ROUNDED_NUMBERS = 2
# an operator between two operands, a bracket, or a function; a sign alone is part of a number
LOOKS_LIKE_A_FORMULA = re.compile(
    rf"\S\s*[-+*/^]|[()√|\\]|(?<![A-Za-z])(?:{'|'.join(sorted(expressions.FUNCTIONS))})(?![A-Za-z])"
)
HALF_TYPED = re.compile(
    r"[+-]?[\d.,' ]+[eE]"
)  # 2.2e, whose exponent is missing, and not 2.2 times e
EXACT = 1e-6  # relative: a smaller tolerance is for rounding errors alone
ROUNDING = 1e-9  # of a logarithm
NOTE_DIGITS = 4  # significant, of the value that a note shows
MAX_PRINTED_FUNCTIONS = 4  # without brackets, in one formula


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
    """Mark a typed number, or an expression of numbers such as sqrt(6/576); the part's unit may
    follow it, in either language.
    """
    text, units = _right_side(text), list(part.unit.values())
    reading = numbers.read(text, units)
    if reading.value is None:
        if reading.is_number:
            return Mark(UNREAD, message=reading.problem)
        return _computed(text, part, units, reading.problem)
    mark = _mark_of_number(reading.value, part, reading.note)
    if not mark.is_right and reading.other is not None and part.is_right(reading.other):
        return Mark(UNREAD, message=reading.doubt)  # 1.500 of somebody who groups with points
    return mark


def _unless_grouped(mark: Mark, text: str, mark_again: Callable[[str], Mark]) -> Mark:
    """Return the mark of an expression; where it is wrong, with how its points were read, or not
    graded where it would be right if they grouped thousands, as in 1.000*3.
    """
    if mark.outcome != WRONG:
        return mark
    other, doubt = numbers.other_reading(text, ".")
    if other and mark_again(other).is_right:
        return Mark(UNREAD, message=doubt)
    return replace(mark, note=join_sentences(numbers.point_notes(text), mark.note))


def _mark_of_number(value: float, part: NumericPart, note: str) -> Mark:
    if part.is_right(value):
        return Mark(RIGHT, note=note, value=value)
    mistake = next((wrong for wrong in part.wrong if part.is_near(value, wrong.value)), None)
    message = in_language(mistake.message) if mistake else ""
    return Mark(WRONG, message=message, note=note, value=value)


def _computed(text: str, part: NumericPart, units: Collection[str], problem: str) -> Mark:
    """Mark a text that is no number as an expression of numbers.

    Args:
        problem: why it is no number; shown unless it looks like a formula.
    """
    plain = normalize.to_plain(text, MAX_EXPRESSION_LENGTH, "({})")
    bare, scale = numbers.without_unit(plain, units)
    if HALF_TYPED.fullmatch(bare):
        return Mark(UNREAD, message=problem)
    try:
        expression = expressions.read(bare)
    except expressions.BadExpression as error:
        if (printed := _read_as_printed(error, ())) is None:
            message = explain(error, ()) if LOOKS_LIKE_A_FORMULA.search(bare) else problem
            return Mark(UNREAD, message=message)
        mark = _mark_of_value(printed, scale, part)
        return mark if mark.is_right else Mark(UNREAD, message=explain(error, ()))
    if scale != 1 and _is_sum(expression.tree):  # 1-5%: per cent of the whole, or of the 5?
        meanings = f"({bare})*{scale:g}", f"{bare}*{scale:g}"
        ambiguous = expressions.BadExpression("ambiguous", plain, *meanings)
        return Mark(UNREAD, message=explain(ambiguous, ()))
    return _unless_grouped(
        _mark_of_value(expression, scale, part),
        expression.text,
        lambda other: _mark_of_value(expressions.read(other), scale, part),
    )


def _is_sum(tree: ast.expr) -> bool:
    return isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)


def _mark_of_value(expression: Expression, scale: float, part: NumericPart) -> Mark:
    """Mark the value of an expression without symbols; a note says what it came to."""
    try:
        value = expression.at()
    except expressions.NoValue:
        message = _(
            "“%(text)s” has no value: it divides by zero, takes the root of a negative number, or "
            "becomes too large."
        )
        return Mark(UNREAD, message=message % {"text": expression.text[:40]})
    if isinstance(value, bool):
        message = _("“%(text)s” is true or false, not a number.")
        return Mark(UNREAD, message=message % {"text": expression.text[:40]})
    value = float(value) * scale
    typed = f"({expression.text[:60]})" if scale != 1 else expression.text[:60]
    factor = f" * {scale:g}" if scale != 1 else ""
    note = f"{typed}{factor} = {significant(value, NOTE_DIGITS)}"
    return _mark_of_number(value, part, note)


def tolerance(part: NumericPart) -> str:
    """Return a sentence that says how close an answer must be."""
    if part.absolute > 0 and part.absolute >= part.relative * abs(part.answer):
        absolute = numbers.format_exact(part.absolute)
        return _("An answer within %(n)s counts as right.") % {"n": absolute}
    relative = f"{numbers.format_exact(part.relative * 100)}%"
    return _("An answer within %(n)s counts as right.") % {"n": relative}


def precision(part: NumericPart) -> str:
    """Return in which unit a number is to be given, and how precisely: so many digits that
    rounding to them stays within the tolerance.
    """
    unit = in_language(part.unit)
    in_unit = _("In %(unit)s.") % {"unit": unit} if unit else ""
    return join_sentences(in_unit, _enough(part))


def _enough(part: NumericPart) -> str:
    scale = abs(part.answer)
    if part.absolute <= EXACT * max(1, scale) and (part.relative <= EXACT or not scale):
        return _("Give the exact value.")
    if part.absolute > 0 and part.absolute >= part.relative * scale:
        digits = max(0, math.ceil(-math.log10(2 * part.absolute) - ROUNDING))
        if not digits:
            return _("A whole number is enough.")
        enough = ngettext(
            "%(n)s decimal place is enough.", "%(n)s decimal places are enough.", digits
        )
    else:
        digits = max(1, math.ceil(1 - math.log10(2 * part.relative) - ROUNDING))
        enough = ngettext(
            "%(n)s significant figure is enough.",
            "%(n)s significant figures are enough.",
            digits,
        )
    return enough % {"n": digits}


def right_answer(part: NumericPart) -> str:
    """Return the right number: whole where it is whole, otherwise with as many digits as its
    tolerance needs, of which rounding takes a tenth at most.
    """
    if part.answer == int(part.answer) and abs(part.answer) < numbers.MAX_EXACT_WHOLE:
        return numbers.format_exact(part.answer)
    for digits in range(SIGNIFICANT_DIGITS, MAX_DIGITS + 1):
        rounded = significant(part.answer, digits)
        if abs(float(rounded) - part.answer) <= part.tolerance_at(part.answer) / 10:
            return rounded
    return numbers.format_exact(part.answer)


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


def derivation(text: str, check: StepCheck, seed: int = 0) -> Mark:
    """Mark an expression against the answer of a step's check, by comparing both at pseudorandom
    values of the symbols.
    """
    symbols = check.symbols
    try:
        given = expressions.read(_right_side(text), symbols)
    except expressions.BadExpression as error:
        if printed := _read_as_printed(error, symbols):
            mark = _compared(printed, check, seed)
            if mark.is_right:
                return replace(mark, note=_read_note(_right_side(text), printed.text, mark.note))
        return Mark(UNREAD, message=explain(error, symbols))
    mark = _compared(given, check, seed)
    return _unless_grouped(
        mark, given.text, lambda other: _compared(expressions.read(other, symbols), check, seed)
    )


def _compared(given: Expression, check: StepCheck, seed: int) -> Mark:
    answer = expressions.read(check.answer, check.symbols)
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
    return Mark(WRONG)  # validators.py refuses answers that have a value at too few points


def _read_as_printed(
    error: expressions.BadExpression, symbols: Collection[str]
) -> Expression | None:
    """Return a refused text as pages print such a formula, `ln 2/β` as (ln 2)/β; None if print has
    no usual reading of it.

    Its author may have meant ln(2/β). So what is right in this reading counts, with a note, and
    what is not is asked for with brackets instead of being called wrong.
    """
    for _turn in range(MAX_PRINTED_FUNCTIONS):
        if not error.as_printed:
            return None
        try:
            return expressions.read(error.as_printed, symbols)
        except expressions.BadExpression as next_error:
            error = next_error
    return None


def _read_note(typed: str, read: str, *others: str) -> str:
    typed = normalize.to_plain(typed, MAX_EXPRESSION_LENGTH)
    note = _("We read %(text)s as %(number)s.") % {"text": typed, "number": read}
    return join_sentences(note, *others)


def _tolerance_at(expected: float, value: float) -> float:
    return RELATIVE_TOLERANCE * max(abs(expected), abs(value)) if expected else ZERO_TOLERANCE


def _right_side(text: str) -> str:
    """Return what follows the last equals sign, of any width: sqrt(3) of `r = sqrt(3)`."""
    return re.split(r"(?<![<>=!＜＞＝！])[=＝﹦🟰](?![=＝])", text[: MAX_EXPRESSION_LENGTH * 2])[-1]


def _sample_points(check: StepCheck, seed: int) -> Iterator[dict[str, expressions.Number]]:
    """Yield values of the symbols at which two expressions are compared: more than COMPARED_POINTS,
    since the answer may be undefined at some. Of whole numbers, each combination comes once.
    """
    seen = set()
    for turn in range(COMPARED_POINTS * 8):
        point = {name: _sampled(check, name, seed, turn) for name in check.symbols}
        if tuple(point.values()) in seen and check.whole:
            continue
        seen.add(tuple(point.values()))
        yield point


def _sampled(check: StepCheck, name: str, seed: int, turn: int) -> expressions.Number:
    low, high = range_of(check, name)
    if name in check.whole:
        return _whole_between(int(low), int(high), f"{seed}/{name}", turn)
    return _between(float(low), float(high), f"{seed}/{turn}/{name}")


def _mark_of_rounded(
    given: Expression, answer: Expression, check: StepCheck, seed: int
) -> Mark | None:
    """Return a mark for a formula in which only numbers are rounded, as 0.693/β for log(2)/β; None
    if it differs otherwise, or its numbers have one digit.

    With three digits it is right, and a note says that a number was taken as rounded: pages print
    0.693 themselves, numbers are asked for with three digits, and who has found this one has done
    the derivation. With two (0.69/β) it is not graded but asked for more exactly: it agrees as far
    as it goes, so “wrong” would be untrue, and nearly any formula can be hit by two free digits.
    So it is where the rounded digits do not give the answer to three (0.500 - 0.5 times 10^9).
    """
    exact = exact_numbers(answer)
    typed = [number for number in rounded_numbers(given.text) if number.value not in exact]
    for digits in (GOOD_DIGITS, MIN_ROUNDED_DIGITS):
        rounded = [number for number in typed if number.digits >= digits]
        if not 0 < len(rounded) <= MAX_ROUNDED_NUMBERS:
            continue
        ends = bounds(given.text, rounded, check.symbols)
        difference = _difference_within(ends, given, answer, check, seed)
        if difference is None:
            continue
        number = ", ".join(dict.fromkeys(number.text for number in rounded))
        if digits == GOOD_DIGITS and difference <= ROUNDED_TOLERANCE:
            note = _("We took %(number)s as a rounded number.")
            return Mark(RIGHT, note=note % {"number": number})
        message = _(
            "With %(number)s as a rounded number this agrees. Write it exactly, as log(2) or 1/3, "
            "or with three digits."
        )
        return Mark(UNREAD, message=message % {"number": number})
    return None


def _difference_within(
    ends: Sequence[Expression],
    given: Expression,
    answer: Expression,
    check: StepCheck,
    seed: int,
) -> float | None:
    """Return the largest relative difference of a formula and the answer; None if somewhere the
    answer is not between the ends.
    """
    largest = 0.0
    for point in islice(_sample_points(check, seed), COMPARED_POINTS):
        try:
            values = [end.at(**point) for end in ends]
            expected = answer.at(**point)
            if not values or not min(values) <= expected <= max(values):
                return None
            difference = abs(given.at(**point) - expected)
        except expressions.NoValue:
            return None
        largest = max(largest, difference / abs(expected) if expected else math.inf)
    return largest


def range_of(check: StepCheck, name: str) -> tuple[float, float]:
    """Return the bounds between which a check's symbol is sampled."""
    default = DEFAULT_WHOLE_RANGE if name in check.whole else DEFAULT_RANGE
    if isinstance(check.range, dict):
        return check.range.get(name, default)
    return check.range or default


def points_of(check: StepCheck) -> float:
    """Return at how many different points a check can be compared (infinity, with a symbol that is
    not whole).
    """
    whole = set(check.whole)
    if not whole or set(check.symbols) - whole:
        return math.inf
    bounds = [range_of(check, name) for name in whole]
    return math.prod(int(high) - int(low) + 1 for low, high in bounds)


def _between(low: float, high: float, key: str) -> float:
    return low + (high - low) * (1 + stable_index(key, RANGE_STEPS - 1)) / RANGE_STEPS


def _whole_between(low: int, high: int, key: str, turn: int) -> int:
    """Return the whole number of a turn, bounds included: every number comes once before any comes
    again.
    """
    count = high - low + 1
    if count > MAX_SHUFFLED:
        return low + stable_index(f"{key}/{turn}", count)
    turns, at = divmod(turn, count)
    order = sorted(range(count), key=lambda n: stable_index(f"{key}/{turns}/{n}", RANGE_STEPS))
    return low + order[at]


def _format_point(point: Mapping[str, expressions.Number]) -> str:
    return ", ".join(
        f"{name} = {value if isinstance(value, int) else format(value, '.3g')}"
        for name, value in point.items()
    )


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
        "name": _("“%(part)s” is not one of the symbols.")
        if symbols
        else _("“%(part)s” has no value here."),
        "function": _("There is no function “%(part)s”."),
        "arguments": _("“%(part)s” cannot take these arguments."),
        "forbidden": _("Can't read “%(part)s”."),
    }[error.code] % {"part": part, "one": one[:60], "other": other[:60]}
    if is_foreign:
        reason = normalize.describe_character(part)
    if not symbols:
        advice = _("Write a number, or an expression such as sqrt(6/576) or 2*ln(3).")
        return f"{reason} {advice}"
    advice = _("Write an expression in %(symbols)s with + - * / ^ sqrt() exp() log().")
    return f"{reason} {advice % {'symbols': ', '.join(symbols)}}"
