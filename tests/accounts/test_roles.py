"""The roles: one table in the code, groups in the database, a page in the documents."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.accounts.services import restore_roles
from tests.common.editing import edit
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.django_db


def stored(name: str) -> set[str]:
    rows = Group.objects.get(name=name).permissions.values_list(
        "content_type__app_label", "codename"
    )
    return {f"{app}.{codename}" for app, codename in rows}


def test_every_role_is_a_group_with_the_permissions_of_the_table() -> None:
    call_command("make_roles", stdout=io.StringIO())
    assert {name: stored(name) for name in ROLES} == dict(ROLES)


def test_a_start_restores_the_table_and_leaves_members_and_other_groups(
    django_assert_max_num_queries: object,
) -> None:
    restore_roles()
    mei = User.objects.create_user("mei@example.org", "mei")
    author, helpers = Group.objects.get(name="author"), Group.objects.create(name="helpers")
    may_delete = Permission.objects.get(codename="delete_user")
    author.permissions.set([may_delete])
    helpers.permissions.set([may_delete])
    mei.groups.set([author, helpers])
    restore_roles()
    assert stored("author") == ROLES["author"] and stored("helpers") == {"accounts.delete_user"}
    assert set(mei.groups.all()) == {author, helpers} and Group.objects.count() == len(ROLES) + 1


def test_no_role_reaches_what_makes_others_powerful() -> None:
    """Groups and their permissions are a superuser's; so is everything that no role names."""
    given = set().union(*ROLES.values())
    assert not {name for name in given if name.startswith(("auth.add", "auth.ch", "auth.del"))}
    assert not {name for name in given if "delete" in name and "progress" in name}


def test_the_document_has_the_table_in_both_languages() -> None:
    text = Path(settings.ROOT, "docs", "roles.md").read_text(encoding="utf-8")
    english, chinese = text.split("\n## 中文\n")
    for part in (english, chinese):
        rows = re.findall(r"^\| \*\*(\w+)\*\* \|[^|]*\|([^|]*)\|", part, re.MULTILINE)
        listed = {
            role: {
                f"{app}.{action}_{model}"
                for actions, app, models in re.findall(r"([\w ]+): `(\w+)` ([\w ]+)", cell)
                for action in actions.split()
                for model in models.split()
            }
            | set(re.findall(r"`(\w+\.\w+)`", cell))
            for role, cell in rows
        }
        assert listed == {role: set(permissions) for role, permissions in ROLES.items()}


def test_a_role_is_shown_in_the_admin_and_changed_by_nobody() -> None:
    restore_roles()
    boss = User.objects.create_superuser("boss@example.org", "boss", "seven quiet herons")
    client, author = Client(), Group.objects.get(name="author")
    enter_password(client, boss)
    url = f"/admin/auth/group/{author.pk}/change/"
    page = client.get(url)
    assert "restored at every start" in page.content.decode()
    assert client.post(url, {"name": "author", "permissions": []}).status_code == 403
    assert client.post(f"/admin/auth/group/{author.pk}/delete/", {"post": "yes"}).status_code == 403
    both = {"action": "delete_selected", "_selected_action": [author.pk], "post": "yes"}
    assert client.post("/admin/auth/group/", both).status_code == 403
    assert stored("author") == ROLES["author"]


def test_an_operator_gives_the_roles_that_hold_nothing_they_lack() -> None:
    restore_roles()
    role = Group.objects.get(name="operator")
    ola = User.objects.create_user("ola@example.org", "ola", is_staff=True)
    mei = User.objects.create_user("mei@example.org", "mei")
    ola.groups.add(role)
    client, url = Client(), f"/admin/accounts/user/{mei.pk}/change/"
    enter_password(client, ola)
    page = client.get(url).context["adminform"].form
    assert {str(group) for group in page.fields["groups"].queryset} == {"learner", "operator"}
    assert edit(client, url, groups=[role.pk]).status_code == 302
    assert mei.has_perm("experiments.add_worker")
    author = Group.objects.get(name="author")
    answer = edit(client, url, groups=[author.pk])
    assert "Select a valid choice" in answer.content.decode()
    assert set(mei.groups.all()) == {role}
