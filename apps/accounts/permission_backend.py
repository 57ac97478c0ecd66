"""What a person may do, read by one query where Django's own backend takes two.

Pages of a member ask for it. It stands before Django's backend, which finds it in the cache of the
person, and signs nobody in.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Permission
from django.http import HttpRequest

from apps.accounts.models import User


class PermissionBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        return None

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Any = None) -> set[str]:
        """Return the permissions of a person, `app.codename`, by their own and by their groups."""
        if not isinstance(user_obj, User) or not user_obj.is_active or obj is not None:
            return set()
        if not hasattr(user_obj, "_perm_cache"):  # by this name in Django's backend
            user_obj._perm_cache = _permissions(user_obj)  # type: ignore[attr-defined]
        return set(user_obj._perm_cache)  # type: ignore[attr-defined]


def _permissions(person: User) -> set[str]:
    names = ("content_type__app_label", "codename")
    every = Permission.objects.order_by()
    if person.is_superuser:
        rows = every.values_list(*names)
    else:
        of_groups = every.filter(group__user=person).values_list(*names)
        rows = every.filter(user=person).values_list(*names).union(of_groups)
    return {f"{app}.{codename}" for app, codename in rows}
