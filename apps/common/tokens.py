"""Secret tokens: random, shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> bytes:
    """Return the hash under which a token is stored (32 bytes)."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
