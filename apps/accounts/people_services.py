"""What staff change of other people and of groups, each change in one transaction, by the rules of
`privileges`. `by` is who does it: read anew, since what they may do may have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts import invitations, privileges, second_factors, services
from apps.accounts.models import Invitation, User
from apps.audit.kinds import Kind
from apps.audit.services import record, record_change
from apps.common.errors import ExceedsPermissions

STAFF_FLAGS = ("is_staff", "is_superuser")  # which superusers alone change


@transaction.atomic
def save_person(
    *,
    by: User,
    person: User,
    groups: Collection[Group] | None = None,
    permissions: Collection[Permission] | None = None,
) -> None:
    """Store a new person, or what was changed of one. Groups and permissions are those that the
    person has from now on; None leaves them.

    Raises:
        ExceedsPermissions: `by` may not change this person, or not so.
        LastSuperuserStays: nobody could change people any more.
        AccountGone: the person was deleted meanwhile.
    """
    by = _who_may("change" if person.pk else "add", User, by)
    stored = _lock_person(by, person) if person.pk else User()
    if not by.is_superuser:
        if any(getattr(person, flag) != getattr(stored, flag) for flag in STAFF_FLAGS):
            raise staff_flags_refused()
        _check_all_in(permissions, privileges.grantable_permissions(by))
        _check_all_in(groups, privileges.grantable_groups(by))
    if not (person.is_superuser and person.is_active):
        services.check_superuser_remains(without=[stored])
    rights_before = services.rights(stored) if person.pk else {}
    person.save()
    if groups is not None:
        person.groups.set(groups)
    if permissions is not None:
        person.user_permissions.set(permissions)
    if stored.pk:
        services.record_account_change(before=stored, rights_before=rights_before)
    else:
        record(Kind.ACCOUNT_CREATED, person=person)


@transaction.atomic
def set_password_of(*, by: User, person: User, password: str | None) -> None:
    """Give a person a new password, or none (None). It ends their sessions.

    Raises:
        ExceedsPermissions: `by` may not change this person.
        AccountGone: the person was deleted meanwhile.
    """
    _lock_person(_who_may("change", User, by), person)
    person.set_password(password)
    person.save(update_fields=["password"])
    record(Kind.PASSWORD_CHANGED, person=person)


@transaction.atomic
def end_sessions_of(*, by: User, people: Iterable[User]) -> int:
    """Sign people out wherever they are signed in. Returns how many sessions ended.

    Raises:
        ExceedsPermissions: `by` may not change one of them; then all stay signed in.
        AccountGone: one of them was deleted meanwhile.
    """
    by = _who_may("change", User, by)
    stored = _lock_all(by, people)
    return sum(services.sign_out_everywhere(user=person, with_programs=True) for person in stored)


@transaction.atomic
def remove_second_factors_of(*, by: User, people: Iterable[User]) -> int:
    """Let people who have lost their second factors sign in with the password alone. They are
    told, and signed out. Returns how many had some.

    Raises:
        ExceedsPermissions: `by` may not change one of them; then nothing is removed.
        AccountGone: one of them was deleted meanwhile.
    """
    by = _who_may("change", User, by)
    count = 0
    for person in _lock_all(by, people):
        if second_factors.remove_all(user=person):
            services.sign_out_everywhere(user=person, with_programs=True)
            count += 1
    return count


@transaction.atomic
def delete_people(*, by: User, people: Iterable[User]) -> None:
    """Delete people with all that is theirs (`services.delete_user`), all or none.

    Raises:
        ExceedsPermissions: `by` may not delete one of them.
        LastSuperuserStays: nobody could change people any more.
        ProjectAccountStays: one is the account that owns the recorded runs.
    """
    by = _who_may("delete", User, by)
    for person in sorted(people, key=lambda person: person.pk):
        if User.objects.filter(pk=person.pk).exists():
            _lock_person(by, person)
            services.delete_user(user=person)


@transaction.atomic
def invite(*, by: User, address: str) -> str:
    """Invite somebody to sign up. Returns their link.

    Raises:
        ExceedsPermissions: `by` may not invite.
        AddressTaken: the address has an account.
    """
    return invitations.invite(address=address, by=_who_may("add", Invitation, by))


@transaction.atomic
def withdraw_invitations(*, by: User, rows: Iterable[Invitation]) -> None:
    """Make invitations void.

    Raises:
        ExceedsPermissions: `by` may not withdraw any.
    """
    _who_may("delete", Invitation, by)
    for row in rows:
        invitations.withdraw(invitation=row)


@transaction.atomic
def save_address(*, by: User, address: EmailAddress) -> None:
    """Store whether a person's address is verified.

    Raises:
        ExceedsPermissions: `by` may not change addresses, or this person.
    """
    _lock_person(_who_may("change", EmailAddress, by), address.user)
    was_verified = EmailAddress.objects.filter(pk=address.pk, verified=True).exists()
    address.save()
    _record_confirmation(address, was_verified)


@transaction.atomic
def verify_addresses(*, by: User, addresses: Iterable[EmailAddress]) -> int:
    """Take addresses as verified, all or none. Returns how many are verified by now.

    Raises:
        ExceedsPermissions: `by` may not change addresses, or one of these people.
    """
    by = _who_may("change", EmailAddress, by)
    count = 0
    for address in _in_order_of_owners(addresses):
        _lock_person(by, address.user)
        was_verified = address.verified
        count += address.set_verified()
        _record_confirmation(address, was_verified)
    return count


@transaction.atomic
def delete_addresses(*, by: User, addresses: Iterable[EmailAddress]) -> None:
    """Forget that addresses were verified: their owners are asked to verify them again.

    Raises:
        ExceedsPermissions: `by` may not delete addresses, or change one of these people.
    """
    by = _who_may("delete", EmailAddress, by)
    for address in _in_order_of_owners(addresses):
        _lock_person(by, address.user)
        address.delete()


@transaction.atomic
def save_group(*, by: User, group: Group, permissions: Collection[Permission]) -> None:
    """Store a group with its permissions, which all of its members have from now on.

    Raises:
        ExceedsPermissions: `by` may not change this group, or lacks one of these permissions.
    """
    by = _who_may("change" if group.pk else "add", Group, by)
    stored = _lock_groups(by, [group]) if group.pk else []
    _check_all_in(permissions, privileges.grantable_permissions(by))
    before = services.role(stored[0]) if stored else {}
    group.save()
    group.permissions.set(permissions)
    after = services.role(group)
    record_change(Kind.ROLE_CHANGED, subject=group.name, before=before, after=after)


@transaction.atomic
def delete_groups(*, by: User, groups: Iterable[Group]) -> None:
    """Delete groups, all or none: their members lose what these gave them.

    Raises:
        ExceedsPermissions: `by` may not delete one of them.
    """
    by = _who_may("delete", Group, by)
    for group in _lock_groups(by, groups):
        record(Kind.ROLE_DELETED, subject=group.name, details={"before": services.role(group)})
        group.delete()


def _record_confirmation(address: EmailAddress, was_verified: bool) -> None:
    if address.verified and not was_verified:
        record(Kind.ADDRESS_CONFIRMED, person=address.user)


def staff_flags_refused() -> ExceedsPermissions:
    return _exceeds(_("Superusers alone make somebody a superuser or open the admin to them."))


def _who_may(action: str, model: type[Any], by: User) -> User:
    """Return `by` as the database has them by now, if they have the permission for an action."""
    stored = User.objects.filter(pk=by.pk).first()
    permission = f"{model._meta.app_label}.{action}_{model._meta.model_name}"
    if stored is None or not stored.is_staff or not stored.has_perm(permission):
        raise _exceeds(_("Your account may not do this."))
    return stored


def _lock_person(by: User, person: User) -> User:
    """Lock a person's row, and return it, if they may do nothing that `by` may not."""
    services.lock_user(person)
    stored = privileges.manageable_people(by).filter(pk=person.pk).first()
    if stored is None:
        raise _exceeds(_("This account may do more than yours."))
    return stored


def _lock_all(by: User, people: Iterable[User]) -> list[User]:
    """Lock people in the order of their keys, so that two of staff do not wait in a circle."""
    return [_lock_person(by, person) for person in sorted(people, key=lambda person: person.pk)]


def _in_order_of_owners(addresses: Iterable[EmailAddress]) -> list[EmailAddress]:
    """Return addresses in the order in which `_lock_all` locks people."""
    return sorted(addresses, key=lambda address: (address.user_id, address.pk))


def _lock_groups(by: User, groups: Iterable[Group]) -> list[Group]:
    chosen = {group.pk for group in groups}
    locked = list(Group.objects.select_for_update(no_key=True).filter(pk__in=chosen).order_by("pk"))
    _check_all_in(locked, privileges.editable_groups(by))
    return locked


def _check_all_in(chosen: Collection[Any] | None, allowed: QuerySet[Any]) -> None:
    wanted = {row.pk for row in chosen or ()}
    if allowed.filter(pk__in=wanted).count() != len(wanted):
        reason = _("You cannot give what your account lacks, nor change such a group, nor a role.")
        raise _exceeds(reason)


def _exceeds(reason: str) -> ExceedsPermissions:
    return ExceedsPermissions(f"{reason} {_('Nothing was changed.')}")
