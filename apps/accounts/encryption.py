"""How secrets of second factors are stored: `common.encryption`, with a key for them alone."""

from __future__ import annotations

from apps.common import encryption
from apps.common.encryption import Unreadable as Unreadable

PURPOSE = "gradus.accounts.second-factors"


def encrypt(text: str) -> str:
    return encryption.encrypt(text, PURPOSE)


def decrypt(encrypted: str) -> str:
    return encryption.decrypt(encrypted, PURPOSE)
