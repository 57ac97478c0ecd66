"""Invitations, on a site that is open to those alone who have one (SIGNUP): each is for one
address, works once and for two weeks, and is stored as a hash.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts import outbox
from apps.accounts.addresses import canonical_email
from apps.accounts.models import Invitation, User
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import AddressTaken
from apps.common.locks import lock
from apps.common.tokens import hashed, new_token

VALID_FOR = timedelta(days=14)
FIELD = "invitation"  # of the sign-up page: in its address, and in its form
MAX_TOKEN_LENGTH = 100  # characters, more than any has


@transaction.atomic
def invite(*, address: str, by: User | None = None) -> str:
    """Invite somebody by mail. An earlier invitation of this address is void. Returns the link, for
    who invites to pass on where there is no mail server.

    Raises:
        AddressTaken: the address has an account.
    """
    lock("invitations")  # of two at once the later replaces the other's
    if User.objects.filter(canonical_email=canonical_email(address)).exists():
        raise AddressTaken(_("This e-mail address already has an account."))
    Invitation.objects.filter(canonical_email=canonical_email(address)).delete()
    token = new_token()
    row = Invitation.objects.create(email=address, token_hash=hashed(token), created_by=by)
    record(Kind.INVITATION_MADE, subject=str(row.pk))
    path = f"{reverse('account_signup')}?{urlencode({FIELD: token})}"
    get_adapter().send_mail("account/email/invitation", address, {"path": path})
    return settings.SITE_URL + path


def token_in(request: HttpRequest) -> str:
    return request.POST.get(FIELD) or request.GET.get(FIELD, "")


def invitation_for(request: HttpRequest) -> Invitation | None:
    """Return the invitation whose link or form a request is, if it still counts."""
    return invitation_of(token_in(request))


def invitation_of(token: str) -> Invitation | None:
    """Return the invitation with this token, if it still counts."""
    rows = Invitation.objects.filter(created_at__gt=Clock() - VALID_FOR)
    return rows.filter(token_hash=hashed(token)).first() if token else None


def use(*, invitation: Invitation, user: User) -> bool:
    """Use an invitation up, in the transaction that creates the account. Returns whether it was
    still there: of two who use it at once the second is late.
    """
    if not Invitation.objects.filter(pk=invitation.pk).delete()[0]:
        return False
    outbox.adopt_mails(address=invitation.email, person=user)
    record(Kind.INVITATION_USED, person=user, subject=str(invitation.pk))
    return True


@transaction.atomic
def withdraw(*, invitation: Invitation) -> None:
    if Invitation.objects.filter(pk=invitation.pk).delete()[0]:
        record(Kind.INVITATION_WITHDRAWN, subject=str(invitation.pk))


def delete_old_invitations() -> int:
    return Invitation.objects.filter(created_at__lt=Clock() - VALID_FOR).delete()[0]
