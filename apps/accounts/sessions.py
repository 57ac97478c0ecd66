"""The store of sessions (`SESSION_ENGINE`): Django's, in a table that knows whose each one is. A
member's ends when it was not used for SESSION_COOKIE_AGE, and SESSION_MAX_AGE after the sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.accounts.models import Session
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common import pending

MAX_DELETED = 1000  # sessions at a time
VISITOR_AGE = 7 * 24 * 3600  # seconds
MAX_DIGITS = 19  # of a bigint, which may have fewer
MAX_LISTED = 50  # sessions of a member, the latest used ones
MAX_BROWSER_LENGTH = 200  # of what a browser calls itself
SALT = "accounts.sessions"
# what a member's session holds besides: seconds since 1970, and the User-Agent
SIGNED_IN_AT, USED_AT, BROWSER = "signed_in_at", "used_at", "browser"
USE_NOTED_AFTER = 24 * 3600  # seconds; a write each day, not each request


class SessionStore(db.SessionStore):
    """What a visitor has opened or predicted lasts for days, what a member does for weeks."""

    def get_session_cookie_age(self) -> int:
        return VISITOR_AGE if _owner(self) is None else int(super().get_session_cookie_age())

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        """Return whether a cookie may name a session: PostgreSQL refuses NUL in a query."""
        is_long_enough = super()._validate_session_key(key)  # type: ignore[misc]  # not in the stubs
        return bool(is_long_enough) and str(key).isascii() and str(key).isalnum()

    def save(self, must_create: bool = False) -> None:
        """Store the session, unless it has ended meanwhile: who was signed out, or is deleting
        themselves, has nothing to keep, and still gets their answer.
        """
        with suppress(UpdateError):
            super().save(must_create)

    def get_expiry_age(self, **kwargs: Any) -> int:
        return min(super().get_expiry_age(**kwargs), max(0, self._seconds_left()))

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        date = super().get_expiry_date(**kwargs)
        return min(date, timezone.now() + timedelta(seconds=self._seconds_left()))

    async def aget_expiry_date(self, **kwargs: Any) -> datetime:
        date = await super().aget_expiry_date(**kwargs)  # which loads the session
        return min(date, timezone.now() + timedelta(seconds=self._seconds_left()))

    def _seconds_left(self) -> int:
        """Return how long it may last at most: a member's for SESSION_MAX_AGE from the sign-in."""
        now = int(timezone.now().timestamp())
        return int(self.get(SIGNED_IN_AT, now)) + int(settings.SESSION_MAX_AGE) - now

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        session: Any = super().create_model_instance(data)
        session.user_id = _owner(data)
        return session

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        session: Any = await super().acreate_model_instance(data)
        session.user_id = _owner(data)
        return session


def _owner(data: Mapping[str, Any] | SessionStore) -> int | None:
    """Return the primary key of who is signed in, or whose form is kept."""
    text = data.get(auth.SESSION_KEY) or data.get(pending.SESSION_KEY, {}).get("owner", "")
    # a form's may be anything
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else None


def delete_expired_sessions() -> int:
    """Delete sessions that have expired, MAX_DELETED at most. Returns how many."""
    expired = Session.objects.filter(expire_date__lte=timezone.now()).order_by("expire_date")
    return Session.objects.filter(pk__in=expired.values("pk")[:MAX_DELETED]).delete()[0]


def begin(request: HttpRequest) -> None:
    """Note in the session of who has just signed in when that was, and in which browser."""
    now = int(timezone.now().timestamp())
    browser = request.headers.get("User-Agent", "")[:MAX_BROWSER_LENGTH]
    request.session.update({SIGNED_IN_AT: now, USED_AT: now, BROWSER: browser})


def note_use(session: SessionBase) -> None:
    """Note that a member's session is in use, which postpones its end."""
    now = int(timezone.now().timestamp())
    if now - session.get(USED_AT, 0) >= USE_NOTED_AFTER:
        session[USED_AT] = now
        session.setdefault(SIGNED_IN_AT, now)  # one from before this was noted


@dataclass(frozen=True)
class ActiveSession:
    """A member's session, as its owner sees it. The name stands for the key, which is a secret."""

    name: str
    key: str
    browser: str
    signed_in_at: datetime
    used_at: datetime
    is_current: bool


def active_sessions(request: HttpRequest) -> list[ActiveSession]:
    """Return the sessions of who is signed in: this one, then the others, the latest first."""
    rows = Session.objects.filter(user=request.user.pk, expire_date__gt=timezone.now())
    result = []
    for row in rows.order_by("-expire_date")[:MAX_LISTED]:
        data = SessionStore().decode(row.session_data)
        if auth.SESSION_KEY in data:  # not a form that is kept
            result.append(
                ActiveSession(
                    name=name_of(row.session_key),
                    key=row.session_key,
                    browser=data.get(BROWSER, ""),
                    signed_in_at=_time(data.get(SIGNED_IN_AT, 0)),
                    used_at=_time(data.get(USED_AT, 0)),
                    is_current=row.session_key == request.session.session_key,
                )
            )
    return sorted(result, key=lambda session: not session.is_current)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def name_of(key: str) -> str:
    return salted_hmac(SALT, key, algorithm="sha256").hexdigest()


def end_sessions(*, user: Any, keys: list[str] | None = None, except_key: str | None = None) -> int:
    """End sessions of a person: those with these keys, or all, but for one. Returns how many."""
    sessions = Session.objects.filter(user=user).exclude(pk=except_key or "")
    with transaction.atomic():
        count = (sessions if keys is None else sessions.filter(pk__in=keys)).delete()[0]
        if count:
            record(Kind.SESSIONS_ENDED, person=user)
    return count
