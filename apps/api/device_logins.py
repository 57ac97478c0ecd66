"""A program is signed in by somebody who enters its code on the site (RFC 8628): it starts, shows
the user code and polls; the person approves; the next poll gets a token.

Whoever locks both locks the person first, then the row: as `lock_user` asks, and as deleting an
account does.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.api import services
from apps.api.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    SlowDown,
    TooManyTokens,
    UnknownUserCode,
)
from apps.api.models import DEFAULT_TOKEN_DAYS, MAX_TOKENS, USER_CODE_LENGTH, ApiToken, DeviceLogin
from apps.api.scopes import Scope
from apps.audit import origin
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import AccountGone, Refused
from apps.common.tokens import hashed, new_token

VALID_SECONDS = 600  # in which somebody approves, and the program fetches its token
SLOW_DOWN_SECONDS = 5  # by which the interval grows for who asks too often (RFC 8628, 3.5)
MAX_INTERVAL = 60
KEEP_SECONDS = 3600  # after the end, so that who polls late is told why
MAX_DELETED = 1_000  # rows, in a round
# no vowels, so that no word comes about, and nothing that looks like something else (RFC 8628, 6.1)
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"

State = DeviceLogin.State


def start(*, name: str, scopes: Collection[Scope]) -> tuple[DeviceLogin, str]:
    """Begin the sign-in of a program. Returns its row, and its device code, kept nowhere else."""
    device_code = new_token()
    login = DeviceLogin.objects.create(
        digest=hashed(device_code),
        # of 25 billion: that one comes twice would be seen here, and the program starts again
        user_code="".join(secrets.choice(LETTERS) for _ in range(USER_CODE_LENGTH)),
        name=services.stored_name(name),
        scopes=[scope.value for scope in Scope if scope in scopes],
        network=origin.network(),
        expires_at=Clock() + timedelta(seconds=VALID_SECONDS),
    )
    return login, device_code


def written(user_code: str) -> str:
    """Return a user code as it is shown: `WDJB-MJHT`."""
    return f"{user_code[:4]}-{user_code[4:]}"


def read_code(text: str) -> str:
    """Return a user code as it is stored, however somebody typed it: in small letters, with spaces
    or without the hyphen. Empty if it can be none.
    """
    letters = "".join(one for one in text.upper() if not one.isspace() and one not in "-‐–")
    is_code = len(letters) == USER_CODE_LENGTH and set(letters) <= set(LETTERS)
    return letters if is_code else ""


def waiting(text: str) -> DeviceLogin:
    """Return the program that waits to be approved under a code.

    Raises:
        UnknownUserCode: none does, any more.
    """
    rows = DeviceLogin.objects.filter(state=State.PENDING, expires_at__gt=Clock())
    login = rows.filter(user_code=read_code(text)).first()
    if login is None:
        raise UnknownUserCode
    return login


@transaction.atomic
def decide(
    *, user: User, code: str, is_approved: bool, days: int = DEFAULT_TOKEN_DAYS
) -> DeviceLogin:
    """Approve a program, or deny it.

    Args:
        days: for which its token is valid.
    Raises:
        UnknownUserCode: it does not wait, any more: somebody may have decided already.
        TooManyTokens: the person has as many as one may have.
    """
    lock_user(user)
    pk = waiting(code).pk
    login = DeviceLogin.objects.select_for_update().get(pk=pk)
    if login.state != State.PENDING:
        raise UnknownUserCode
    if is_approved and ApiToken.objects.valid().filter(user=user).count() >= MAX_TOKENS:
        raise TooManyTokens(MAX_TOKENS)
    login.state = State.APPROVED if is_approved else State.DENIED
    login.user, login.token_days = user, days
    login.save(update_fields=["state", "user", "token_days"])
    record(
        Kind.DEVICE_APPROVED if is_approved else Kind.DEVICE_DENIED,
        person=user,
        details={"scopes": login.scopes},
        personal={"name": login.name, "program_network": login.network},
    )
    return login


def poll(device_code: str) -> tuple[ApiToken, str]:
    """Return a new token, once, after the program was approved: its row, and the token itself.

    Raises:
        AuthorizationPending, SlowDown: ask again in `seconds`.
        AccessDenied, ExpiredToken: it is over.
        TooManyTokens: the person has made others meanwhile.
    """
    # what a refusal notes, that the program has asked, must stay
    with transaction.atomic():
        outcome = _poll(hashed(device_code))
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def _poll(digest: bytes) -> tuple[ApiToken, str] | Refused:
    rows = DeviceLogin.objects.filter(digest=digest, expires_at__gt=Clock())
    user = User.objects.filter(pk__in=rows.values("user")).first()
    try:
        if user is not None:
            lock_user(user)
    except AccountGone:  # and what was approved with it
        return ExpiredToken()
    login = rows.select_for_update(of=("self",)).annotate(now=Clock()).first()
    if login is None or login.state == State.USED:
        return ExpiredToken()
    if login.state == State.DENIED:
        return AccessDenied()
    if login.state == State.PENDING or user is None:  # approved just now: the next poll has it
        return _wait(login)
    if not user.is_active:
        return AccessDenied()
    login.state = State.USED
    login.save(update_fields=["state"])
    scopes = [Scope(scope) for scope in login.scopes]
    return services.make_token(user=user, name=login.name, scopes=scopes, days=login.token_days)


def _wait(login: DeviceLogin) -> Refused:
    now = login.now  # type: ignore[attr-defined] # annotated
    earliest = login.polled_at and login.polled_at + timedelta(seconds=login.interval)
    is_early = earliest is not None and now < earliest - timedelta(seconds=1)  # of the way
    if is_early:
        login.interval = min(login.interval + SLOW_DOWN_SECONDS, MAX_INTERVAL)
    login.polled_at = now
    login.save(update_fields=["interval", "polled_at"])
    return SlowDown(login.interval) if is_early else AuthorizationPending(login.interval)


def delete_old() -> int:
    """Delete what is over for an hour. Returns how many."""
    old = DeviceLogin.objects.filter(expires_at__lt=Clock() - timedelta(seconds=KEEP_SECONDS))
    count, _by_model = DeviceLogin.objects.filter(
        pk__in=list(old.order_by("expires_at").values_list("pk", flat=True)[:MAX_DELETED])
    ).delete()
    return count
