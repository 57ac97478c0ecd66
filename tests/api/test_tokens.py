"""One's tokens, on the page: made with the password, shown once, revoked by a press."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import sign_out_everywhere
from apps.api.models import MAX_TOKENS, ApiToken
from apps.api.scopes import Scope
from apps.api.services import make_token
from tests.api.conftest import Program
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.django_db
FORM: dict[str, Any] = {"name": "notebook", "scopes": ["read", "run"], "days": "30"}


@pytest.fixture
def member(mei: User) -> Client:
    client = Client()
    enter_password(client, mei)
    return client


def test_a_token_is_made_shown_once_and_works(member: Client, mei: User) -> None:
    page = member.post("/settings/tokens/new", FORM)
    token = re.search(r'value="(gradus_\w+)"', page.content.decode())
    assert token and page["Cache-Control"] == "private, no-store"
    program = Program()
    program.headers["Authorization"] = f"Bearer {token[1]}"
    assert program.get("me").json()["handle"] == "mei"
    row = ApiToken.objects.get()
    assert (row.user, row.name, row.scopes) == (mei, "notebook", ["read", "run"])
    again = member.get("/settings/tokens").content.decode()
    assert "notebook" in again and row.token_key in again and token[1] not in again


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "  "}, "Enter a name."),
        ({"name": "x" * 61}, "at most 60"),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "not one of the available choices"),
        ({"days": "9999"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(member: Client, change: Any, message: str) -> None:
    answer = member.post("/settings/tokens/new", FORM | change)
    assert answer.status_code == 422 and message in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_making_one_takes_the_password(mei: User) -> None:
    client = Client()
    client.force_login(mei)
    assert client.post("/settings/tokens/new", FORM).status_code == 302
    assert not ApiToken.objects.exists()


def test_one_revokes_ones_own_alone(member: Client, mei: User, sam: User) -> None:
    row, token = make_token(user=mei, name="a", scopes=[Scope.READ], days=7)
    other, _token = make_token(user=sam, name="b", scopes=[Scope.READ], days=7)
    for one in (row, other):
        assert member.post("/settings/tokens/revoke", {"token": one.public_id}).status_code == 302
    assert list(ApiToken.objects.all()) == [other]
    program = Program()
    program.headers["Authorization"] = f"Bearer {token}"
    assert program.get("me").status_code == 401


def test_who_has_as_many_as_one_may_is_told(member: Client, mei: User) -> None:
    for n in range(MAX_TOKENS):
        make_token(user=mei, name=str(n), scopes=[Scope.READ], days=7)
    assert "Revoke one to" in " ".join(member.get("/settings/tokens").content.decode().split())
    answer = member.post("/settings/tokens/new", FORM)
    assert answer.status_code == 422 and "You have 20 tokens already" in answer.content.decode()


def test_signing_out_everywhere_else_revokes_them(member: Client, mei: User) -> None:
    make_token(user=mei, name="a", scopes=[Scope.READ], days=7)
    Client().force_login(mei)
    member.post("/settings/sessions", {"password": "", "everywhere": "1"})
    assert ApiToken.objects.exists(), "it takes the password"
    sign_out_everywhere(user=mei, with_programs=True)
    assert not ApiToken.objects.exists()
