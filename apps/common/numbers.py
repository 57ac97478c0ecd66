"""Parsing a number that a person typed, with a note where its reading is not obvious.

    0.22   ०.२२   2.2e5   2.2×10^5   10⁵   1/3   2½   22 %   221,312   221 312   221'312   5,3
    3.5 ms (where the answer is in ms)

A comma groups thousands when every group after the first has exactly three digits, and the first
one to three, not starting with 0; also as in India, 12,34,567. A single comma otherwise is a
decimal comma. Spaces, apostrophes and underscores group thousands, and do nothing else; behind such
groups a comma is a decimal comma, unless three digits follow it. A point is always a decimal point.
Where one separator stands before three digits, 1.000 or 1,000, the note says how it was read, and
the reading has the other number, too; so it is in 1.000/3 and in 1.000^2. Anything else is invalid
input, which is not graded; the reader learns what is valid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.common import normalize
from apps.common.text import join_sentences

MAX_CHARS = 100
MAX_MAGNITUDE = 1e300
MIN_MAGNITUDE = 1e-300
MAX_EXACT_WHOLE = 1e15  # below this a double holds every whole number, and is shown with all digits
DIGITS = 15  # significant ones of other numbers

_MANTISSA = r"[+-]?\s?(?:\d[\d,'_ ]*(?:\.\d*)?|[.,]\d+)"
_SIMPLE = rf"(?:{_MANTISSA})(?:[eE][+-]?\d+)?"
SIMPLE = re.compile(_SIMPLE)
FRACTION = re.compile(rf"({_SIMPLE})\s*/\s*({_SIMPLE})")
SCIENTIFIC = re.compile(
    rf"({_MANTISSA})\s*[*xX]\s*10\s*(?:\^|\*\*)\s*(?:([+-]?\d+)|\(([+-]?\d+)\))"
)
POWER = re.compile(
    rf"([+-]?)\s*({_MANTISSA.removeprefix('[+-]?')})\s*(?:\^|\*\*)\s*(?:([+-]?\d+)|\(([+-]?\d+)\))"
)
GROUPED = re.compile(
    r"[1-9]\d{0,2}([,'_ ])\d{3}(?:\1\d{3})*(?:\.\d*)?|[1-9]\d?(?:,\d\d)+,\d{3}(?:\.\d*)?"
)
GROUPED_WITH_DECIMAL_COMMA = re.compile(r"[1-9]\d{0,2}(['_ ])\d{3}(?:\1\d{3})*,(?:\d\d?|\d{4,})")
AMBIGUOUS = re.compile(  # anywhere in a text; a sign is the number's own where the text begins
    r"((?:^[+-]\s?)?)(?<![\w.,'])(?<!\d )([1-9]\d{0,2})([.,])(\d{3})"
    r"(?![\d.,'_]|\s\d|[eE][+-]?\d)"
)
LETTERS = re.compile(r"[A-Za-z]")
PERCENT = {"%": 1e-2, "‰": 1e-3, "‱": 1e-4}


@dataclass(frozen=True)
class Reading:
    """A finite number, or the problem that the text has. `note` says how the number was read where
    that is not obvious. `is_number` is false where the text has not the form of a number, so that
    it may be something else; 1/0 and 1.23,4 have it. Where its only separator may be a decimal mark
    or group thousands, `other` is the number by the other reading, and `doubt` asks which one is
    meant.
    """

    value: float | None
    note: str = ""
    problem: str = ""
    other: float | None = None
    doubt: str = ""
    is_number: bool = True


class _Unread(Exception):
    """The text, or a part of it, is no number. Carries the sentence to show."""


class _OtherForm(_Unread):
    """The text has not the form of a number."""


def read(text: str, units: Collection[str] = (), advice: str = "") -> Reading:
    """Parse the number in `text`.

    Args:
        units: spellings of the answer's unit, which may follow the number. If `%` is one of them, a
            per cent sign is the unit; otherwise it divides by a hundred.
        advice: a sentence that says what is valid, instead of `valid_input()`.
    """
    notes: list[str] = []
    advice = advice or valid_input()
    try:
        plain = normalize.to_plain(text, MAX_CHARS)
        if not plain:
            raise _Unread(_("Enter an answer. %(help)s") % {"help": advice})
        if len(plain) > MAX_CHARS:
            raise _OtherForm(_("That is too long to be a number. %(help)s") % {"help": advice})
        bare, scale = without_unit(plain, units)
        value = _value(bare, notes, advice) * scale
        if not math.isfinite(value) or abs(value) > MAX_MAGNITUDE:
            raise _Unread(_("That number is too large."))
    except _Unread as unread:
        is_number = not isinstance(unread, _OtherForm)
        return Reading(None, problem=str(unread), is_number=is_number)
    note = " ".join(notes)
    other, doubt = other_reading(bare)
    if not other or SCIENTIFIC.fullmatch(bare):  # nobody groups the digits of a mantissa
        return Reading(value, note)
    try:
        return Reading(value, note, other=_value(other, [], advice) * scale, doubt=doubt)
    except _Unread:
        return Reading(value, note)


def other_reading(plain: str, separators: str = ".,") -> tuple[str, str]:
    """Return plain text with every separator that may be a decimal mark or group thousands read the
    other way, and what asks which one is meant; nothing where there is none.

    Args:
        separators: those that may be either, in this text.
    """
    doubts: dict[str, None] = {}

    def read_otherwise(match: re.Match[str]) -> str:
        sign, whole, separator, rest = match.groups()
        if separator not in separators:
            return match[0]
        sign = sign.strip()
        grouped, decimal = f"{sign}{whole}{rest}", f"{sign}{whole}.{rest}"
        doubts[_doubt(match[0], grouped, decimal)] = None
        return grouped if separator == "." else decimal

    other = AMBIGUOUS.sub(read_otherwise, plain)
    return (other, " ".join(doubts)) if doubts else ("", "")


def point_notes(plain: str) -> str:
    """Return what says of each point that might group thousands that it was read as a decimal
    point.
    """
    points = [match for match in AMBIGUOUS.finditer(plain) if match[3] == "."]
    return " ".join(dict.fromkeys(_point_note(match[0]) for match in points))


def _point_note(text: str) -> str:
    return _("We read the point in %(text)s as a decimal point.") % {"text": text}


def _doubt(text: str, grouped: str, decimal: str) -> str:
    return _(
        "“%(text)s” can mean %(grouped)s or %(decimal)s. Write %(grouped)s for the one, "
        "%(decimal)s0 for the other."
    ) % {"text": text, "grouped": grouped, "decimal": decimal}


def valid_input() -> str:
    """Return a sentence that says what is valid."""
    return _("Write a number such as 0.22, 2.2e5, 22%, 1/3 or 221,312.")


def format_exact(value: float) -> str:
    """Return a number with up to DIGITS significant digits."""
    if value == int(value) and abs(value) < MAX_EXACT_WHOLE:
        return str(int(value))
    return format(value, f".{DIGITS}g")


def without_unit(plain: str, units: Collection[str]) -> tuple[str, float]:
    """Return plain text without its unit, and the factor that the unit stands for."""
    units = [normalize.to_plain(unit, MAX_CHARS) for unit in units]
    for unit in sorted(units, key=len, reverse=True):
        if unit and plain.endswith(unit) and plain != unit:
            return plain.removesuffix(unit).rstrip(), 1.0
    divisor = 1e-2 if "%" in units else 1.0
    for sign, factor in PERCENT.items():  # Turkish and Basque write it in front
        if plain.endswith(sign) or plain.startswith(sign):
            return plain.replace(sign, "", 1).strip(), factor / divisor
    return plain, 1.0


def _value(bare: str, notes: list[str], advice: str) -> float:
    if SIMPLE.fullmatch(bare):
        return _simple(bare, notes)
    if match := SCIENTIFIC.fullmatch(bare):
        return _simple(f"{match[1]}e{match[2] or match[3]}", notes)
    if match := FRACTION.fullmatch(bare):
        _refuse_spaces(match[1], match[2])
        above, below = _simple(match[1], notes), _simple(match[2], notes)
        if below == 0:
            raise _Unread(_("This divides by zero."))
        return above / below
    if match := POWER.fullmatch(bare):
        power = _power(_simple(match[2], notes), int(match[3] or match[4]))
        return -power if match[1] == "-" else power
    unread = _("Can't read “%(text)s” as a number.") % {"text": bare[:40]}
    foreign = next((normalize.describe_character(c) for c in bare if not c.isascii()), "")
    letters = LETTERS.findall(bare)
    if len(letters) == 1 and not foreign and re.search(r"\d", bare):
        foreign = _("“%(letter)s” is a letter.") % {"letter": letters[0]}
    raise _OtherForm(join_sentences(unread, foreign, advice))


def _refuse_spaces(above: str, below: str) -> None:
    """Refuse `1 234/5`, which may be a whole number and a fraction, or a fraction."""
    if " " in above.strip("+- ") or " " in below.strip("+- "):
        problem = _("The spaces in “%(text)s” are ambiguous. Leave them out.")
        raise _Unread(problem % {"text": f"{above}/{below}"[:40]})


def _simple(text: str, notes: list[str]) -> float:
    """Return a number without operators. Adds to `notes` how separators were read."""
    mantissa, mark, exponent = text.replace("E", "e").partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    digits = mantissa.lstrip("+-").strip()
    if re.search("[,'_ ]", digits):
        digits = _ungrouped(digits, sign, notes)
    elif not mark and AMBIGUOUS.fullmatch(digits):
        notes.append(_point_note(sign + digits))
    value = float(f"{sign}{digits}{mark}{exponent}")
    if math.isinf(value) or abs(value) > MAX_MAGNITUDE:
        raise _Unread(_("That number is too large."))
    if abs(value) < MIN_MAGNITUDE and any(digit in "123456789" for digit in digits):
        raise _Unread(_("That number is too close to zero."))
    return value


def _ungrouped(digits: str, sign: str, notes: list[str]) -> str:
    """Return digits without separators.

    Raises:
        _Unread: they neither group thousands nor are a decimal comma.
    """
    if GROUPED.fullmatch(digits):
        plain = re.sub("[,'_ ]", "", digits)
        note = (
            _("We read %(text)s as %(number)s: the comma is a thousands separator.")
            if "," in digits
            else _("We read %(text)s as %(number)s.")
        )
    elif GROUPED_WITH_DECIMAL_COMMA.fullmatch(digits):
        plain = re.sub("['_ ]", "", digits).replace(",", ".")
        note = _("We read %(text)s as %(number)s.")
    elif re.fullmatch(r"\d*,\d+", digits):
        plain = digits.replace(",", ".")
        plain = f"0{plain}" if plain.startswith(".") else plain
        note = _("The comma in %(text)s looks like a decimal comma, so we read it as %(number)s.")
    else:
        problem = (
            _(
                "The commas in “%(text)s” are ambiguous. Write 221,312 or 221312 for "
                "thousands, 5.3 for a decimal."
            )
            if "," in digits
            else _(
                "The digits of “%(text)s” are not in groups of three. Write 221 312 or 221312 "
                "for thousands, 5.3 for a decimal."
            )
        )
        raise _Unread(problem % {"text": digits[:40]})
    notes.append(note % {"text": sign + digits, "number": sign + plain})
    return plain


def _power(base: float, exponent: int) -> float:
    try:
        value = base**exponent
    except OverflowError:
        raise _Unread(_("That number is too large.")) from None
    except ZeroDivisionError:
        raise _Unread(_("This divides by zero.")) from None
    if abs(value) < MIN_MAGNITUDE and base:
        raise _Unread(_("That number is too close to zero."))
    return value
