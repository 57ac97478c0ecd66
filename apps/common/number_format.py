"""Formatting numbers for pages: a few significant digits, in scientific notation where they are
very small or very large. `platform/frontend/js/chart-scale.js` formats them the same way.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

MIN_PLAIN, MAX_PLAIN = 1e-4, 1e6  # outside of these, numbers are written as 3.3e-16
SIGNIFICANT_DIGITS = 3
MAX_DIGITS = 12  # written by a format spec, before it gives way to scientific notation
NOTHING = "–"
GENERAL = re.compile(r"(?:\.(\d{1,2}))?g")
EXPONENT = re.compile(r"e([+-])0*(?=\d)")
NOT_ZERO = re.compile(r"[1-9]")


def format_number(value: float | None, spec: str = f".{SIGNIFICANT_DIGITS}g") -> str:
    """Format `value` by a format spec; a dash if there is no finite number. What is rounded to zero
    has no minus.

    `.3g` means three significant digits. Another spec applies unless it yields more than
    `MAX_DIGITS` digits, as for 1e300.

    Raises:
        ValueError: `spec` is no format spec of a number.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if general := GENERAL.fullmatch(spec):
        return significant(value, int(general[1] or 6))
    text = format(value, spec)
    if text.startswith("-") and not NOT_ZERO.search(text):
        text = format(0.0, spec)
    if sum(map(str.isdigit, text)) <= MAX_DIGITS:
        return EXPONENT.sub(lambda match: "e" + match[1].strip("+"), text)
    sign = "+" if "+" in spec and value > 0 else ""
    if spec.endswith("%"):
        return f"{sign}{significant(Decimal(value) * 100)}%"
    return sign + significant(value)


def percent(fraction: float | None) -> str:
    """Return a fraction in percent, as a whole number: `80%`, without a space before the sign, in
    every language; a dash if there is none. A lab's sentences have the same by `{effect:.0%}`.
    """
    return format_number(fraction, ".0%")


def significant(value: float | Decimal, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Return a finite number with at most so many significant digits; whole numbers below a million
    keep all of theirs. A tie is rounded away from zero, as JavaScript does.
    """
    digits = min(max(digits, 1), MAX_DIGITS)
    exact = Decimal(value)
    size = abs(exact)
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(exact)
    if size and not MIN_PLAIN <= size < MAX_PLAIN:
        mantissa, _mark, exponent = f"{rounded:e}".partition("e")
        return f"{_without_zeros(mantissa)}e{int(exponent)}"
    if size >= 10 ** (digits - 1):
        rounded = exact.quantize(Decimal(1), ROUND_HALF_UP)
    return _without_zeros(f"{rounded:f}") if size else "0"


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
