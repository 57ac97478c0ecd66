"""Forms with very many fields: only the admin accepts them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from tests.common.editing import send
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.attack

PEOPLE = "/admin/accounts/user/"
MANY = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 30
FIELDS = {f"field-{n}": "1" for n in range(MANY)}
TOO_LARGE = "This form is too large"


@pytest.fixture
def many_users(db: None, settings: Any) -> list[int]:
    """Create more people than a form may have fields, which are few: each is deleted for itself."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 20
    people = [User(email=f"p{n}@example.org", handle=f"p{n}") for n in range(30)]
    return [person.pk for person in User.objects.bulk_create(people)]


def test_a_bulk_action_takes_as_many_rows_as_there_are(
    operator: User, many_users: list[int]
) -> None:
    client = Client()
    enter_password(client, operator)
    chosen = {"action": "delete_selected", "_selected_action": many_users}
    assert send(client, PEOPLE, chosen).status_code == 200
    assert send(client, PEOPLE, chosen | {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk__in=many_users).exists()


def checking_client(user: User | None = None) -> Client:
    """Return a client whose forms are parsed, to check their CSRF token."""
    client = Client(enforce_csrf_checks=True)
    client.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", [PEOPLE, "/accounts/login/", "/language"])
def test_a_visitors_form_keeps_its_limit(path: str, db: None) -> None:
    answer = send(checking_client(), path, FIELDS)
    page = answer.content.decode()
    assert (
        answer.status_code == 413
        and TOO_LARGE in page
        and f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} fields" in page
    )


def test_a_members_form_keeps_its_limit_in_the_admin(mei: User) -> None:
    assert send(checking_client(mei), PEOPLE, FIELDS).status_code == 413


def test_a_deactivated_operators_form_keeps_its_limit(operator: User) -> None:
    client = checking_client(operator)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert send(client, PEOPLE, FIELDS).status_code == 413


def test_an_operators_form_outside_the_admin_keeps_its_limit(operator: User) -> None:
    assert send(checking_client(operator), "/settings", FIELDS).status_code == 413


def test_a_form_of_the_admin_is_limited_in_bytes_and_needs_its_token(mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(is_staff=True)
    mei.user_permissions.set(Permission.objects.filter(codename="view_user"))
    client = checking_client(mei)
    assert send(client, PEOPLE, FIELDS).status_code == 403
    large = send(client, PEOPLE, {"text": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)})
    assert large.status_code == 413 and "Nothing was saved" in large.content.decode()


def test_invalid_utf8_is_no_error(operator: User) -> None:
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    body = urlencode(FIELDS).encode() + b"&\xff\xfe=%ED%A0%80%00"
    answer = client.post(PEOPLE, body, "application/x-www-form-urlencoded")
    assert answer.status_code < 500


def test_the_refusal_in_chinese(client: Client, db: None) -> None:
    client.cookies["language"] = "zh-hans"
    assert "表单太大" in send(client, "/accounts/login/", FIELDS).content.decode()
