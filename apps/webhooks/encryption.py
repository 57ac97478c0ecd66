"""How secrets of webhooks are stored: `common.encryption`, with a key for them alone, since a
signature needs the secret itself. Housekeep encrypts anew what a former key has encrypted.
"""

from __future__ import annotations

from apps.common import encryption
from apps.common.encryption import Unreadable as Undecryptable

__all__ = ["Undecryptable", "decrypt", "encrypt", "key_name"]
PURPOSE = "gradus.webhooks.secrets"


def encrypt(secret: str) -> str:
    return encryption.encrypt(secret, PURPOSE)


def decrypt(stored: str) -> str:
    return encryption.decrypt(stored, PURPOSE)


def key_name() -> str:
    return encryption.key_name(PURPOSE)
