from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.core.mail import EmailMessage
from django.test import Client

from apps.accounts import outbox
from apps.accounts.models import OutgoingMail, User
from tests.accounts.conftest import OTHER
from tests.common.editing import edit
from tests.common.reauthenticating import enter_password

PEOPLE = "/admin/accounts/user/"
MAILS = "/admin/accounts/outgoingmail/"


@pytest.fixture
def boss(operator: User) -> Client:
    client = Client()
    enter_password(client, operator)
    return client


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=mei",
        "?q=example.org",
        "?is_active__exact=1",
        "?language__exact=zh-hans",
        "?is_superuser__exact=1",
        "?language__exact=%00",
    ],
)
def test_people_are_listed_searched_and_filtered(boss: Client, mei: User, query: str) -> None:
    assert boss.get(PEOPLE + query, follow=True).status_code == 200


def test_someone_is_found_by_handle_or_address(boss: Client, mei: User) -> None:
    page = boss.get(PEOPLE + "?q=mei@example").content.decode()
    assert (
        "mei@example.org" in page and "operator@example.org" not in page.split("result_list", 1)[1]
    )


def test_a_person_is_made_and_changed(boss: Client) -> None:
    new = {
        "handle": "Sam",
        "email": "sam@example.org",
        "usable_password": "true",
        "password1": OTHER,
        "password2": OTHER,
    }
    assert boss.post(PEOPLE + "add/", new).status_code == 302
    sam = User.objects.get(handle="Sam")
    assert sam.check_password(OTHER)
    changed = {"handle": "Samuel", "language": "zh-hans", "time_zone": "Asia/Shanghai"}
    assert edit(boss, f"{PEOPLE}{sam.pk}/change/", **changed).status_code == 302
    sam.refresh_from_db()
    assert (sam.handle, sam.language, sam.time_zone, sam.is_active) == (
        "Samuel",
        "zh-hans",
        "Asia/Shanghai",
        True,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("handle", "mei"),
        ("email", "MEI@example.org"),
        ("handle", "a b"),
        ("handle", "S\x00m"),
        ("email", "x"),
    ],
)
def test_invalid_values_are_errors_of_the_form(
    boss: Client, mei: User, field: str, value: str
) -> None:
    new = {"handle": "Sam", "email": "sam@example.org", "usable_password": "false", field: value}
    response = boss.post(PEOPLE + "add/", new)
    assert response.status_code == 200 and response.context["errors"]


def test_it_has_the_name_and_icon_of_the_site(boss: Client) -> None:
    html = boss.get("/admin/").content.decode()
    assert 'rel="icon"' in html and "Gradus" in html


def test_it_has_no_sign_in_of_its_own(client: Client, operator: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")


def test_a_member_may_not_enter(signed_in: Client) -> None:
    assert signed_in.get("/admin/", follow=True).status_code == 403
    assert signed_in.get(PEOPLE, follow=True).status_code == 403


def test_the_projects_account_cannot_be_deleted(boss: Client, mei: User) -> None:
    gradus = User.objects.project()
    assert boss.post(f"{PEOPLE}{gradus.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"{PEOPLE}{mei.pk}/delete/", {"post": "yes"}).status_code == 302
    assert (
        User.objects.filter(handle="gradus").exists()
        and not User.objects.filter(pk=mei.pk).exists()
    )


@pytest.fixture
def failed_mail(db: None) -> OutgoingMail:
    message = EmailMessage("Confirm", "https://site/secret-link", to=["sam@example.org"])
    outbox.store_mail(message=message)
    mail = outbox.lease_mail()
    assert mail is not None
    mail.attempts = outbox.MAX_ATTEMPTS
    outbox.record_error(mail=mail, error=OSError("nobody there"))
    return mail


def test_the_outbox_shows_why_a_mail_failed_and_never_its_text(
    boss: Client, failed_mail: OutgoingMail
) -> None:
    for url in (
        MAILS,
        f"{MAILS}?q=sam",
        f"{MAILS}?state__exact=failed",
        f"{MAILS}{failed_mail.pk}/change/",
    ):
        page = boss.get(url).content.decode()
        assert all(word in page for word in ("sam@example.org", "Confirm", "nobody there"))
        assert "secret-link" not in page and "message" not in page.split("<main", 1)[-1].lower()
    assert boss.post(f"{MAILS}{failed_mail.pk}/change/", {"subject": "x"}).status_code == 403
    assert boss.post(f"{MAILS}{failed_mail.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_mail_that_failed_is_tried_again(boss: Client, failed_mail: OutgoingMail) -> None:
    chosen = {"action": "retry", "_selected_action": [failed_mail.pk]}
    for message in ("1 mail will be tried again.", "0 mails will be tried again."):
        assert message in boss.post(MAILS, chosen, follow=True).content.decode()
    again = outbox.lease_mail()
    assert again == failed_mail and again.attempts == 1


def test_who_may_only_look_at_mails_tries_none_again(
    signed_in: Client, mei: User, failed_mail: OutgoingMail
) -> None:
    User.objects.filter(pk=mei.pk).update(is_staff=True)
    mei.user_permissions.add(Permission.objects.get(codename="view_outgoingmail"))
    assert signed_in.get(MAILS).status_code == 200
    signed_in.post(MAILS, {"action": "retry", "_selected_action": [failed_mail.pk]})
    assert outbox.lease_mail() is None
