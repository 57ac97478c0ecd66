"""The store of sessions (`SESSION_ENGINE`): Django's, in a table that knows whose each one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import auth
from django.contrib.sessions.backends import db
from django.utils import timezone

from apps.accounts.models import Session
from apps.common import pending

MAX_DELETED = 1000  # sessions at a time
VISITOR_AGE = 7 * 24 * 3600  # seconds
MAX_DIGITS = 19  # of a bigint, which may have fewer


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
