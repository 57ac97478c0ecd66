"""What a visitor committed to before signing up: kept in the session until the run is queued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

SESSION_KEY = "pending_prediction"


def pending_prediction_of(session: SessionBase) -> dict[str, Any] | None:
    """Return what this visitor committed to and has not queued yet: `lab`, `config`, `key`,
    `prediction` (None: skipped) and `back`.
    """
    pending = session.get(SESSION_KEY)
    return pending if isinstance(pending, dict) else None


def save_pending_prediction(session: SessionBase, pending: Mapping[str, Any]) -> None:
    session[SESSION_KEY] = dict(pending)


def discard_pending_prediction(session: SessionBase) -> None:
    session.pop(SESSION_KEY, None)
