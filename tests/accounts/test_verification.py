"""With a mail server (EMAIL_URL), an address must be verified with a link."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import SAM, SIGN_UP, link_in

SENT = "/accounts/confirm-email/"


@pytest.fixture(autouse=True)
def with_mail(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True


@pytest.mark.django_db
def test_sign_up_waits_for_the_link_and_then_goes_on(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    assert client.post(SIGN_UP, SAM | {"next": "/labs/dead-relu"})["Location"] == SENT
    assert "Check your e-mail" in client.get(SENT).content.decode()
    assert "_auth_user_id" not in client.session
    link = link_in(mailoutbox[0])
    assert "Confirm" in client.get(link).content.decode()
    assert client.post(link)["Location"] == "/labs/dead-relu"
    assert client.session["_auth_user_id"] == str(User.objects.get(handle="Sam").pk)


@pytest.mark.django_db
def test_before_that_the_password_does_not_sign_in(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    client.post(SIGN_UP, SAM)
    other = Client()
    other.post("/accounts/login/", {"login": SAM["email"], "password": SAM["password1"]})
    assert "_auth_user_id" not in other.session


@pytest.mark.django_db
def test_only_its_owner_learns_that_an_address_is_taken(
    client: Client, mei: User, mailoutbox: list[EmailMessage]
) -> None:
    assert client.post(SIGN_UP, SAM | {"email": mei.email})["Location"] == SENT
    assert "already has an account" in str(mailoutbox[-1].body)
    assert not User.objects.filter(handle="Sam").exists()


@pytest.mark.django_db
def test_a_forged_link_is_not_valid(client: Client) -> None:
    for key in ("x", "MQ:1abc:def", "x" * 2000):
        page = client.get(f"/accounts/confirm-email/{key}/")
        assert page.status_code == 200 and "This link is no longer valid" in page.content.decode()
        assert client.post(f"/accounts/confirm-email/{key}/").status_code == 404


@pytest.mark.django_db
def test_the_mail_is_in_the_readers_language(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    client.cookies["language"] = "zh-hans"
    client.post(SIGN_UP, SAM)
    assert mailoutbox[0].subject == "Gradus: 确认邮箱地址" and "请打开下面的链接确认邮箱" in str(
        mailoutbox[0].body
    )
