"""What a person typed, in plain characters, whatever the keyboard: digits of every script, signs,
spaces, raised digits, fractions. Every reader of numbers and expressions begins here, so that a
number is the same number however it was typed.

    ३२,८९६ → 32,896      ５．３ → 5.3      − – — → -      × · → *      10⁵ → 10^(5)      ½ → 1/2
    space of any kind → " "      apostrophes and the Arabic thousands separator → '
    what cannot be seen (zero width, bidi marks, soft hyphen, variation selectors) → nothing
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
REORDERS = "\u202d\u202e"  # what stands behind is not shown in the order in which it was typed
INVISIBLE = re.compile(  # those that have no category of their own
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
NOT_EXPONENTS = "ªº℠™"
DIGITS_BEFORE = re.compile(r"(?<![\w.,'^/])(?<![0-9] )([0-9]{1,9}) *$")
LETTERS, LIKE = "асеорхуіѕАВЕКМНОРСТХΑΒΕΗΙΚΜΝΟΡΤΥΧο", "aceopxyisABEKMHOPCTXABEHIKMNOPTYXo"
LOOKALIKES = dict(zip(LETTERS, LIKE, strict=True))  # Cyrillic and Greek


def plain(text: str, longest: int, fraction: str = " {} ") -> str:
    """Return at most one character more than `longest` of what was meant, without spaces at its
    ends. What has no plain spelling stays as it is, for the reader to refuse.

    Args:
        fraction: what a sign such as `½` becomes, with `1/2` in the braces; `2½` is 5/2.
    """
    visible = "".join(c for c in text[: longest * 4] if not _is_invisible(c))[: longest + 1]
    done = ""
    for spell, run in groupby(visible, _speller):
        done = spell(done, "".join(run), fraction)
    return " ".join(done.split())[: longest + 1]


def about(char: str) -> str:
    """Return a sentence about a character that a reader does not know: what it is, where a person
    cannot see it.
    """
    code = f"U+{ord(char):04X}"
    if unicodedata.category(char) in ("Cf", "Cc", "Cs", "Co", "Cn"):
        return _("There is an invisible character (%(code)s) in it; type it anew.") % {"code": code}
    if char in LOOKALIKES:
        what = _("“%(char)s” (%(code)s) only looks like the letter %(letter)s.")
        return what % {"char": char, "code": code, "letter": LOOKALIKES[char]}
    return _("“%(char)s” (%(code)s) has no meaning here.") % {"char": char, "code": code}


Speller = Callable[[str, str, str], str]  # what is done, a run of characters, the form of fractions


def _speller(char: str) -> Speller:
    """Return what spells a character."""
    form = unicodedata.decomposition(char)
    if form.startswith("<fraction>"):
        return _fractions
    if form.startswith("<super>") and char not in NOT_EXPONENTS:
        return _raised
    if form.startswith("<sub>"):
        return _lowered
    # NFKC makes 2① the number 21
    return _as_it_is if unicodedata.category(char) == "No" else _signs


def _fractions(done: str, run: str, form: str) -> str:
    for sign in run:
        above, below = unicodedata.normalize("NFKC", sign).split("⁄")
        whole = DIGITS_BEFORE.search(done)
        if not below or (done.rstrip()[-1:].isdigit() and not whole):
            done += sign
        elif whole:
            above = str(int(whole[1]) * int(below) + int(above))
            done = done[: whole.start()] + form.format(f"{above}/{below}")
        else:
            done += form.format(f"{above}/{below}")
    return done


def _raised(done: str, run: str, form: str) -> str:
    return f"{done}^({_signs('', run, form)})"


def _lowered(done: str, run: str, form: str) -> str:
    """Keep what is written low behind a letter, as in x₁: 5₂ is neither 52 nor 5."""
    return done + (_signs("", run, form) if done[-1:].isalpha() else run)


def _as_it_is(done: str, run: str, form: str) -> str:
    return done + run


def _signs(done: str, run: str, form: str) -> str:
    digits = "".join(_digit(c) for c in run)
    return done + unicodedata.normalize("NFKC", digits).translate(SIGNS)


def _digit(char: str) -> str:
    if char == "´":  # NFKC makes it a space and a mark
        return "'"
    if unicodedata.category(char) == "Zs" or char in CONTROLS_THAT_SPACE:
        return " "
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _is_invisible(char: str) -> bool:
    if ord(char) in SIGNS or char in REORDERS:
        return False
    return unicodedata.category(char) == "Cf" or bool(INVISIBLE.match(char))
