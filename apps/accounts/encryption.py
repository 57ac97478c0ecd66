"""Secrets that must be read again, and so cannot be hashed, are encrypted in the database: without
SECRET_KEY, a copy of it gives none away.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

SALT = "accounts.encryption"


class Unreadable(ValueError):
    """It was encrypted with a SECRET_KEY that the site no longer has."""


def encrypt(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Return the text that was encrypted with the present key or a former one.

    Raises:
        Unreadable: with neither.
    """
    try:
        return _cipher().decrypt(encrypted.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _cipher() -> MultiFernet:
    """Return what encrypts with SECRET_KEY, and decrypts with SECRET_KEY_FALLBACKS too."""
    return MultiFernet(
        Fernet(urlsafe_b64encode(salted_hmac(SALT, "", secret=key, algorithm="sha256").digest()))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
