"""Who may change whom: the rules for staff, as querysets.

Nobody gives what they lack, and nobody touches an account that may do more than they may: its
password or address would be theirs, and with it those permissions. Superusers may do everything.
Whether somebody may change people or groups at all is a permission of Django's, asked beside these.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.accounts.roles import ROLES


def grantable_permissions(by: User) -> QuerySet[Permission]:
    """Return the permissions that `by` has, and so may give to others."""
    if by.is_superuser:
        return Permission.objects.all()
    direct_and_by_groups = Permission.objects.filter(Q(user=by) | Q(group__user=by))  # some twice
    return Permission.objects.filter(pk__in=direct_and_by_groups.values("pk"))


def grantable_groups(by: User) -> QuerySet[Group]:
    """Return the groups that give nothing that `by` lacks."""
    return Group.objects.exclude(permissions__in=_lacked(by))


def editable_groups(by: User) -> QuerySet[Group]:
    """Return the groups that `by` may change: not the roles, which the code defines."""
    return grantable_groups(by).exclude(name__in=ROLES)


def manageable_people(by: User) -> QuerySet[User]:
    """Return the people who may do nothing that `by` may not, active or not, `by` among them."""
    if by.is_superuser:
        return User.objects.all()
    lacked = _lacked(by)
    people = User.objects.exclude(is_superuser=True)
    if not by.is_staff:
        people = people.exclude(is_staff=True)
    return people.exclude(user_permissions__in=lacked).exclude(groups__permissions__in=lacked)


def _lacked(by: User) -> QuerySet[Permission]:
    return Permission.objects.exclude(pk__in=grantable_permissions(by).values("pk"))
