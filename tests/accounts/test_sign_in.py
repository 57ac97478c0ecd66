from __future__ import annotations

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.attack

URL = "/accounts/login/"


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["mei@example.org", "MEI@example.org", " mei@example.org "])
def test_the_address_signs_in(client: Client, mei: User, address: str) -> None:
    assert client.post(URL, {"login": address, "password": PASSWORD})["Location"] == "/"
    assert client.session["_auth_user_id"] == str(mei.pk)


@pytest.mark.django_db
def test_the_handle_does_not(client: Client, mei: User) -> None:
    assert client.post(URL, {"login": "Mei", "password": PASSWORD}).status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_it_goes_on_to_where_one_was_sent_from(client: Client, mei: User) -> None:
    assert client.get("/settings")["Location"] == "/accounts/login/?next=/settings"
    page = client.get("/accounts/login/?next=/settings").content.decode()
    assert 'name="next" value="/settings"' in page and "/accounts/signup/?next=%2Fsettings" in page
    assert (
        client.post(URL, {"login": mei.email, "password": PASSWORD, "next": "/settings"})[
            "Location"
        ]
        == "/settings"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
    ],
)
def test_it_never_leads_to_another_site(client: Client, mei: User, elsewhere: str) -> None:
    assert (
        client.post(URL, {"login": mei.email, "password": PASSWORD, "next": elsewhere})["Location"]
        == "/"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("mei@example.org", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("mei@example.org", "x" * 5000),
        ("mei\x00@example.org", "x"),
        ("", ""),
        ("x" * 100_000, "x"),
    ],
)
def test_wrong_credentials_are_an_error_of_the_form(
    client: Client, mei: User, login: str, password: str
) -> None:
    response = client.post(URL, {"login": login, "password": password})
    assert response.status_code == 200 and response.context["form"].errors
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_an_unknown_address_and_a_wrong_password_have_one_message(
    client: Client, mei: User
) -> None:
    messages = [
        client.post(URL, {"login": login, "password": "wrong"}).context["form"].non_field_errors()
        for login in (mei.email, "no@example.org")
    ]
    assert messages[0] == messages[1]


@pytest.mark.django_db
def test_the_fifth_wrong_password_is_the_last_for_a_while(client: Client, mei: User) -> None:
    answers = [client.post(URL, {"login": mei.email, "password": f"wrong {n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 800 < int(answers[-1]["Retry-After"]) <= 900
    page = answers[-1].content.decode()
    assert "Too many attempts" in page and "15 minutes" in page
    right = client.post(URL, {"login": mei.email, "password": PASSWORD})
    assert right.status_code == 429, "the right password must wait too, or guessing could go on"


def guess(times: int, client: Client | None = None, network: str = "192.0.2.66") -> list[int]:
    """Enter wrong passwords for Mei; return the statuses."""
    client = client or Client()
    form = {"login": "mei@example.org", "password": "wrong"}
    return [client.post(URL, form, REMOTE_ADDR=network).status_code for _time in range(times)]


def sign_in(client: Client, network: str) -> int:
    form = {"login": "mei@example.org", "password": PASSWORD}
    return client.post(URL, form, REMOTE_ADDR=network).status_code


@pytest.mark.django_db
def test_who_guesses_keeps_nobody_out_elsewhere(mei: User) -> None:
    for network in range(3):
        assert guess(6, network=f"192.0.2.{network}")[5] == 429
    assert sign_in(Client(), "192.0.2.0") == 429
    assert sign_in(Client(), "203.0.113.7") == 302


@pytest.mark.django_db
def test_nor_in_the_same_network_where_the_account_has_signed_in_before(mei: User) -> None:
    home, network = Client(), "192.0.2.66"
    assert sign_in(home, network) == 302
    home.post("/accounts/logout/")
    assert guess(40, network=network).count(429) == 35
    assert sign_in(Client(), network) == 429
    assert sign_in(home, network) == 302


@pytest.mark.django_db
def test_a_known_browser_has_limits_of_its_own_and_for_its_account_alone(mei: User) -> None:
    home = Client()
    sign_in(home, "203.0.113.7")
    home.post("/accounts/logout/")
    assert guess(11, client=home) == [200] * 10 + [429]
    assert guess(5) == [200] * 5, "its attempts were counted apart"
    other = {"login": "ola@example.org", "password": "wrong"}
    statuses = [home.post(URL, other, REMOTE_ADDR="192.0.2.7").status_code for _time in range(6)]
    assert statuses == [200] * 5 + [429]


@pytest.mark.django_db
@pytest.mark.parametrize("cookie", ["x", "x.y", ".", "a.b.c", "é.é"])
def test_a_forged_cookie_makes_no_browser_known(mei: User, cookie: str) -> None:
    client = Client()
    client.cookies["known"] = cookie
    assert guess(6, client=client) == [200] * 5 + [429]


@pytest.mark.django_db
def test_the_owner_of_a_guessed_account_gets_one_mail_in_their_language(
    mei: User, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.filter(pk=mei.pk).update(language="zh-hans")
    guess(4)
    assert not mailoutbox
    guess(1, network="192.0.2.67")
    guess(4, network="192.0.2.68")
    (mail,) = mailoutbox
    assert mail.to == ["mei@example.org"] and "可能有人在猜你的密码" in mail.subject
    assert "Mei" in str(mail.body) and "http://127.0.0.1:8000/accounts/password/reset/" in mail.body


@pytest.mark.django_db
def test_nobody_gets_one_for_an_address_without_an_account(mailoutbox: list[EmailMessage]) -> None:
    guess(5)
    assert not mailoutbox


@pytest.mark.django_db
def test_one_machine_that_tries_many_addresses_is_stopped(client: Client) -> None:
    answers = [
        client.post(URL, {"login": f"a{n}@example.org", "password": "wrong"}) for n in range(11)
    ]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


@pytest.mark.django_db
def test_an_account_that_is_switched_off_stays_out(client: Client, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(is_active=False)
    client.post(URL, {"login": mei.email, "password": PASSWORD}, follow=True)
    assert "_auth_user_id" not in client.session


def test_signing_out_takes_a_form(signed_in: Client) -> None:
    page = signed_in.get("/accounts/logout/")
    assert page.status_code == 200 and "_auth_user_id" in signed_in.session
    assert signed_in.post("/accounts/logout/")["Location"] == "/"
    assert "_auth_user_id" not in signed_in.session


def test_a_form_without_its_token_is_refused(mei: User) -> None:
    response = Client(enforce_csrf_checks=True).post(
        URL, {"login": mei.email, "password": PASSWORD}
    )
    assert response.status_code == 403 and "The form was not submitted" in response.content.decode()
