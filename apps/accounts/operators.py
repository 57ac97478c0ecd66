"""The one-time link by which an operator first gets in, or gets in again: signed, for a day, for
one use.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.utils.crypto import salted_hmac

from apps.accounts.models import User

DAY = 24 * 3600  # seconds
SALT = "accounts.operator"


def token_for(user: User) -> str:
    """Return a token that `find` takes for a day, until the account signs in or changes its
    password.
    """
    return signing.dumps([user.pk, _state(user)], salt=SALT)


def find(token: str) -> User | None:
    """Return the operator whose token this is; None when it was used, is too old, or was not made
    here.
    """
    try:
        pk, state = _read(signing.loads(token, salt=SALT, max_age=DAY))
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.select_for_update().filter(pk=pk, is_active=True, is_superuser=True).first()
    return user if user and state == _state(user) else None


def _read(content: Any) -> tuple[int, str]:
    pk, state = content
    return int(pk), str(state)


def _state(user: User) -> str:
    """Return what changes when the account is used: a token made before does not hold after."""
    return salted_hmac(SALT, f"{user.pk} {user.password} {user.last_login}").hexdigest()
