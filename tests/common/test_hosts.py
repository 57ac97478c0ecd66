"""The site answers under its own names and ports; links in mails come from SITE_URL alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts.models import User

pytestmark = pytest.mark.attack

SITE = "https://gradus.example"


@pytest.fixture(autouse=True)
def gradus_example(settings: Any, db: None) -> None:
    settings.SITE_URL, settings.SITE_PORT = SITE, "443"
    settings.HOST_PORTS = {"gradus.example": set(), "localhost": {"9000"}, "[::1]": {"*"}}
    settings.ALLOWED_HOSTS = list(settings.HOST_PORTS)


def answer(host: str, listens_at: str = "8000") -> Any:
    return Client().get("/accounts/login/", headers={"host": host}, SERVER_PORT=listens_at)


@pytest.mark.parametrize(
    "host",
    [
        "gradus.example",
        "GRADUS.example.:443",
        "gradus.example:8000",
        "localhost",
        "localhost:9000",
        "[::1]:7",
    ],
)
def test_its_own_hosts_and_ports_are_answered(host: str) -> None:
    assert answer(host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "gradus.example.evil.example",
        "gradus.example:81",
        "gradus.example:9000",
        "localhost:9001",
        "gradus.example:443@evil.example",
        "127.0.0.1",
        "x<script>",
    ],
)
def test_any_other_is_answered_400(host: str) -> None:
    response = answer(host)
    assert response.status_code == 400
    page = response.content.decode()
    assert "This site is at https://gradus.example." in page and "evil" not in page
    assert "<script>" not in page


def test_a_form_sent_to_another_host_is_answered_400() -> None:
    headers = {"host": "evil.example", "referer": "http://evil.example/labs"}
    form = {"email": "mei@example.org"}
    assert Client().post("/accounts/password/reset/", form, headers=headers).status_code == 400


def links(mail: EmailMessage) -> list[str]:
    return [line for line in str(mail.body).splitlines() if "://" in line]


@pytest.mark.parametrize("host", ["gradus.example:8000", "localhost:9000"])
def test_every_link_in_a_mail_begins_with_the_sites_own_address(
    host: str, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    User.objects.create_user("mei@example.org", "Mei", "seven quiet herons")
    sam = {"username": "Sam", "password1": "eleven loud sparrows"}
    for path, form in (
        ("signup/", sam | {"email": "sam@example.org"}),
        ("signup/", sam | {"email": "mei@example.org", "username": "Sam2"}),
        ("password/reset/", {"email": "mei@example.org"}),
        ("password/reset/", {"email": "nobody@example.org"}),
    ):
        Client().post(f"/accounts/{path}", form, headers={"host": host}, SERVER_PORT="8000")
    links_of_mails = [links(mail) for mail in mailoutbox]
    assert [len(lines) for lines in links_of_mails] == [1, 1, 1, 1]
    assert [lines[0].startswith(f"{SITE}/accounts/") for lines in links_of_mails] == [True] * 4


def test_another_name_for_the_site_brings_no_further_guesses() -> None:
    hosts = ["gradus.example", "gradus.example:443", "localhost", "localhost:9000"]
    statuses = [
        Client()
        .post(
            "/accounts/login/",
            {"login": "mei@example.org", "password": f"wrong {guess}"},
            headers={"host": hosts[guess % 4]},
        )
        .status_code
        for guess in range(6)
    ]
    assert statuses == [200] * 5 + [429]
