"""The link in a mail that stops such mails, without signing in: signed, for one person and what the
mail was about. It works for as long as the key of the site, as people press it in old mails; what
it does is undone in the settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core import signing

from apps.notices.models import MAILED, Delivery, Kind

SALT = "notices.unsubscribe"
DIGEST = "digest"  # in place of kinds: whatever comes in the daily mail


@dataclass(frozen=True)
class Unsubscribing:
    """Whose mails a link stops, and which."""

    person: int  # primary key
    kinds: frozenset[Kind]  # none: those of the daily mail

    def stops(self, kind: Kind, delivery: Delivery) -> bool:
        """Return whether it stops the mails of a kind, which are sent as `delivery` says."""
        if self.kinds:
            return kind in self.kinds and delivery in MAILED
        return delivery == Delivery.DIGEST


def token_for(person: int, kinds: Iterable[Kind] = ()) -> str:
    """Return a token for a link.

    Args:
        kinds: that it stops; none: whatever comes in the daily mail.
    """
    scope = ",".join(sorted(kinds)) or DIGEST
    return signing.Signer(salt=SALT).sign_object([person, scope])


def read_token(token: str) -> Unsubscribing | None:
    """Return what a link stops; None if it is not ours."""
    try:
        person, scope = signing.Signer(salt=SALT).unsign_object(token)
        names = [] if scope == DIGEST else str(scope).split(",")
        return Unsubscribing(int(person), frozenset(map(Kind, names)))
    except (signing.BadSignature, ValueError, TypeError):
        return None
