from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.module_loading import import_string
from gradus import settings as site_settings

from apps.accounts.forms import MAX_PASSWORD_LENGTH, PASSWORD_HELP
from apps.accounts.models import User
from tests.accounts.conftest import OTHER, PASSWORD, link_in

RESET = "/accounts/password/reset/"


def ask_for_link(
    client: Client, mails: list[EmailMessage], address: str = "mei@example.org"
) -> str:
    assert client.post(RESET, {"email": address})["Location"] == RESET + "done/"
    return link_in(mails[-1])


def test_the_site_makes_guessing_as_dear_as_owasp_asks() -> None:
    (name,) = site_settings.PASSWORD_HASHERS  # as they are, and not as conftest.py changes them
    hasher = import_string(name)()
    assert hasher.algorithm == "argon2"
    assert hasher.memory_cost >= 19 * 1024 and hasher.time_cost >= 2  # KiB, rounds


@pytest.mark.django_db
def test_a_mailed_link_sets_a_new_password(
    client: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    form = client.get(ask_for_link(client, mailoutbox), follow=True)
    address = form.redirect_chain[-1][0]
    assert mei.email not in address and form.status_code == 200
    assert (
        client.post(address, {"password1": OTHER})["Location"]
        == "/accounts/password/reset/key/done/"
    )
    mei.refresh_from_db()
    assert mei.check_password(OTHER)


@pytest.mark.django_db
def test_the_link_works_once(client: Client, mei: User, mailoutbox: list[EmailMessage]) -> None:
    link = ask_for_link(client, mailoutbox)
    client.post(client.get(link)["Location"], {"password1": OTHER})
    again = Client().get(link)
    assert again.status_code == 200 and "This link is no longer valid" in again.content.decode()


@pytest.mark.django_db
def test_a_forged_link_is_not_valid(client: Client, mei: User) -> None:
    for key in ("1-x", f"{mei.pk}-set-password", "zzzzzzzzzzzzzzzzzzzz-abc", "1-" + "x" * 3000):
        assert (
            "This link is no longer valid"
            in client.get(f"/accounts/password/reset/key/{key}/").content.decode()
        )


@pytest.mark.django_db
def test_an_address_without_an_account_is_said_without_mail_and_not_with_it(
    client: Client, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    assert client.post(RESET, {"email": "no@example.org"}).context["form"].errors["email"] == [
        "There is no account with this e-mail address."
    ]
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    assert client.post(RESET, {"email": "no@example.org"})["Location"] == RESET + "done/"
    assert "has no account" in str(mailoutbox[-1].body)


@pytest.mark.django_db
def test_the_projects_own_account_gets_no_link(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    client.post(RESET, {"email": User.objects.project().email})
    assert not mailoutbox


@pytest.mark.django_db
def test_asking_often_is_told_to_wait(client: Client, mei: User) -> None:
    answers = [client.post(RESET, {"email": mei.email}) for _attempt in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) <= 60


def test_changing_it_ends_every_other_session(mei: User, signed_in: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    assert elsewhere.get("/settings").status_code == 200
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": OTHER}
    )
    assert response["Location"] == "/settings"
    assert signed_in.get("/settings").status_code == 200
    assert elsewhere.get("/settings").status_code == 302


def test_changing_it_takes_the_present_one(signed_in: Client, mei: User) -> None:
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": "wrong", "password1": OTHER}
    )
    assert response.context["form"].errors["oldpassword"] == ["That is not your current password."]
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


@pytest.mark.parametrize(
    "new",
    [
        "short",
        "password1234",
        "x" * (MAX_PASSWORD_LENGTH + 1),
        "with\x00nothing inside",
        "mei@example.org",
    ],
)
def test_a_weak_or_odd_password_is_refused(signed_in: Client, mei: User, new: str) -> None:
    response = signed_in.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new}
    )
    assert response.status_code == 200 and response.context["form"].errors["password1"]
    mei.refresh_from_db()
    assert mei.check_password(PASSWORD)


def test_resetting_it_ends_every_session(
    signed_in: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    client = Client()
    client.post(client.get(ask_for_link(client, mailoutbox))["Location"], {"password1": OTHER})
    assert signed_in.get("/settings").status_code == 302


def test_a_new_password_undoes_nothing_that_an_operator_changed_meanwhile(
    signed_in: Client, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password = User.set_password

    def deactivate_and_hash(user: User, password: str) -> None:
        User.objects.filter(pk=mei.pk).update(is_active=False, handle="May")
        hash_password(user, password)

    monkeypatch.setattr(User, "set_password", deactivate_and_hash)
    form = {"oldpassword": PASSWORD, "password1": OTHER}
    signed_in.post("/accounts/password/change/", form)
    monkeypatch.undo()
    mei.refresh_from_db()
    assert (mei.is_active, mei.handle) == (False, "May") and mei.check_password(OTHER)


def test_the_help_names_the_minimum_length(settings: Any) -> None:
    options = [v.get("OPTIONS", {}) for v in settings.AUTH_PASSWORD_VALIDATORS]
    (minimum,) = [option["min_length"] for option in options if "min_length" in option]
    assert f"At least {minimum} characters" in str(PASSWORD_HELP)
