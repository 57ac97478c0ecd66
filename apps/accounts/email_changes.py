"""A new address for an account: it counts once both mailboxes have said yes, each by a link. Who
has somebody's session and password has not their mailbox; and nobody takes a mailbox that is not
theirs.
"""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from apps.accounts import services
from apps.accounts.addresses import canonical_email
from apps.accounts.models import EmailChange, User
from apps.audit.kinds import Kind
from apps.audit.services import record
from apps.common.clock import Clock
from apps.common.errors import AddressTaken, BadLink

VALID_FOR = timedelta(days=3)
SALT = "accounts.email_change"
Side = EmailChange.Side


def is_taken(address: str, *, by_other_than: User) -> bool:
    others = User.objects.exclude(pk=by_other_than.pk)
    return others.filter(canonical_email=canonical_email(address)).exists()


def pending_change(user: User) -> EmailChange | None:
    return EmailChange.objects.filter(user=user, created_at__gt=Clock() - VALID_FOR).first()


@transaction.atomic
def change_address(*, user: User, address: str, session_key: str | None) -> EmailChange | None:
    """Ask both mailboxes whether an account shall have another address. A site without a mail
    server cannot ask: there it is changed at once, and the result is None.

    Whether the address has another account, its owner alone learns, by mail.

    Raises:
        AddressTaken: on a site without a mail server, it has another account.
    """
    services.lock_user(user)
    EmailChange.objects.filter(user=user).delete()
    if not settings.EMAIL_URL:
        _apply(user, address, session_key, is_verified=False)
        return None
    change = EmailChange.objects.create(user=user, email=address)
    record(Kind.ADDRESS_CHANGE_ASKED, person=user, personal={"to": address})
    send = get_adapter().send_mail
    with translation.override(user.mail_language):
        context = {"user": user, "change": change}
        to_old = {"link_token": token_of(change, Side.OLD), "is_old": True}
        send("account/email/email_change", user.canonical_email, context | to_old)
        if is_taken(address, by_other_than=user):
            send("account/email/account_already_exists", address, {})
        else:
            to_new = {"link_token": token_of(change, Side.NEW), "is_old": False}
            send("account/email/email_change", address, context | to_new)
    return change


def token_of(change: EmailChange, side: str) -> str:
    return signing.dumps([change.pk, side], salt=SALT)


def change_of(*, token: str) -> tuple[EmailChange, EmailChange.Side]:
    """Return the change that a mailed link is about, and whose link it is.

    Raises:
        BadLink: the change was made or stopped, is too old, or the link is not ours.
    """
    try:
        pk, side = signing.loads(token, salt=SALT, max_age=VALID_FOR)
        change = EmailChange.objects.select_related("user").filter(pk=pk).first()
        if change is not None:
            return change, Side(side)
    except (signing.BadSignature, ValueError):
        pass
    raise BadLink(
        _(
            "This link is no longer valid: the address was changed, the change was stopped, or it "
            "is more than three days old."
        )
    )


@transaction.atomic
def confirm(*, token: str, session_key: str | None) -> EmailChange | None:
    """Say yes for one of the two mailboxes; with the second yes the address changes, and whoever
    else is signed in as this person is signed out. Returns the change while it waits for the other.

    Args:
        session_key: of the browser, which may stay signed in if it is the owner's.
    Raises:
        BadLink: as `change_of`.
        AddressTaken: somebody was quicker with this address.
    """
    change, side = change_of(token=token)
    services.lock_user(change.user)
    change, side = change_of(token=token)  # as it is by now
    setattr(change, f"{side.value}_confirmed", True)
    change.save(update_fields=[f"{side.value}_confirmed"])
    if not (change.old_confirmed and change.new_confirmed):
        return change
    user = User.objects.get(pk=change.user_id)
    change.delete()
    _apply(user, change.email, session_key, is_verified=True)
    return None


@transaction.atomic
def stop(*, user: User) -> bool:
    """Leave the address as it is. Returns whether a change waited."""
    services.lock_user(user)
    if not EmailChange.objects.filter(user=user).delete()[0]:
        return False
    record(Kind.ADDRESS_CHANGE_STOPPED, person=user)
    return True


def delete_old_changes() -> int:
    return EmailChange.objects.filter(created_at__lt=Clock() - VALID_FOR).delete()[0]


def _apply(user: User, address: str, session_key: str | None, *, is_verified: bool) -> None:
    before, user.email = user.email, address
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])  # which deletes allauth's rows of the former one
    except IntegrityError as error:
        raise AddressTaken(_("This e-mail address already has an account.")) from error
    EmailAddress.objects.update_or_create(
        user=user,
        email=user.canonical_email,
        defaults={"verified": is_verified, "primary": True},
    )
    emails = {"before": {"email": before}, "after": {"email": address}}
    record(Kind.ADDRESS_CHANGED, person=user, personal=emails)
    services.sign_out_everywhere(user=user, except_session=session_key)
    with translation.override(user.mail_language):
        context = services.event_context(user, Kind.ADDRESS_CHANGED)
        for mailbox, more in ((before, {"new_address": address}), (address, {})):
            get_adapter().send_mail("account/email/security_event", mailbox, context | more)
