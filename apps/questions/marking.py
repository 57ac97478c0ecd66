"""Whether an answer is right. Pure: no database, no learner; what a grade follows from a mark is
decided above.
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
from apps.questions.variants import Variant, stable_index

RIGHT, WRONG, UNREAD = "right", "wrong", "unread"
POINTS = 8  # at which two expressions are compared
SPREAD = (0.5, 3.0)  # from which symbols are drawn, where a check names no range
CLOSE = 1e-6  # relative: far above rounding, far below a different formula
NOTHING = 1e-9  # what rounding may leave where the answer is exactly 0
FINE = 10**6  # steps into which a range is cut
DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+(?![\w.])")
PRECISE = 3  # digits of a number that may be a rounded one


@dataclass(frozen=True)
class Mark:
    """What came of an answer. `unread` costs nothing; `message` says why, or what mistake leads
    there; `note` how it was read.
    """

    outcome: str  # right, wrong or unread
    message: str = ""
    note: str = ""
    value: float | None = None  # that was read
    # of a choice: each key, and whether it was dealt with rightly
    options: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT

    @property
    def was_read(self) -> bool:
        return self.outcome != UNREAD


# ---------------------------------------------------------------- numbers


def numeric(text: str, variant: Variant, unit: Mapping[str, str] | None = None) -> Mark:
    """Mark a number that was typed against a variant; `unit` as the part names it, in either
    language.
    """
    reading = numbers.read(text, list((unit or {}).values()))
    if reading.value is None:
        return Mark(UNREAD, message=reading.problem)
    if variant.is_right(reading.value):
        return Mark(RIGHT, note=reading.note, value=reading.value)
    known = next(
        (wrong for wrong in variant.wrong if variant.is_near(reading.value, wrong.value)), None
    )
    return Mark(
        WRONG,
        message=in_language(known.message) if known else "",
        note=reading.note,
        value=reading.value,
    )


def tolerance(variant: Variant) -> str:
    """Return in words how near an answer must be."""
    if variant.absolute > 0 and variant.absolute >= variant.relative * abs(variant.answer):
        return _("An answer within %(n)s counts as right.") % {"n": numbers.said(variant.absolute)}
    return _("An answer within %(n)s %% counts as right.") % {
        "n": numbers.said(variant.relative * 100)
    }


# ---------------------------------------------------------------- choices


def choice(chosen: Sequence[str], facts: Mapping[str, Any], keys: Collection[str]) -> Mark:
    """Mark options that were chosen, or put in order.

    Args:
        facts: one `[[choice]]`: `form` (one, several, order) and `right`, the keys of the right
            options (in order: all of them).
        keys: of all options.
    """
    form, right = facts["form"], list(facts["right"])
    strange = [key for key in chosen if key not in keys]
    if strange or len(set(chosen)) != len(chosen):
        return Mark(
            UNREAD, message=_("That is not one of the options. Reload the page and choose again.")
        )
    if form == "order":
        if len(chosen) != len(right):
            return Mark(
                UNREAD, message=_("Give every option a position, and use each position once.")
            )
        places = {key: place == right.index(key) for place, key in enumerate(chosen)}
        return Mark(RIGHT if list(chosen) == right else WRONG, options=places)
    if not chosen or (form == "one" and len(chosen) != 1):
        return Mark(
            UNREAD,
            message=_("Choose one option.") if form == "one" else _("Choose at least one option."),
        )
    dealt = {key: (key in chosen) == (key in right) for key in keys}
    return Mark(RIGHT if all(dealt.values()) else WRONG, options=dealt)


# ---------------------------------------------------------------- derivations


def derivation(text: str, check: Mapping[str, Any], seed: int = 0) -> Mark:
    """Mark an expression against the answer of a step's check, by comparing both at random values
    of the symbols.

    Args:
        check: `symbols`, `answer`, and `range` where [0.5, 3] would not do: [low, high] for all
            symbols, or {symbol: [low, high]}.
    """
    symbols = list(check["symbols"])
    try:
        theirs = expressions.read(_right_side(text), symbols)
    except expressions.BadExpression as error:
        return Mark(UNREAD, message=explained(error, symbols))
    ours = expressions.read(check["answer"], symbols)
    compared = 0
    for values in _places(check, seed):
        try:
            wanted = ours.at(**values)
        except expressions.NoValue:
            continue  # outside of what the answer is about
        try:
            given = theirs.at(**values)
        except expressions.NoValue:
            return Mark(
                WRONG, message=_("It is undefined at %(where)s.") % {"where": _where(values)}
            )
        if abs(given - wanted) > (CLOSE * max(abs(wanted), abs(given)) if wanted else NOTHING):
            return _mark_of_rounded(theirs, ours, check, seed) or Mark(WRONG)
        compared += 1
        if compared == POINTS:
            return Mark(RIGHT)
    return Mark(WRONG)  # loading refuses answers that have a value at too few places


def _right_side(text: str) -> str:
    """Return what stands behind the last plain equals sign, full-width or not: `r = sqrt(3)`
    answers with sqrt(3).
    """
    return re.split(r"(?<![<>=!＜＞＝！])[=＝﹦🟰](?![=＝])", text[: expressions.MAX_CHARS * 2])[-1]


def _places(check: Mapping[str, Any], seed: int) -> Iterator[dict[str, float]]:
    """Return values of the symbols at which two expressions are compared: more than POINTS, for
    the answer may have no value at some.
    """
    for turn in range(POINTS * 8):
        yield {
            name: _between(*_range(check, name), f"{seed}/{turn}/{name}")
            for name in check["symbols"]
        }


def _mark_of_rounded(
    theirs: Expression, ours: Expression, check: Mapping[str, Any], seed: int
) -> Mark | None:
    """Return a mark that asks for the exact number, where the only difference is that one is
    rounded: 0.693 for log(2).
    """
    decimals = [match for match in DECIMAL.finditer(theirs.text) if _is_precise(match[0])]
    if len(decimals) != 1:
        return None
    number = decimals[0]
    half = 0.5 * 10.0 ** -len(number[0].partition(".")[2])
    bounds = [
        expressions.read(
            f"{theirs.text[: number.start()]}({float(number[0]) + off!r})"
            f"{theirs.text[number.end() :]}",
            check["symbols"],
        )
        for off in (-half, half)
    ]
    for values in islice(_places(check, seed), POINTS):
        try:
            low, high = sorted(bound.at(**values) for bound in bounds)
            if not low <= ours.at(**values) <= high:
                return None
        except expressions.NoValue:
            return None
    what = _("With %(number)s as a rounded number this agrees. Write it exactly, as log(2) or 1/3.")
    return Mark(UNREAD, message=what % {"number": number[0]})


def _is_precise(decimal: str) -> bool:
    return len(decimal.replace(".", "").lstrip("0")) >= PRECISE


def _range(check: Mapping[str, Any], name: str) -> tuple[float, float]:
    given = check.get("range", SPREAD)
    low, high = given.get(name, SPREAD) if isinstance(given, Mapping) else given
    return float(low), float(high)


def _between(low: float, high: float, what: str) -> float:
    return low + (high - low) * (1 + stable_index(what, FINE - 1)) / FINE


def _where(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.3g}" for name, value in values.items())


def explained(error: expressions.BadExpression, symbols: Sequence[str]) -> str:
    """Return why text was not read as an expression, and what would be."""
    part = error.part[:40]
    strange = error.what == "character" and not part.isascii()
    one, other = (*error.instead, "", "")[:2]
    why = {
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
    }[error.what] % {"part": part, "one": one[:60], "other": other[:60]}
    listed = ", ".join(symbols) or _("numbers only")
    return (
        (normalize.about(part) if strange else why)
        + " "
        + _("Write an expression in %(symbols)s with + - * / ^ sqrt() exp() log().")
        % {"symbols": listed}
    )
