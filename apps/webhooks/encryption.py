"""How secrets of webhooks are stored: encrypted, since a signature needs the secret itself, and a
copy of the database alone (a backup, a dump) must not let anybody sign as this site.

The key is derived from SECRET_KEY, with a purpose of its own. What a former key encrypted is still
read while that is in SECRET_KEY_FALLBACKS, and encrypted anew by housekeep.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"gradus.webhooks.secrets"


class Undecryptable(Exception):
    """None of the site's keys has encrypted this."""


@lru_cache(maxsize=16)
def _derived(key: str) -> bytes:
    bits = HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(bits)


def encrypt(secret: str) -> str:
    return Fernet(_derived(settings.SECRET_KEY)).encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """Return a secret from what is stored of it.

    Raises:
        Undecryptable: the key that encrypted it is no longer among the site's.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    try:
        return MultiFernet([Fernet(_derived(key)) for key in keys]).decrypt(stored).decode()
    except InvalidToken:
        raise Undecryptable from None


def key_name() -> str:
    """Return by what the present key is known: of a row that has another, the secret is encrypted
    with a former key.
    """
    return hashlib.sha256(_derived(settings.SECRET_KEY)).hexdigest()[:16]
