"""With a mail server (EMAIL_URL), an address must be verified with a link."""

from __future__ import annotations

import re
from functools import partialmethod
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import SAM, SIGN_UP, link_in

pytestmark = pytest.mark.attack

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


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that is hashed, to store it or to compare it."""
    hashed: list[str] = []
    for name in ("encode", "verify"):

        def count(self: Any, password: str, *rest: Any, real: Any = None) -> Any:
            hashed.append(password)
            return real(self, password, *rest)

        real = getattr(Argon2PasswordHasher, name)
        monkeypatch.setattr(Argon2PasswordHasher, name, partialmethod(count, real=real))
    return hashed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "form", "count"),
    [
        ("signup/", {"username": "Sam", "password1": "eleven loud sparrows"}, 1),
        ("password/reset/", {}, 0),
        ("login/", {"password": "eleven loud sparrows"}, 1),
    ],
)
def test_known_and_unknown_addresses_get_one_answer_for_the_same_work(
    mei: User, hashes: list[str], path: str, form: dict[str, str], count: int
) -> None:
    field = "login" if path == "login/" else "email"
    answers = []
    for address in ("mei@example.org", "no@example.org"):
        hashes.clear()
        client = Client()
        answer = client.post(f"/accounts/{path}", form | {field: address})
        page = answer if answer.status_code == 200 else client.get(answer["Location"])
        shown = page.content.decode().replace(address, "")
        shown = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", shown)
        headers = set(answer.headers), answer.headers.get("Location"), set(answer.cookies)
        answers.append((answer.status_code, headers, shown))
        assert len(hashes) == count
    assert answers[0] == answers[1]
