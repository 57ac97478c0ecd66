"""Every write of `api`: tokens, and answers that are kept for requests that are repeated."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from knox.models import get_digest_token
from knox.settings import CONSTANTS

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.api.errors import TooManyTokens
from apps.api.models import MAX_TOKENS, ApiToken, DeviceLogin, IdempotentRequest
from apps.api.scopes import Scope
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock, now
from apps.common.text import clean, displayable

USE_NOTED_SECONDS = 60  # a token's last use is noted once in so many seconds
KEYS_KEEP_HOURS = 24  # for which a repeated request gets the same answer
MAX_DELETED = 1_000  # rows, in a round


def stored_name(name: str) -> str:
    """Return the name of a token or a program as it is stored: in one line, and without what would
    change how the page around it looks, since a stranger's program calls itself as it likes.
    """
    return " ".join(displayable(clean(name)).split())


@transaction.atomic
def make_token(
    *, user: User, name: str, scopes: Collection[Scope], days: int
) -> tuple[ApiToken, str]:
    """Make a token of a person. Returns its row, and the token itself, which is kept nowhere.

    Raises:
        TooManyTokens: the person has as many as one may have.
    """
    lock_user(user)
    if ApiToken.objects.valid().filter(user=user).count() >= MAX_TOKENS:
        raise TooManyTokens(MAX_TOKENS)
    digest, token = get_digest_token()
    row = ApiToken.objects.bulk_create(
        [
            ApiToken(
                digest=digest,
                token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH],
                user=user,
                expiry=now() + timedelta(days=days),
                name=stored_name(name),
                scopes=sorted(Scope(scope).value for scope in scopes),
            )
        ]
    )[0]
    record(
        Kind.API_TOKEN_MADE,
        person=user,
        details={"scopes": row.scopes},
        personal={"name": row.name},
    )
    return row, token


@transaction.atomic
def revoke_tokens(*, user: User, ids: Collection[UUID] | None = None) -> int:
    """Revoke a person's tokens, by default all, and with them what was approved and has not come
    for its token yet. Returns how many there were.
    """
    tokens = ApiToken.objects.filter(user=user)
    if ids is not None:
        tokens = tokens.filter(public_id__in=ids)
    else:
        lock_user(user)  # before the rows, as in `device_logins`
        DeviceLogin.objects.filter(user=user, state=DeviceLogin.State.APPROVED).delete()
    names = list(tokens.values_list("name", flat=True))
    count, _by_model = tokens.delete()
    if names:
        record(Kind.API_TOKEN_REVOKED, person=user, personal={"name": ", ".join(sorted(names))})
    return count


def note_use(token: ApiToken) -> None:
    """Note that a token is used, at most once a minute, so that reading hardly ever writes."""
    stale = Q(last_used_at=None) | Q(
        last_used_at__lt=Clock() - timedelta(seconds=USE_NOTED_SECONDS)
    )
    if token.last_used_at is None or now() - token.last_used_at > timedelta(
        seconds=USE_NOTED_SECONDS
    ):
        ApiToken.objects.filter(stale, digest=token.digest).update(last_used_at=Clock())


def delete_expired_tokens() -> int:
    count, _by_model = ApiToken.objects.expired().delete()
    return count


def delete_old_requests() -> int:
    """Delete answers that are no longer kept. Returns how many."""
    old = IdempotentRequest.objects.filter(
        created_at__lt=Clock() - timedelta(hours=KEYS_KEEP_HOURS)
    ).order_by("created_at")
    count, _by_model = IdempotentRequest.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:MAX_DELETED])
    ).delete()
    return count
