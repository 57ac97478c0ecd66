"""What a person may do takes one query, and is what Django's own backend says."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission

from apps.accounts.models import User
from apps.accounts.permission_backend import PermissionBackend
from apps.accounts.services import restore_roles


def person(kind: str) -> User:
    restore_roles()
    mei = User.objects.create_user("someone@example.org", "someone")
    match kind:
        case "operator":
            mei.is_superuser = True
        case "moderator":
            mei.groups.add(Group.objects.get(name="moderator"))
        case "by name":
            mei.user_permissions.add(*Permission.objects.all()[:3])
        case "both":
            mei.groups.add(*Group.objects.all())
            mei.user_permissions.add(*Permission.objects.all()[:3])
        case "shut out":
            mei.is_active, mei.is_superuser = False, True
    mei.save()
    return mei


@pytest.mark.parametrize("kind", ["member", "operator", "moderator", "by name", "both", "shut out"])
def test_it_says_what_djangos_backend_says(
    kind: str, db: None, django_assert_max_num_queries: Any
) -> None:
    pk = person(kind).pk
    expected = ModelBackend().get_all_permissions(User.objects.get(pk=pk))
    assert bool(expected) == (kind not in ("member", "shut out"))
    someone = User.objects.get(pk=pk)
    with django_assert_max_num_queries(1):
        assert PermissionBackend().get_all_permissions(someone) == expected
        assert someone.has_perm("discussions.moderate") == ("discussions.moderate" in expected)
        # no other backend asks again
        assert someone.has_perm("discussions.nothing") == (kind == "operator")
        assert someone.has_module_perms("discussions") == any(
            name.startswith("discussions.") for name in expected
        )


def test_nobody_signs_in_by_it(db: None) -> None:
    User.objects.create_user("mei@example.org", "mei", "a long password")
    backend = PermissionBackend()
    assert (
        backend.authenticate(None, username="mei@example.org", password="a long password") is None
    )
    assert backend.get_all_permissions(AnonymousUser()) == set()
