"""Accounts of other sites that sign in here: each is connected to one account, by its owner. None
is ever joined to an account because both have the same address: who has that mailbox elsewhere may
not be who chose the password here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.account import app_settings as account_settings
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import invitations, services
from apps.accounts.addresses import canonical_email
from apps.accounts.models import Invitation, User
from apps.accounts.providers import NAMES, Identity, available, is_available
from apps.accounts.sessions import SIGNED_IN_AT
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.errors import BadLink, LastWayToSignIn, SignInIncomplete

CONFIRMED_AT = "provider_confirmed_at"  # in a session: seconds since 1970


def accounts_of(user: User) -> QuerySet[SocialAccount]:
    """Return the connected accounts of a person, of the providers that this site knows."""
    rows: QuerySet[SocialAccount] = SocialAccount.objects.filter(user=user, provider__in=NAMES)
    return rows.order_by("provider")


def usable_accounts_of(user: User) -> QuerySet[SocialAccount]:
    """Return those by which the person can sign in, as the site is set up."""
    return accounts_of(user).filter(provider__in=[key for key, _name in available()])


@dataclass(frozen=True)
class ConnectedAccount:
    """An account elsewhere, as its owner sees it."""

    pk: int
    provider: str
    name: str
    since: datetime
    is_away: bool  # whether the site has no keys any more for its provider

    @property
    def provider_name(self) -> str:
        return NAMES[self.provider]


def listed(user: User) -> list[ConnectedAccount]:
    return [
        ConnectedAccount(
            pk=row.pk,
            provider=row.provider,
            name=row.extra_data.get("name", ""),
            since=row.date_joined,
            is_away=not is_available(row.provider),
        )
        for row in accounts_of(user)
    ]


def owner_of(identity: Identity) -> User | None:
    """Return whose account here is connected to an account elsewhere."""
    rows = SocialAccount.objects.filter(provider=identity.provider, uid=identity.uid)
    account = rows.select_related("user").first()
    return account.user if account else None


def address_for(identity: Identity, invitation: Invitation | None) -> str:
    """Return the address with which an account may be created for who comes from a provider.

    Raises:
        SignInIncomplete: none is verified there, one has an account here, or none is invited.
    """
    names = {"provider": identity.provider_name}
    sign_in = reverse("account_login")
    if not identity.addresses:
        raise SignInIncomplete(
            _(
                "%(provider)s has verified no e-mail address of yours. Verify one there and try "
                "again, or sign up here with a password."
            )
            % names,
            page=reverse("account_signup"),
        )
    forms = {canonical_email(address): address for address in identity.addresses}
    taken = User.objects.filter(canonical_email__in=list(forms)).order_by("pk").first()
    if taken:
        raise SignInIncomplete(
            _(
                "%(address)s already has an account here. Sign in to it with your password, then "
                "connect %(provider)s under Account, How you sign in."
            )
            % {**names, "address": forms[taken.canonical_email]},
            page=sign_in,
        )
    if invitation is None:
        return identity.addresses[0]
    if invitation.canonical_email not in forms:
        raise SignInIncomplete(
            _(
                "Your invitation is for %(address)s, which %(provider)s has not verified as yours. "
                "Open the link in your invitation and sign up with a password."
            )
            % {**names, "address": invitation.email},
            page=sign_in,
        )
    return forms[invitation.canonical_email]


@transaction.atomic
def sign_up(
    *,
    identity: Identity,
    handle: str,
    time_zone: str,
    address: str,
    invitation: Invitation | None = None,
) -> User:
    """Create an account without a password for who comes from a provider.

    Raises:
        IntegrityError: handle, address or the account there was taken meanwhile.
        BadLink: the invitation was used meanwhile.
    """
    user = User.objects.create_user(address, handle, time_zone=time_zone)
    EmailAddress.objects.create(user=user, email=user.canonical_email, verified=True, primary=True)
    if invitation and not invitations.use(invitation=invitation, user=user):
        raise BadLink(_("This invitation was used already."))
    record(Kind.ACCOUNT_CREATED, person=user)
    _store(user, identity)
    return user


@transaction.atomic
def connect(*, user: User, identity: Identity) -> None:
    """Let an account elsewhere sign in to somebody's account here. They are told by mail. Nothing
    changes if it does already.

    Raises:
        SignInIncomplete: it is somebody else's, or they have another one of this provider.
    """
    services.lock_user(user)
    names = {"provider": identity.provider_name, "name": identity.name}
    page = reverse("accounts:sign-in")
    owner = owner_of(identity)
    if owner == user:
        return
    if owner is not None:
        message = _("%(name)s at %(provider)s is connected to another account here.") % names
        raise SignInIncomplete(message, page=page)
    if SocialAccount.objects.filter(user=user, provider=identity.provider).exists():
        message = _("Another account of %(provider)s is connected. Disconnect it first.") % names
        raise SignInIncomplete(message, page=page)
    try:
        with transaction.atomic():
            _store(user, identity)
    except IntegrityError as error:
        message = _("%(name)s at %(provider)s is connected to another account here.") % names
        raise SignInIncomplete(message, page=page) from error
    services.tell_owner(user=user, kind=Kind.PROVIDER_CONNECTED)


def _store(user: User, identity: Identity) -> None:
    SocialAccount.objects.create(
        user=user,
        provider=identity.provider,
        uid=identity.uid,
        extra_data={"name": identity.name},
    )
    record(
        Kind.PROVIDER_CONNECTED,
        person=user,
        subject=identity.provider_name,
        personal={"name": identity.name},
    )


@transaction.atomic
def disconnect(*, user: User, pk: int) -> bool:
    """Take an account elsewhere the right to sign in here. Its owner is told by mail. Returns
    whether there was one.

    Raises:
        LastWayToSignIn: there is no password, and no other account.
    """
    services.lock_user(user)
    account = accounts_of(user).filter(pk=pk).first()
    if account is None:
        return False
    is_left = usable_accounts_of(user).exclude(pk=pk).exists()
    if not (user.has_usable_password() or is_left):
        raise LastWayToSignIn(
            _("It is the only way in which you sign in. Set a password first."),
            page=reverse("account_set_password"),
        )
    account.delete()
    record(
        Kind.PROVIDER_DISCONNECTED,
        person=user,
        subject=NAMES[account.provider],
        personal={"name": account.extra_data.get("name", "")},
    )
    services.tell_owner(user=user, kind=Kind.PROVIDER_DISCONNECTED)
    return True


def note_confirmed(request: HttpRequest) -> None:
    """Note in a session that a provider has just said again who is there. The session gets a new
    key: the old one may be what somebody else has.
    """
    request.session[CONFIRMED_AT] = int(timezone.now().timestamp())
    request.session.cycle_key()


def must_confirm(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the providers, each with its name, one of which must say again who is there before
    somebody without a password may choose one; none if it is clear. Otherwise whoever finds a
    session open would have the account for good.
    """
    assert isinstance(request.user, User)
    if request.user.has_usable_password():
        return []
    session = request.session
    confirmed_at = max(session.get(CONFIRMED_AT, 0), session.get(SIGNED_IN_AT, 0))
    if timezone.now().timestamp() - confirmed_at < account_settings.REAUTHENTICATION_TIMEOUT:
        return []
    return [(row.provider, NAMES[row.provider]) for row in usable_accounts_of(request.user)]
