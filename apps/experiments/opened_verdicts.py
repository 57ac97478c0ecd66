"""The verdicts that a visitor has opened without predicting: kept in the session, and gone with it.
Signing in makes them the person's (`services.adopt_opened_verdicts`).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.sessions.backends.base import SessionBase

SESSION_KEY = "opened_verdicts"
MAX_OPENED = 100  # of a visitor; the oldest are forgotten
Subject = tuple[int, str]  # primary key of a lab's version, hash of the settings


def opened_in(session: SessionBase) -> dict[Subject, str]:
    """Return what this visitor has opened, the oldest first, each with when (ISO 8601)."""
    return {(version, config_hash): at for version, config_hash, at in session.get(SESSION_KEY, [])}


def add_opened(session: SessionBase, subjects: Iterable[Subject], at: str) -> None:
    """Note that the visitor opens verdicts. Idempotent."""
    opened = dict.fromkeys(subjects, at) | opened_in(session)
    newest = sorted(opened, key=lambda key: opened[key])[-MAX_OPENED:]
    session[SESSION_KEY] = [[*key, opened[key]] for key in newest]


def discard_opened(session: SessionBase) -> None:
    session.pop(SESSION_KEY, None)
