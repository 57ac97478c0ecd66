"""Normalization of typed text to plain characters, for any keyboard: digits of every script, signs,
spaces, superscripts, fractions. Every parser of numbers and expressions starts with it, so that a
number is the same number however it was typed.

    ३२,८९६ → 32,896      ５．３ → 5.3      − – — → -      × · → *      10⁵ → 10^(5)      ½ → 1/2
    space of any kind → " "      apostrophes and the Arabic thousands separator → '
    invisible characters (zero width, bidi marks, soft hyphen, variation selectors) → nothing
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby

from django.utils.translation import gettext as _

SIGNS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−➖", "-"),
        **dict.fromkeys("➕\u2064", "+"),  # invisible plus
        **dict.fromkeys("×·⋅∗∙✕✖⨯\u2062", "*"),  # invisible times
        **dict.fromkeys("÷∕⁄➗", "/"),
        **dict.fromkeys("،\u2063", ","),  # invisible comma
        **dict.fromkeys("٫。", "."),
        **dict.fromkeys("’‘ʼ′٬", "'"),
        "٪": "%",
        "؉": "‰",
        "؊": "‱",
    }
)
CONTROLS_THAT_SPACE = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
BIDI_OVERRIDES = "\u202d\u202e"  # what follows is not displayed in the order in which it was typed
INVISIBLE = re.compile(  # those outside the category Cf
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
NOT_EXPONENTS = "ªº℠™"
DIGITS_BEFORE = re.compile(r"(?<![\w.,'^/])(?<![0-9] )([0-9]{1,9}) *$")
LOOKALIKES = dict(  # Cyrillic and Greek letters, and the Latin ones that they look like
    zip("асеорхуіѕАВЕКМНОРСТХΑΒΕΗΙΚΜΝΟΡΤΥΧο", "aceopxyisABEKMHOPCTXABEHIKMNOPTYXo", strict=True)
)


def to_plain(text: str, max_chars: int, fraction: str = " {} ") -> str:
    """Return the text in plain characters, without spaces at its ends, cut to `max_chars` + 1 so
    that a parser sees that it is too long. What has no plain spelling stays, for the parser to
    refuse.

    Args:
        fraction: what a sign such as `½` becomes, with `1/2` in the braces; `2½` is 5/2.
    """
    visible = "".join(c for c in text[: max_chars * 4] if not _is_invisible(c))[: max_chars + 1]
    plain = ""
    for append, run in groupby(visible, _appender):
        plain = append(plain, "".join(run), fraction)
    return " ".join(plain.split())[: max_chars + 1]


def describe_character(char: str) -> str:
    """Return a sentence about a character that a parser refuses, with its code, since one may not
    see what it is.
    """
    code = f"U+{ord(char):04X}"
    if unicodedata.category(char) in ("Cf", "Cc", "Cs", "Co", "Cn"):
        return _("There is an invisible character (%(code)s) in it; type it anew.") % {"code": code}
    if char in LOOKALIKES:
        sentence = _("“%(char)s” (%(code)s) only looks like the letter %(letter)s.")
        return sentence % {"char": char, "code": code, "letter": LOOKALIKES[char]}
    return _("“%(char)s” (%(code)s) has no meaning here.") % {"char": char, "code": code}


Appender = Callable[[str, str, str], str]  # plain text so far, a run of characters, `fraction`


def _appender(char: str) -> Appender:
    """Return the function that appends such a character to the plain text."""
    form = unicodedata.decomposition(char)
    if form.startswith("<fraction>"):
        return _append_fractions
    if form.startswith("<super>") and char not in NOT_EXPONENTS:
        return _append_superscript
    if form.startswith("<sub>"):
        return _append_subscript
    # NFKC would make 2① the number 21
    return _append_unchanged if unicodedata.category(char) == "No" else _append_normalized


def _append_fractions(plain: str, run: str, fraction: str) -> str:
    for sign in run:
        above, below = unicodedata.normalize("NFKC", sign).split("⁄")
        whole = DIGITS_BEFORE.search(plain)
        if not below or (plain.rstrip()[-1:].isdigit() and not whole):
            plain += sign
        elif whole:
            above = str(int(whole[1]) * int(below) + int(above))
            plain = plain[: whole.start()] + fraction.format(f"{above}/{below}")
        else:
            plain += fraction.format(f"{above}/{below}")
    return plain


def _append_superscript(plain: str, run: str, fraction: str) -> str:
    return f"{plain}^({_normalized(run)})"


def _append_subscript(plain: str, run: str, fraction: str) -> str:
    """Normalize only after a letter, as in x₁: 5₂ is neither 52 nor 5."""
    return plain + (_normalized(run) if plain[-1:].isalpha() else run)


def _append_unchanged(plain: str, run: str, fraction: str) -> str:
    return plain + run


def _append_normalized(plain: str, run: str, fraction: str) -> str:
    return plain + _normalized(run)


def _normalized(run: str) -> str:
    with_digits = "".join(_digit_or_space(c) for c in run)
    return unicodedata.normalize("NFKC", with_digits).translate(SIGNS)


def _digit_or_space(char: str) -> str:
    """Return a digit of any script as ASCII, and any space as a space."""
    if char == "´":  # NFKC would make it a space and a combining accent
        return "'"
    if unicodedata.category(char) == "Zs" or char in CONTROLS_THAT_SPACE:
        return " "
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _is_invisible(char: str) -> bool:
    if ord(char) in SIGNS or char in BIDI_OVERRIDES:
        return False
    return unicodedata.category(char) == "Cf" or bool(INVISIBLE.match(char))
