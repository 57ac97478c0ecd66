"""Every write of `accounts`, except those of allauth's pages, and what staff change of others
(`people_services`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth import login
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from apps.accounts import operators, outbox
from apps.accounts.deletion import HANDED_OVER, reach
from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.accounts.sessions import end_sessions
from apps.accounts.signals import access_ending, user_deleting
from apps.accounts.zones import database_zone_of
from apps.audit.kinds import Kind
from apps.audit.services import record, record_change
from apps.common.clock import Clock
from apps.common.errors import AccountGone, BadLink, LastSuperuserStays, ProjectAccountStays
from apps.common.locks import lock

DEFAULT_OPERATOR = "operator@localhost"
DELETION_AFTER = timedelta(days=7)
KEEP_SALT = "accounts.keep"


def choose_language(*, user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


def note_page_language(*, user: User, language: str) -> None:
    """Remember the language in which somebody signed in: that of mails, while their own setting
    follows the browser.
    """
    if language in User.Language.values:
        User.objects.filter(pk=user.pk).update(page_language=language)


def choose_theme(*, user: User, theme: str) -> None:
    User.objects.filter(pk=user.pk).update(theme=theme)


def change_settings(
    *, user: User, language: str, theme: str, time_zone: str, profile: Iterable[str] | None = None
) -> None:
    """Store what somebody has chosen.

    Args:
        profile: of `User.ProfilePart`, what everybody may see of them; None: as before.
    """
    parts = {} if profile is None else {"profile": list(profile)}
    User.objects.filter(pk=user.pk).update(
        language=language, theme=theme, time_zone=time_zone, **parts
    )


@transaction.atomic
def make_operator(*, email: str, again: bool = False) -> str:
    """Return a token for an operator's one-time link, creating the operator if there is none. Empty
    if there is one and `again` is false.

    Args:
        email: the operator's address; by default that of the first operator.
        again: whether an existing operator gets a new link.
    """
    lock("operator")
    existing = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if not existing.exists():
        user: User | None = _new_operator(email or DEFAULT_OPERATOR)
    elif again:
        user = existing.filter(canonical_email=email).first() if email else existing.first()
    else:
        user = None
    if user is None:
        return ""
    record(Kind.OPERATOR_LINK_MADE, person=user)
    return operators.token_for(user)


def _new_operator(email: str) -> User:
    """Make the account of `email` an operator; create it if there is none. The address counts as
    verified; a password that somebody chose before does not count.
    """
    user = User.objects.filter(canonical_email=email).first()
    if user is None:
        user = User.objects.create_user(email, _free_handle("operator"))
        record(Kind.ACCOUNT_CREATED, person=user)
    before = rights(user)
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_unusable_password()  # who signed up with this address may be anybody
    user.save()
    SocialAccount.objects.filter(user=user).delete()  # as may who connected these
    record_change(Kind.RIGHTS_CHANGED, person=user, before=before, after=rights(user))
    EmailAddress.objects.update_or_create(
        user=user, email=user.canonical_email, defaults={"verified": True, "primary": True}
    )
    return user


def is_own_password(*, user: User, password: str) -> bool:
    """Return whether somebody who is signed in entered their own password; a wrong one is recorded
    as at the sign-in.
    """
    if user.check_password(password):
        return True
    record(Kind.SIGN_IN_FAILED, person=user)
    return False


def event_context(user: User, kind: Kind) -> dict[str, Any]:
    """Return what the mail about an event is written from, in the active language."""
    event = str(kind.label)
    return {"user": user, "event": event, "headline": event.rstrip(".。")}


def tell_owner(*, user: User, kind: Kind) -> None:
    """Mail somebody that something happened to their account, in their language, which may not be
    that of the page.
    """
    with translation.override(user.mail_language):
        context = event_context(user, kind)
        get_adapter().send_mail("account/email/security_event", user.canonical_email, context)


@transaction.atomic
def sign_out_everywhere(
    *, user: User, except_session: str | None = None, with_programs: bool = False
) -> int:
    """End a person's sessions, but for the one with this key. Returns how many ended.

    Args:
        with_programs: end whatever else acts as this person, too: tokens of programs.
    """
    if with_programs:
        access_ending.send(sender=User, user=user)
    return end_sessions(user=user, except_key=except_session)


def rights(user: User) -> dict[str, Any]:
    """Return what a user may do, for the audit log."""
    permissions = user.user_permissions.order_by("content_type__app_label", "codename")
    return {
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
        "user_permissions": permission_names(permissions),
    }


def record_account_change(*, before: User, rights_before: Mapping[str, Any]) -> None:
    """Record what an operator has changed of an account.

    Args:
        before: the row before the change.
        rights_before: its `rights` then; they are rows of other tables, too.
    """
    user = User.objects.get(pk=before.pk)
    record_change(Kind.RIGHTS_CHANGED, person=user, before=rights_before, after=rights(user))
    record_change(
        Kind.ADDRESS_CHANGED,
        person=user,
        before={"email": before.email},
        after={"email": user.email},
        is_personal=True,
    )
    if before.password != user.password:
        record(Kind.PASSWORD_CHANGED, person=user)


def role(group: Group) -> dict[str, Any]:
    """Return what a role is called and what it allows, for the audit log."""
    permissions = group.permissions.order_by("content_type__app_label", "codename")
    return {"name": group.name, "permissions": permission_names(permissions)}


def permission_names(permissions: QuerySet[Permission]) -> list[str]:
    """Return permissions as code names them, such as `questions.publish_revision`."""
    names = permissions.values_list("content_type__app_label", "codename")
    return [f"{app}.{codename}" for app, codename in names]


def _free_handle(base: str) -> str:
    """Return `base`, or `base` with the first number that makes it unique."""
    taken = {
        handle.lower()
        for handle in User.objects.filter(handle__istartswith=base).values_list("handle", flat=True)
    }
    handles = (base if n == 1 else f"{base}{n}" for n in range(1, len(taken) + 2))
    return next(handle for handle in handles if handle not in taken)


@transaction.atomic
def check_operator_link(*, token: str) -> None:
    """Check that an operator's link would sign in.

    Raises:
        BadLink: the link was used, is older than a day, or is not ours.
    """
    _operator_of(token)


@transaction.atomic
def enter_as_operator(*, request: HttpRequest, token: str) -> None:
    """Sign in with an operator's one-time link, and invalidate the old password: the next page asks
    for a new one.

    Raises:
        BadLink: the link was used, is older than a day, or is not ours.
    """
    user = _operator_of(token)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    record(Kind.OPERATOR_LINK_USED, person=user)


def _operator_of(token: str) -> User:
    user = operators.user_of(token)
    if user is None:
        raise BadLink(
            _(
                "This link has already been used or is more than a day old. Run ./gradus "
                "manage make_operator --again for a new one."
            )
        )
    return user


@transaction.atomic
def reset_password(*, user: User, token: str, password: str) -> None:
    """Set the password of whoever has a mailed link. Of two who use it at once the second is late.

    Raises:
        BadLink: the link was used meanwhile.
    """
    now = User.objects.select_for_update().get(pk=user.pk)
    if not default_token_generator.check_token(now, token):
        raise BadLink(_("This link has already been used or has expired."))
    user.set_password(password)
    user.save(update_fields=["password"])
    record(Kind.PASSWORD_RESET, person=user)


@transaction.atomic
def restore_roles() -> None:
    """Make the group of every role, with the permissions of the table in `roles` and no others.
    Other groups stay as they are.

    Raises:
        LookupError: the table names a permission that there is not.
    """
    lock("roles")  # of two starts at once
    stored = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, permissions in ROLES.items():
        group, _is_new = Group.objects.get_or_create(name=name)
        group.permissions.set([stored[permission] for permission in permissions])


def lock_user(user: User) -> None:
    """Serialize what one person does. Whoever takes several locks takes this one first; then runs,
    their run attempts, compute usage. Rows that refer to the person can still be inserted, so that
    a worker, which begins with the run, does not wait.

    Raises:
        AccountGone: the person was deleted meanwhile.
    """
    if User.objects.select_for_update(no_key=True).filter(pk=user.pk).first() is None:
        raise AccountGone


@transaction.atomic
def delete_user(*, user: User) -> None:
    """Delete a user with all that is theirs; `deletion` says what that is, and what stays without
    their name. A running run is deleted, too; its worker learns of it at its next report.

    Raises:
        ProjectAccountStays: it is the account that owns the recorded runs.
        LastSuperuserStays: it is the last active superuser.
    """
    if user.is_project:
        raise ProjectAccountStays(
            _("The account %(handle)s owns the recorded runs and cannot be deleted.")
            % {"handle": user.handle}
        )
    try:
        lock_user(user)
    except AccountGone:
        return
    check_superuser_remains(without=[user])
    user_deleting.send(sender=User, user=user)
    # before the row goes: who deletes themselves is erased from it, too
    record(Kind.ACCOUNT_DELETED, subject=str(user.pk))
    # from here on nobody may refer to them; not before, since who holds a run may be about to
    locked = User.objects.select_for_update().get(pk=user.pk)
    project = User.objects.project()
    for model, name in HANDED_OVER.items():
        model._base_manager.filter(**{name: user.pk}).update(**{name: project})
    models = reach()
    _anonymize_log(User.objects.filter(pk=user.pk))
    for model in models.deleted:
        _anonymize_log(models.deleted_rows(model, [user.pk]))
    outbox.delete_mails_to(address=locked.email)
    locked.delete()


@transaction.atomic
def ask_for_deletion(*, user: User) -> datetime:
    """Have an account deleted in seven days, unless its owner changes their mind. They are told by
    mail, with a link by which anybody who reads that mailbox keeps the account. Returns when.

    Raises:
        LastSuperuserStays: nobody could change people any more.
        AccountGone: the person was deleted meanwhile.
    """
    lock_user(user)
    check_superuser_remains(without=[user])
    User.objects.filter(pk=user.pk, deletion_at=None).update(deletion_at=Clock() + DELETION_AFTER)
    user.refresh_from_db()
    assert user.deletion_at is not None
    record(Kind.DELETION_ASKED, person=user)
    with (
        translation.override(user.mail_language),
        timezone.override(database_zone_of(user.time_zone)),
    ):
        context = {"user": user, "at": user.deletion_at, "token": keep_token(user)}
        get_adapter().send_mail("account/email/deletion", user.canonical_email, context)
    return user.deletion_at


@transaction.atomic
def keep_account(*, user: User) -> bool:
    """Revoke a deletion that is not due yet. Returns whether there was one.

    Raises:
        AccountGone: it has happened.
    """
    lock_user(user)
    if not User.objects.filter(pk=user.pk).exclude(deletion_at=None).update(deletion_at=None):
        return False
    record(Kind.DELETION_REVOKED, person=user)
    tell_owner(user=user, kind=Kind.DELETION_REVOKED)
    return True


def keep_token(user: User) -> str:
    """Return a token by which the deletion that waits is revoked, and no later one."""
    at = user.deletion_at.timestamp() if user.deletion_at else 0
    return signing.dumps([user.pk, at], salt=KEEP_SALT)


def deletion_of(*, token: str) -> User:
    """Return whose deletion a token revokes.

    Raises:
        BadLink: it was revoked, has happened, or the token is not ours.
    """
    try:
        pk, at = signing.loads(token, salt=KEEP_SALT)
    except (signing.BadSignature, ValueError):
        pk, at = 0, 0
    user = User.objects.filter(pk=pk).exclude(deletion_at=None).first()
    if user is None or user.deletion_at is None or user.deletion_at.timestamp() != at:
        raise BadLink(
            _("This link is no longer valid: the account is kept already, or it is deleted.")
        )
    return user


@transaction.atomic
def delete_if_due(*, pk: int) -> bool:
    """Delete an account whose seven days are over. Returns whether it was deleted: its owner may
    have been quicker. The last superuser's is kept, since somebody must run the site.
    """
    user = (
        User.objects.select_for_update(no_key=True).filter(pk=pk, deletion_at__lte=Clock()).first()
    )
    if user is None:
        return False
    try:
        delete_user(user=user)
    except LastSuperuserStays:
        keep_account(user=user)
        return False
    return True


def check_superuser_remains(*, without: Iterable[User]) -> None:
    """Check that there is an active superuser besides these people, if one of them is one. Locks
    against others who take a superuser away.

    Raises:
        LastSuperuserStays: there is none.
    """
    pks = [user.pk for user in without]
    active = User.objects.filter(is_superuser=True, is_active=True)
    if not active.filter(pk__in=pks).exists():
        return
    lock("superusers")
    if not active.exclude(pk__in=pks).exists():
        raise LastSuperuserStays(
            _("This is the last superuser who can sign in. Make somebody else a superuser first.")
        )


def _anonymize_log(rows: QuerySet[Any]) -> None:
    """Remove the names of rows (a handle, an address) from the operators' log."""
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(rows.model),
        object_id__in=rows.values(pk_text=Cast("pk", TextField())),
    ).update(object_repr=rows.model._meta.model_name)
