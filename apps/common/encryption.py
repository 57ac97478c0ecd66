"""Secrets that must be read again, and so cannot be hashed, are encrypted in the database: without
SECRET_KEY, a copy of it (a backup, a dump) gives none away.

Each purpose has a key of its own, derived from SECRET_KEY. What a former key encrypted is still
read while that is in SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(ValueError):
    """None of the site's keys has encrypted this."""


@lru_cache(maxsize=16)
def _derived(key: str, purpose: str) -> bytes:
    bits = HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(key.encode())
    return base64.urlsafe_b64encode(bits)


def encrypt(text: str, purpose: str) -> str:
    return Fernet(_derived(settings.SECRET_KEY, purpose)).encrypt(text.encode()).decode()


def decrypt(encrypted: str, purpose: str) -> str:
    """Return the text that was encrypted with the present key or a former one.

    Raises:
        Unreadable: with neither.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    ciphers = MultiFernet([Fernet(_derived(key, purpose)) for key in keys])
    try:
        return ciphers.decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def key_name(purpose: str) -> str:
    """Return by what the present key is known: of a row that has another, the secret is encrypted
    with a former key.
    """
    return hashlib.sha256(_derived(settings.SECRET_KEY, purpose)).hexdigest()[:16]
