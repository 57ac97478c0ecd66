"""Second factors of a person, besides the password: an authenticator app, passkeys, and recovery
codes for the day when both are lost. allauth stores and checks them; what is written, and who hears
of it, is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.errors import SecondFactorLimit

MAX_PASSKEYS = 20  # of a person
WRONG_CODE = gettext_lazy("That code is not right. Take the one that is shown now, and try again.")
Type = Authenticator.Type
REMOVED = {Type.TOTP: Kind.TOTP_REMOVED, Type.WEBAUTHN: Kind.PASSKEY_REMOVED}


@dataclass
class SecondFactors:
    """What a person has set up, for their page."""

    totp: Authenticator | None = None
    passkeys: list[Authenticator] = field(default_factory=list)
    codes_left: int | None = None  # None: there are no recovery codes

    def __bool__(self) -> bool:
        return bool(self.totp or self.passkeys)


def second_factors_of(user: User) -> SecondFactors:
    factors = SecondFactors()
    for row in Authenticator.objects.filter(user=user).order_by("pk"):
        if row.type == Type.TOTP:
            factors.totp = row
        elif row.type == Type.WEBAUTHN:
            factors.passkeys.append(row)
        else:
            used = int(row.data["used_mask"]).bit_count()
            factors.codes_left = app_settings.RECOVERY_CODE_COUNT - used
    return factors


def has_second_factor(user: User) -> bool:
    """Return whether signing in takes more than the password. Recovery codes alone do not count."""
    return bool(Authenticator.objects.filter(user=user).exclude(type=Type.RECOVERY_CODES).exists())


def acts_as_staff(person: User | AnonymousUser, permission: str) -> bool:
    """Return whether a person has a permission of staff, and signs in with a second step where the
    site asks staff for one (STAFF_NEED_SECOND_FACTOR). At most one query for a person.
    """
    if not person.has_perm(permission):
        return False
    if not settings.STAFF_NEED_SECOND_FACTOR or not isinstance(person, User):
        return True
    if not hasattr(person, "_second_factor"):
        person._second_factor = has_second_factor(person)  # type: ignore[attr-defined]
    return bool(person._second_factor)  # type: ignore[attr-defined]


def who_may_be_staff(people: QuerySet[User]) -> QuerySet[User]:
    """Return those of `people` who sign in with a second step, where the site asks staff for
    one.
    """
    if not settings.STAFF_NEED_SECOND_FACTOR:
        return people
    factors = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Type.RECOVERY_CODES)
    return people.filter(Exists(factors))


@transaction.atomic
def add_totp(*, user: User, secret: str, session_key: str | None) -> list[str]:
    """Set up an authenticator app with a secret that it has shown to know. All other sessions end:
    they were begun without it. Returns recovery codes, if there were none.

    Raises:
        SecondFactorLimit: there is an app already.
    """
    services.lock_user(user)
    if Authenticator.objects.filter(user=user, type=Type.TOTP).exists():
        raise SecondFactorLimit(
            _("There is an authenticator app already. Remove it before you set up another.")
        )
    TOTP.activate(user, secret)
    return _added(user, Kind.TOTP_ADDED, session_key)


@transaction.atomic
def add_passkey(
    *, user: User, name: str, credential: Mapping[str, Any], session_key: str | None
) -> list[str]:
    """Add a passkey whose credential has been checked. Other sessions end, and the result is that
    of `add_totp`.

    Raises:
        SecondFactorLimit: there are too many.
    """
    services.lock_user(user)
    if Authenticator.objects.filter(user=user, type=Type.WEBAUTHN).count() >= MAX_PASSKEYS:
        raise SecondFactorLimit(
            _("You have %(count)s passkeys. Remove one that you no longer use first.")
            % {"count": MAX_PASSKEYS}
        )
    WebAuthn.add(user, name, dict(credential))
    return _added(user, Kind.PASSKEY_ADDED, session_key, personal={"name": name})


def _added(user: User, kind: Kind, session_key: str | None, **details: Any) -> list[str]:
    record(kind, person=user, **details)
    services.tell_owner(user=user, kind=kind)
    services.sign_out_everywhere(user=user, except_session=session_key)
    if Authenticator.objects.filter(user=user, type=Type.RECOVERY_CODES).exists():
        return []
    return _make_recovery_codes(user)


@transaction.atomic
def renew_recovery_codes(*, user: User) -> list[str]:
    """Replace the recovery codes. Returns the new ones, which are shown once; none without another
    second factor.
    """
    services.lock_user(user)
    if not has_second_factor(user):
        return []
    services.tell_owner(user=user, kind=Kind.RECOVERY_CODES_MADE)
    return _make_recovery_codes(user)


def _make_recovery_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user=user, type=Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    record(Kind.RECOVERY_CODES_MADE, person=user)
    return [f"{code[:4]}-{code[4:]}" for code in codes]


@transaction.atomic
def remove(*, user: User, pk: int) -> bool:
    """Remove an authenticator app or a passkey, and the recovery codes with the last. Returns
    whether there was one.
    """
    services.lock_user(user)
    row = Authenticator.objects.filter(user=user, pk=pk, type__in=REMOVED).first()
    if row is None:
        return False
    kind = REMOVED[Type(row.type)]
    row.delete()
    if not has_second_factor(user):
        Authenticator.objects.filter(user=user).delete()
    name = {"name": row.wrap().name} if row.type == Type.WEBAUTHN else {}
    record(kind, person=user, personal=name)
    services.tell_owner(user=user, kind=kind)
    return True


def remove_all(*, user: User) -> bool:
    """Remove every second factor of a person who has lost them, and tell them; in the caller's
    transaction, with their row locked. Returns whether there were some.
    """
    if not Authenticator.objects.filter(user=user).delete()[0]:
        return False
    record(Kind.SECOND_FACTORS_REMOVED, person=user)
    services.tell_owner(user=user, kind=Kind.SECOND_FACTORS_REMOVED)
    return True


@transaction.atomic
def note_recovery_code_used(*, user: User) -> None:
    record(Kind.RECOVERY_CODE_USED, person=user)
    services.tell_owner(user=user, kind=Kind.RECOVERY_CODE_USED)
