"""Which passwords are accepted, after NIST SP 800-63B, section 3.1.1.2: long enough, and not among
those that are guessed first. What characters they are made of is nobody's business.

The validators (AUTH_PASSWORD_VALIDATORS) look at the normalized form, which is what is hashed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unicodedata import normalize

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from zxcvbn_rs_py import zxcvbn

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 128  # characters of the normalized form
MAX_TYPED_LENGTH = 4 * MAX_PASSWORD_LENGTH  # an accented letter may be typed as four characters
MIN_GUESSES = 110_000_000  # more than for a common word, a year and two signs: `Summer2026!!`
# of a password, when guesses are counted: of signs that stand for letters (4 for A, $ for S) 28
# take zxcvbn 0.4 s, and 72 0.6 s to several; of other characters a millisecond
MAX_ESTIMATED_LENGTH = 28
MIN_LENGTH_BESIDE = 8  # characters besides a known word
MIN_WORD_LENGTH = 4  # of a word that may not make up most of a password
# the 5,000 most frequent ones of at least 12 characters each of the RockYou list (2009) and of
# Mark Burnett's ten million passwords (2015), normalized and casefolded
COMMON = Path(__file__).with_name("common_passwords.txt.gz")

TOO_SHORT = _("This password is too short. It must have at least %(min)s characters.")
TOO_LONG = _("This password is too long. It may have at most %(max)s characters.")
TOO_COMMON = _("This password is too common: it is among the first that are guessed.")
TOO_EASY = _(
    "This password is too easy to guess: it consists of common words or names, dates, repetitions, "
    "or neighbouring letters or keys."
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
    """Refuses the common ones of the minimum length, whatever the case of their letters."""

    def __init__(self) -> None:
        super().__init__(COMMON)

    def validate(self, password: str, user: Any = None) -> None:
        if normalized(password).casefold().strip() in self.passwords:
            raise ValidationError(TOO_COMMON, code="password_too_common")


class GuessesValidator:
    """Refuses what few guesses find, by the estimate of zxcvbn: `password2026`, `1q2w3e4r5t6y`,
    `aaaaaaaaaaaa`. Of a long password it sees the beginning, which is hard enough to guess alone.
    """

    def validate(self, password: str, user: Any = None) -> None:
        beginning = normalized(password).casefold()[:MAX_ESTIMATED_LENGTH]
        if zxcvbn(beginning).guesses < MIN_GUESSES:
            raise ValidationError(TOO_EASY, code="password_too_easy")

    def get_help_text(self) -> str:
        return str(TOO_EASY)


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
            if is_part and len(text) - len(word) < MIN_LENGTH_BESIDE:
                raise ValidationError(TOO_SIMILAR, code="password_too_similar")

    def get_help_text(self) -> str:
        return str(TOO_SIMILAR)
