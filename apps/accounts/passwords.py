"""Which passwords are accepted, after NIST SP 800-63B, section 3.1.1.2: long enough, and not among
those that are guessed first. What characters they are made of is nobody's business.

The validators (AUTH_PASSWORD_VALIDATORS) look at the normalized form, which is what is hashed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from unicodedata import normalize

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 128  # characters of the normalized form
MAX_TYPED_LENGTH = 4 * MAX_PASSWORD_LENGTH  # an accented letter may be typed as four characters
MIN_DISTINCT = 5  # characters
MIN_UNPREDICTABLE = 8  # characters that do not follow from those before, or from a known word
MIN_WORD_LENGTH = 4  # of a word that may not make up most of a password
ROWS = ("abcdefghijklmnopqrstuvwxyz", "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {pair for row in ROWS for pair in pairwise(row)} | {("z", "a"), ("9", "0"), ("0", "1")}

TOO_SHORT = _("This password is too short. It must have at least %(min)s characters.")
TOO_LONG = _("This password is too long. It may have at most %(max)s characters.")
TOO_COMMON = _("This password is too common: it is among the first that are guessed.")
TOO_REGULAR = _(
    "This password is too easy to guess: it repeats itself, or follows the alphabet or the "
    "keyboard."
)
TOO_SIMILAR = _("This password is too similar to your handle, your e-mail address or “Gradus”.")


def normalized(password: str) -> str:
    """Return the form that is hashed and compared: NFKC, so that a password is the same from every
    keyboard. A password that is longer than may be typed stays as it is, and is refused.
    """
    return normalize("NFKC", password) if len(password) <= MAX_TYPED_LENGTH else password


class LengthValidator:
    def validate(self, password: str, user: Any = None) -> None:
        length = len(normalized(password))
        if length < MIN_PASSWORD_LENGTH:
            raise ValidationError(
                TOO_SHORT, code="password_too_short", params={"min": MIN_PASSWORD_LENGTH}
            )
        if length > MAX_PASSWORD_LENGTH:
            raise ValidationError(
                TOO_LONG, code="password_too_long", params={"max": MAX_PASSWORD_LENGTH}
            )

    def get_help_text(self) -> str:
        return str(_("At least 12 characters."))


class CommonPasswordValidator(password_validation.CommonPasswordValidator):
    """Refuses the common ones, also between digits and signs: `password2026!`."""

    def validate(self, password: str, user: Any = None) -> None:
        text = normalized(password).casefold()
        core = text.strip("".join(char for char in text if not char.isalpha()))
        rest = len(text) - len(core)
        if text.strip() in self.passwords or (core in self.passwords and rest < MIN_UNPREDICTABLE):
            raise ValidationError(TOO_COMMON, code="password_too_common")


class RegularityValidator:
    """Refuses what a rule writes: `aaaaaaaaaaaa`, `abcabcabcabc`, `123456789012`."""

    def validate(self, password: str, user: Any = None) -> None:
        text = normalized(password).casefold()
        if (
            len(set(text)) < MIN_DISTINCT
            or period(text) < MIN_PASSWORD_LENGTH
            or unpredictable(text) < MIN_UNPREDICTABLE
        ):
            raise ValidationError(TOO_REGULAR, code="password_too_regular")

    def get_help_text(self) -> str:
        return str(TOO_REGULAR)


class SimilarityValidator:
    """Refuses a password most of which is the handle, a part of the address, or the site's name."""

    def validate(self, password: str, user: Any = None) -> None:
        text = normalized(password).casefold()
        words = {"gradus"}
        for attribute in ("handle", "email", "canonical_email"):
            value = str(getattr(user, attribute, "") or "").casefold()
            words |= {value, *value.split("@"), *value.partition("@")[0].split(".")}
        for word in words:
            is_part = len(word) >= MIN_WORD_LENGTH and word in text
            if is_part and len(text) - len(word) < MIN_UNPREDICTABLE:
                raise ValidationError(TOO_SIMILAR, code="password_too_similar")

    def get_help_text(self) -> str:
        return str(TOO_SIMILAR)


def period(text: str) -> int:
    """Return the length of what a text repeats, twice at least; that of the text if nothing."""
    periods = range(1, len(text) // 2 + 1)
    return next((p for p in periods if text[p:] == text[:-p]), len(text))


def unpredictable(text: str) -> int:
    """Return how many characters of a text a rule does not write: of a run of equal or neighbouring
    ones (`eee`, `abcd`, `4321`, `tyui`), in one direction, the first two.
    """
    steps = [_step(*pair) for pair in pairwise(text)]
    return len(text) - sum(step != 0 and step == before for before, step in pairwise(steps))


def _step(first: str, second: str) -> int:
    """Return 1 for a step forward on the alphabet or the keyboard, -1 back, 2 for none at all
    (the same character), 0 for any other.
    """
    if first == second:
        return 2
    return ((first, second) in NEIGHBOURS) - ((second, first) in NEIGHBOURS)
