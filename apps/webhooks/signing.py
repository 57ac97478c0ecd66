"""Signatures of deliveries: HMAC-SHA256 over the time and the body, so that nobody else can make a
delivery, change one, or send an old one again. docs/webhooks.md has the receiver's half.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from apps.common.tokens import new_token

PREFIX = "whsec_"  # by which programs that look for leaked secrets know one
SIGNATURE_HEADER = "Gradus-Signature"


def new_secret() -> str:
    """Return a secret: 256 random bits as text. All of the text, with its prefix, is the key."""
    return PREFIX + new_token()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the HMAC of a body that is sent at a time, in hexadecimal.

    Args:
        seconds: since 1970.
    """
    message = f"{seconds}.".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signature_header(secrets: Iterable[str], seconds: int, body: bytes) -> str:
    """Return the value of the header: the time, and a signature for each secret that is valid."""
    signatures = (f"v1={signature(secret, seconds, body)}" for secret in secrets)
    return ",".join((f"t={seconds}", *signatures))
