"""Reading the number that a person typed, as they meant it; and saying so where it could be meant
in two ways.

    0.22   ０.２２   2.2e5   2.2×10^5   10^5   1/3   22 %   221,312   5,3
    3.5 ms (where the answer is in ms)

A comma groups thousands when every group after the first has exactly three digits, and the first
one to three, not starting with 0. A single comma otherwise is a decimal comma. Anything else is not
read: it costs nothing, and the reader learns what is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.questions import typed

LONGEST = 100  # characters
LARGEST = 1e300
SMALLEST = 1e-300
DIGITS = 15  # of a number that is said back

_MANTISSA = r"[+-]?\s?(?:\d[\d,]*(?:\.\d*)?|[.,]\d+)"
_SIMPLE = rf"(?:{_MANTISSA})(?:[eE][+-]?\d+)?"
SIMPLE = re.compile(_SIMPLE)
FRACTION = re.compile(rf"({_SIMPLE})\s*/\s*({_SIMPLE})")
SCIENTIFIC = re.compile(
    rf"({_MANTISSA})\s*[*xX]\s*10\s*(?:\^|\*\*)\s*(?:([+-]?\d+)|\(([+-]?\d+)\))"
)
POWER = re.compile(
    rf"([+-]?)\s*({_MANTISSA.removeprefix('[+-]?')})\s*(?:\^|\*\*)\s*(?:([+-]?\d+)|\(([+-]?\d+)\))"
)
GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


@dataclass(frozen=True)
class Reading:
    """What was read: a finite number, or why there is none. `note` says how it was read where that
    could be doubted.
    """

    value: float | None
    note: str = ""
    problem: str = ""


class _Unread(Exception):
    """The text, or a part of it, is no number. Carries the sentence to show."""


def read(text: str, units: Collection[str] = ()) -> Reading:
    """Return the number that `text` says.

    Args:
        units: how the answer's unit may be written; it may stand behind the number. Where one of
            them is `%`, a per cent sign is the unit; elsewhere it divides by a hundred.
    """
    notes: list[str] = []
    try:
        plain = typed.plain(text, LONGEST)
        if not plain:
            raise _Unread(_("Enter an answer. %(help)s") % {"help": what_is_read()})
        if len(plain) > LONGEST:
            raise _Unread(_("That is too long to be a number. %(help)s") % {"help": what_is_read()})
        bare, scale = _without_unit(plain, [typed.plain(unit, LONGEST) for unit in units])
        value = _value(bare, notes) * scale
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise _Unread(_("That number is too large."))
    except _Unread as unread:
        return Reading(None, problem=str(unread))
    return Reading(value, note=" ".join(notes))


def what_is_read() -> str:
    """Return a sentence that says what can be typed."""
    return _("Write a number such as 0.22, 2.2e5, 22 %, 1/3 or 221,312.")


def said(value: float) -> str:
    """Return a number as we write it, short and without loss that a reader would see."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(value, f".{DIGITS}g")


def _without_unit(plain: str, units: list[str]) -> tuple[str, float]:
    """Return the text without the unit behind it, and what the rest is to be multiplied by."""
    for unit in sorted(units, key=len, reverse=True):
        if unit and plain.endswith(unit) and plain != unit:
            return plain.removesuffix(unit).rstrip(), 1.0
    if plain.endswith("%"):
        return plain[:-1].rstrip(), 0.01
    return plain, 1.0


def _value(bare: str, notes: list[str]) -> float:
    if SIMPLE.fullmatch(bare):
        return _simple(bare, notes)
    if match := SCIENTIFIC.fullmatch(bare):
        return _simple(f"{match[1]}e{match[2] or match[3]}", notes)
    if match := FRACTION.fullmatch(bare):
        above, below = _simple(match[1], notes), _simple(match[2], notes)
        if below == 0:
            raise _Unread(_("This divides by zero."))
        return above / below
    if match := POWER.fullmatch(bare):
        power = _power(_simple(match[2], notes), int(match[3] or match[4]))
        return -power if match[1] == "-" else power
    raise _Unread(
        _("Can't read “%(text)s” as a number. %(help)s")
        % {"text": bare[:40], "help": what_is_read()}
    )


def _simple(text: str, notes: list[str]) -> float:
    """Return a number without operators; says in `notes` what a comma was taken for."""
    mantissa, mark, exponent = text.replace(" ", "").replace("E", "e").partition("e")
    sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa.removeprefix("+"))
    if "," in digits:
        digits = _without_commas(digits, sign, notes)
    value = float(f"{sign}{digits}{mark}{exponent}")
    if math.isinf(value) or abs(value) > LARGEST:
        raise _Unread(_("That number is too large."))
    if abs(value) < SMALLEST and any(digit in "123456789" for digit in digits):
        raise _Unread(_("That number is too close to zero."))
    return value


def _without_commas(digits: str, sign: str, notes: list[str]) -> str:
    if GROUPED.fullmatch(digits):
        plain = digits.replace(",", "")
        notes.append(
            _("We read %(text)s as %(number)s: the comma is a thousands separator.")
            % {"text": sign + digits, "number": sign + plain}
        )
        return plain
    if digits.count(",") == 1 and "." not in digits and not digits.endswith(","):
        plain = digits.replace(",", ".")
        plain = f"0{plain}" if plain.startswith(".") else plain
        notes.append(
            _("The comma in %(text)s looks like a decimal comma, so we read it as %(number)s.")
            % {"text": sign + digits, "number": sign + plain}
        )
        return plain
    what = _(
        "The commas in “%(text)s” are ambiguous. Write 221,312 or 221312 for "
        "thousands, 5.3 for a decimal."
    )
    raise _Unread(what % {"text": digits[:40]})


def _power(base: float, exponent: int) -> float:
    try:
        value = base**exponent
    except OverflowError:
        raise _Unread(_("That number is too large.")) from None
    except ZeroDivisionError:
        raise _Unread(_("This divides by zero.")) from None
    if abs(value) < SMALLEST and base:
        raise _Unread(_("That number is too close to zero."))
    return value
