"""What works once works once, also for those who come at the same time: real requests, each with a
connection of its own. And what is typed into a form never becomes a header of a mail.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import OTHER, PASSWORD, SAM, SIGN_UP, link_in
from tests.connections import at_once, before

pytestmark = [pytest.mark.attack, pytest.mark.django_db(transaction=True)]
TIMES = 4


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def signed_in_of(clients: list[Client]) -> int:
    return sum("_auth_user_id" in client.session for client in clients)


class Crowd:
    """Browsers that all do the next thing at once."""

    def __init__(self) -> None:
        self.browsers = [Client(raise_request_exception=False) for _ in range(TIMES)]

    def at_once(self, action: Callable[[Client, int], Any]) -> list[Any]:
        numbered = list(enumerate(self.browsers))

        def next_one() -> Any:
            number, browser = numbered.pop()
            return action(browser, number)

        return at_once(next_one, TIMES)


def test_an_operators_link_lets_one_in() -> None:
    out = io.StringIO()
    call_command("make_operator", "--email", "ola@example.org", stdout=out)
    path = "/operator/" + out.getvalue().strip().partition("/operator/")[2]
    crowd = Crowd()
    answers = crowd.at_once(lambda browser, _n: browser.post(path))
    assert statuses(answers) == {302: 1, 410: TIMES - 1}
    assert signed_in_of(crowd.browsers) == 1


def test_a_reset_link_sets_one_password(mei: User, mailoutbox: list[EmailMessage]) -> None:
    """The second comes while the first has been checked and has not yet written."""
    Client().post("/accounts/password/reset/", {"email": mei.email})
    link = link_in(mailoutbox[0])
    first, second = Client(), Client()
    forms = {browser: browser.get(link)["Location"] for browser in (first, second)}
    late: list[Any] = []

    def come_late() -> None:
        late.append(second.post(forms[second], {"password1": "nine restless swans"}))

    with before('UPDATE "accounts_user"', come_late):
        assert first.post(forms[first], {"password1": OTHER}).status_code == 302
    assert late[0].status_code == 410 and "already been used" in late[0].content.decode()
    mei.refresh_from_db()
    assert mei.check_password(OTHER)


def test_a_confirmation_link_signs_nobody_in_but_the_browser_that_signed_up(
    settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    crowd = Crowd()
    assert crowd.browsers[0].post(SIGN_UP, SAM).status_code == 302
    link = link_in(mailoutbox[0])
    answers = crowd.at_once(lambda browser, _n: browser.post(link))
    assert set(statuses(answers)) <= {302, 404}
    assert {"_auth_user_id" in browser.session for browser in crowd.browsers[1:]} == {False}
    sam = User.objects.get(handle="Sam")
    assert sam.emailaddress_set.filter(verified=True).count() == 1


def test_one_address_signs_up_once() -> None:
    crowd = Crowd()
    spellings = ("sam@example.org", "Sam@example.org", "SAM@EXAMPLE.ORG", "sam@Example.org")
    answers = crowd.at_once(
        lambda browser, n: browser.post(
            SIGN_UP, {"email": spellings[n], "username": f"sam{n}", "password1": PASSWORD}
        )
    )
    assert statuses(answers)[302] == 1 and set(statuses(answers)) <= {200, 302}
    assert User.objects.filter(canonical_email="sam@example.org").count() == 1
    assert signed_in_of(crowd.browsers) == 1


# ---------------------------------------------------------------- headers of mails

LINES = "\r\nBcc: evil@example.org\r\nSubject: mine\r\n\r\n<html>"


LINE_ENDS = ("\r\n", "\n", "\r", "%0d%0a", "\u2028", "\x0b", "\x00")


def hostile_forms(mei: User, line_end: str) -> list[tuple[str, dict[str, str]]]:
    tail = LINES.replace("\r\n", line_end)
    return [
        ("/accounts/password/reset/", {"email": mei.email + tail}),
        ("/accounts/password/reset/", {"email": f'"{tail}"@example.org'}),
        ("/accounts/password/reset/", {"email": mei.email, "next": tail}),
        (SIGN_UP, {**SAM, "email": "sam@example.org" + tail}),
        (SIGN_UP, {**SAM, "email": f"<sam@example.org>{tail}, evil@example.org"}),
        (SIGN_UP, {**SAM, "username": "Sam" + tail}),
        (SIGN_UP, {**SAM, "time_zone": "UTC" + tail, "email": "tim@example.org"}),
        *[("/accounts/login/", {"login": mei.email, "password": tail})] * 5,
    ]


def test_no_field_becomes_a_header_of_a_mail(
    mei: User, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    for line_end in LINE_ENDS:
        for path, form in hostile_forms(mei, line_end):
            answer = Client(raise_request_exception=False).post(path, form)
            assert answer.status_code < 500, form
        cache.clear()  # of the limits by time
    assert len(mailoutbox) > len(LINE_ENDS)
    for mail in mailoutbox:
        message = mail.message()
        assert mail.recipients() in (["mei@example.org"], ["sam@example.org"], ["tim@example.org"])
        assert message["Bcc"] is None and str(message["Subject"]).startswith("Gradus: ")
        assert "mine" not in str(message["Subject"])
