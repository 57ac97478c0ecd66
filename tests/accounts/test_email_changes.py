"""Another address for an account: both mailboxes must agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts import email_changes
from apps.accounts.models import EmailChange, User
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from tests.accounts.conftest import PASSWORD, link_in
from tests.common.browsing import Open, look_over, needs_browser

pytestmark = [pytest.mark.django_db, pytest.mark.attack]
PAGE, NEW = "/settings/email", "May.New@example.org"
AGREE, STOP = {"action": "confirm"}, {"action": "stop"}


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    settings.ACCOUNT_PREVENT_ENUMERATION = True


def ask(client: Client, email: str = NEW, password: str = PASSWORD) -> Any:
    return client.post(PAGE, {"email": email, "password": password})


def mails() -> dict[str, EmailMessage]:
    return {message.to[0]: message for message in mail.outbox}


def links() -> tuple[str, str]:
    """Return the links that went to the present and to the new address."""
    return link_in(mails()["mei@example.org"]), link_in(mails()[NEW])


@pytest.mark.parametrize("first", [0, 1])
def test_it_changes_once_both_have_agreed(signed_in: Client, mei: User, first: int) -> None:
    elsewhere = Client()
    elsewhere.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(signed_in)["Location"] == PAGE
    assert "is asked by mail" in signed_in.get(PAGE).content.decode()
    urls = links()
    one, other = urls[first], urls[1 - first]
    assert Client().get(one).status_code == Client().get(other).status_code == 200
    mei.refresh_from_db()
    assert mei.email == "mei@example.org", "looking links up changes nothing"
    page = Client().post(one, AGREE)
    assert "is asked too" in page.content.decode()
    mei.refresh_from_db()
    assert mei.email == "mei@example.org"
    Client().post(one, AGREE)
    mei.refresh_from_db()
    assert mei.email == "mei@example.org", "one mailbox does not count for both"
    assert "is changed" in signed_in.post(other, AGREE).content.decode()
    mei.refresh_from_db()
    assert (mei.email, mei.canonical_email) == (NEW, NEW.lower())
    rows = EmailAddress.objects.filter(user=mei).values_list("email", "verified", "primary")
    assert list(rows) == [(NEW.lower(), True, True)]
    assert signed_in.get("/settings").status_code == 200
    assert elsewhere.get("/settings").status_code == 302
    assert "The e-mail address was changed." in mails()["mei@example.org"].body
    assert "The e-mail address was changed." in mails()[NEW].body
    event = AuditEvent.objects.get(kind=Kind.ADDRESS_CHANGED)
    assert event.personal["after"] == {"email": NEW} and event.details == {}
    form = {"login": NEW, "password": PASSWORD}
    assert Client().post("/accounts/login/", form).status_code == 302
    old = {"login": "mei@example.org", "password": PASSWORD}
    assert Client().post("/accounts/login/", old).status_code == 200
    for url in urls:
        assert Client().post(url, AGREE).status_code == 410


def test_the_present_address_stops_it(signed_in: Client, mei: User) -> None:
    ask(signed_in)
    old, new = links()
    Client().post(new, AGREE)
    page = Client().post(old, STOP).content.decode()
    assert "stays as it is" in page and "Set a new password" in page
    assert Client().post(new, AGREE).status_code == 410
    assert not EmailChange.objects.exists()
    assert AuditEvent.objects.filter(kind=Kind.ADDRESS_CHANGE_STOPPED, person=mei).exists()


def test_it_takes_the_password(signed_in: Client) -> None:
    page = ask(signed_in, password="not the password")
    assert page.status_code == 200 and "not your current password" in page.content.decode()
    assert not EmailChange.objects.exists() and mail.outbox == []


@pytest.mark.parametrize(
    "email", ["", "x", "mei@example.org", "a@b", "ü@example.org", "x\x00@example.org", "a" * 300]
)
def test_a_bad_address_is_refused_in_words(signed_in: Client, email: str) -> None:
    page = ask(signed_in, email)
    assert page.status_code == 200 and 'class="wrong"' in page.content.decode()
    assert not EmailChange.objects.exists() and mail.outbox == []


def test_that_an_address_is_taken_its_owner_alone_learns(signed_in: Client, mei: User) -> None:
    sam = User.objects.create_user("sam@example.org", "Sam", PASSWORD)
    answers = []
    for email in ("Sam@example.org", "nobody@example.org"):
        answer = ask(signed_in, email)
        page = signed_in.get(PAGE).content.decode().replace(email, "")
        answers.append((answer.status_code, answer["Location"], "is asked by mail" in page))
    assert answers[0] == answers[1]
    told = next(m for m in mail.outbox if m.to == ["sam@example.org"])
    assert "already" in told.body and "/email/" not in told.body
    sam.refresh_from_db()
    assert sam.email == "sam@example.org"


def test_an_address_that_somebody_took_meanwhile_is_refused(signed_in: Client, mei: User) -> None:
    ask(signed_in)
    old, new = links()
    Client().post(old, AGREE)
    User.objects.create_user(NEW, "May", PASSWORD)
    assert Client().post(new, AGREE).status_code == 409
    mei.refresh_from_db()
    assert mei.email == "mei@example.org"
    assert EmailChange.objects.get().new_confirmed is False


def test_a_new_request_makes_links_of_before_void(signed_in: Client) -> None:
    ask(signed_in, "first@example.org")
    first = link_in(mails()["first@example.org"])
    ask(signed_in)
    assert Client().post(first, AGREE).status_code == 410


def test_links_are_good_for_three_days(signed_in: Client) -> None:
    ask(signed_in)
    EmailChange.objects.update(created_at=Clock() - timedelta(days=4))
    assert "is asked by mail" not in signed_in.get(PAGE).content.decode()
    assert email_changes.delete_old_changes() == 1
    assert Client().get(links()[1]).status_code == 410


@pytest.mark.parametrize("token", ["x", "1:x", "W10:1x:y"])
def test_a_forged_link_is_refused(token: str) -> None:
    assert Client().post(f"/email/{token}", AGREE).status_code == 410


def test_mail_cannot_be_sent_in_a_loop(signed_in: Client) -> None:
    statuses = [ask(signed_in, f"x{n}@example.org").status_code for n in range(6)]
    assert statuses == [302] * 5 + [429]


def test_without_a_mail_server_it_changes_at_once(
    signed_in: Client, mei: User, settings: Any
) -> None:
    settings.EMAIL_URL = ""
    assert "made at once" in signed_in.get(PAGE).content.decode()
    User.objects.create_user("sam@example.org", "Sam", PASSWORD)
    assert ask(signed_in, "sam@example.org").status_code == 409
    assert ask(signed_in).status_code == 302
    mei.refresh_from_db()
    assert mei.email == NEW
    assert signed_in.get("/settings").status_code == 200


class TestInABrowser:
    pytestmark = needs_browser

    def test_the_pages(self, mei: User, open_page: Open) -> None:
        page = open_page(PAGE, mei, viewport={"width": 360, "height": 740})
        look_over(page)
        page.get_by_label("New e-mail address").fill(NEW)
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Change address").click()
        page.get_by_text("is asked by mail").first.wait_for()
        look_over(page)
        page.goto(f"/email/{email_changes.token_of(EmailChange.objects.get(), 'old')}")
        look_over(page)
        page.get_by_role("button", name="I agree").click()
        page.get_by_text("The other address is asked too").wait_for()
        look_over(page)
