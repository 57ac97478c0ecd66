"""The sign-in link for an operator without a password: signed, valid for a day and one use."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.utils.crypto import salted_hmac

from apps.accounts.models import User

MAX_TOKEN_AGE = 24 * 3600  # seconds
SALT = "accounts.operator"


def token_for(user: User) -> str:
    """Return a token that `user_of` accepts for a day, unless the account signs in or changes its
    password before.
    """
    return signing.dumps([user.pk, _state(user)], salt=SALT)


def user_of(token: str) -> User | None:
    """Return the operator whose token this is; None if it was used, is too old, or is not ours."""
    try:
        pk, state = _read(signing.loads(token, salt=SALT, max_age=MAX_TOKEN_AGE))
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.select_for_update().filter(pk=pk, is_active=True, is_superuser=True).first()
    return user if user and state == _state(user) else None


def _read(content: Any) -> tuple[int, str]:
    pk, state = content
    return int(pk), str(state)


def _state(user: User) -> str:
    """Return a digest that changes when the account is used, which invalidates earlier tokens."""
    state = f"{user.pk} {user.password} {user.last_login}"
    return salted_hmac(SALT, state, algorithm="sha256").hexdigest()
