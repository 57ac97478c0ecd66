"""The first operator signs in with a link that works once, within a day."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import OTHER, PASSWORD

pytestmark = pytest.mark.attack

SET = "/accounts/password/set/"


def make(*options: str) -> str:
    out = io.StringIO()
    call_command("make_operator", *options, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def path(db: None, settings: Any) -> str:
    settings.SITE_URL = "http://gradus.example"
    link = make("--email", "Ola@Example.org")
    assert link.startswith("http://gradus.example/operator/")
    return link.removeprefix("http://gradus.example")


def test_the_link_signs_in_and_leads_to_a_password(client: Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200 and "_auth_user_id" not in client.session
    assert "Sign in as the operator" in page.content.decode()
    assert client.post(path)["Location"] == SET
    assert "Ola@Example.org" in client.get(SET).content.decode()
    assert client.post(SET, {"password1": OTHER})["Location"] == "/settings"
    ola = User.objects.get(canonical_email="ola@example.org")
    assert ola.is_superuser and ola.is_staff and ola.check_password(OTHER)
    assert client.get("/admin/").status_code == 200
    assert (
        Client().post("/accounts/login/", {"login": "ola@example.org", "password": OTHER})[
            "Location"
        ]
        == "/"
    )


def test_with_verification_the_operators_address_counts_as_verified(
    client: Client, path: str, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client.post(path)
    client.post(SET, {"password1": OTHER})
    assert (
        Client().post("/accounts/login/", {"login": "ola@example.org", "password": OTHER})[
            "Location"
        ]
        == "/"
    )


def test_it_works_once(client: Client, path: str) -> None:
    client.post(path)
    stranger = Client()
    for response in (stranger.get(path), stranger.post(path)):
        assert response.status_code == 410 and "has already been used" in response.content.decode()
    assert "_auth_user_id" not in stranger.session


def test_it_works_for_a_day(client: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = signing.time.time
    monkeypatch.setattr(
        signing.time, "time", lambda: real() + timedelta(hours=24, minutes=1).total_seconds()
    )
    assert client.get(path).status_code == 410
    monkeypatch.setattr(signing.time, "time", lambda: real() + timedelta(hours=23).total_seconds())
    assert client.post(path).status_code == 302


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a:b:c",
        "WzEsIngiXQ:1xUkdE:abc",
        "x" * 3000,
        "%00",
        signing.dumps([1, "x"]),
        signing.dumps("x", salt="accounts.operator"),
    ],
    # a signature has the time: parallel test processes would have different ids
    ids=range(7),
)
def test_a_forged_link_does_not_sign_in(client: Client, operator: User, token: str) -> None:
    assert client.get(f"/operator/{token}").status_code == 410
    assert client.post(f"/operator/{token}").status_code == 410


def test_a_link_is_invalid_after_another_sign_in(client: Client, operator: User) -> None:
    link = make("--again").partition("/operator/")[2]
    client.post("/accounts/login/", {"login": operator.email, "password": PASSWORD})
    assert Client().get(f"/operator/{link}").status_code == 410


def test_nothing_is_printed_when_there_is_an_operator(operator: User) -> None:
    assert make() == ""
    assert make("--email", "other@example.org") == ""
    assert not User.objects.filter(email="other@example.org").exists()


def test_again_makes_a_new_link_for_the_operator_there_is(client: Client, operator: User) -> None:
    path = "/operator/" + make("--again").partition("/operator/")[2]
    assert client.post(path)["Location"] == SET
    operator.refresh_from_db()
    assert not operator.has_usable_password(), "the forgotten password is invalid"


def test_again_for_someone_who_is_no_operator_is_refused(operator: User) -> None:
    with pytest.raises(CommandError, match="no operator with the address"):
        make("--again", "--email", "mei@example.org")


@pytest.mark.django_db
def test_an_invalid_address_is_refused() -> None:
    with pytest.raises(CommandError, match="not an e-mail address"):
        make("--email", "nonsense")
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.django_db
def test_without_an_address_there_is_one_to_sign_in_with() -> None:
    make()
    assert User.objects.get(is_superuser=True).email == "operator@localhost"


def test_who_signed_up_first_with_the_operators_address_is_no_operator(
    signed_in: Client, mei: User
) -> None:
    path = "/operator/" + make("--email", "mei@example.org").partition("/operator/")[2]
    assert signed_in.get("/admin/").status_code == 302, "their session ended"
    again = {"login": "mei@example.org", "password": PASSWORD}
    assert Client().post("/accounts/login/", again).status_code == 200
    assert Client().post(path)["Location"] == SET


def test_a_member_becomes_the_operator_and_a_taken_handle_gets_a_number(mei: User) -> None:
    User.objects.create_user("op@example.org", "Operator")
    make("--email", "mei@example.org")
    mei.refresh_from_db()
    assert mei.is_superuser and mei.handle == "Mei"
    User.objects.filter(pk=mei.pk).update(is_superuser=False)
    make()
    assert User.objects.get(is_superuser=True).handle == "operator2"


def test_looking_the_link_up_does_not_use_it(client: Client, path: str) -> None:
    for look in (client.get, client.head, client.get):
        assert look(path).status_code == 200
    assert client.post(path)["Location"] == SET


def test_another_site_cannot_press_the_button(path: str) -> None:
    assert Client(enforce_csrf_checks=True).post(path).status_code == 403
