"""The verdicts that a visitor has opened without predicting: kept in the session, and gone with it.
Signing in makes them the person's (`services.adopt_opened_verdicts`).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.sessions.backends.base import SessionBase

SESSION_KEY = "opened_verdicts"
SHOWS_ALL_KEY = "shows_all_verdicts"  # the ledger's switch is on
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


def shows_all(session: SessionBase) -> bool:
    return bool(session.get(SHOWS_ALL_KEY))


def set_shows_all(session: SessionBase, shown: bool) -> None:
    if shown:
        session[SHOWS_ALL_KEY] = True
    else:
        session.pop(SHOWS_ALL_KEY, None)


def discard_opened(session: SessionBase) -> None:
    session.pop(SESSION_KEY, None)
    session.pop(SHOWS_ALL_KEY, None)
