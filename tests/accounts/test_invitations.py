"""Sites that are open to invitations alone, or to nobody."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts import invitations
from apps.accounts.models import Invitation, User
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from tests.accounts.conftest import SAM, SIGN_UP, link_in
from tests.common.reauthenticating import enter_password
from tests.connections import before

pytestmark = [pytest.mark.django_db, pytest.mark.attack]
ADD = "/admin/accounts/invitation/add/"


@pytest.fixture(autouse=True)
def by_invitation(settings: Any) -> None:
    settings.SIGNUP = "invitation"


def token_of(link: str) -> str:
    return link.partition("invitation=")[2]


def sign_up(token: str, **fields: str) -> Any:
    return Client().post(SIGN_UP, SAM | {"invitation": token} | fields)


def test_the_link_opens_the_form_and_works_once() -> None:
    token = token_of(invitations.invite(address="Sam@example.org"))
    assert mail.outbox[-1].to == ["Sam@example.org"]
    assert token_of(link_in(mail.outbox[-1])) == token
    page = Client().get(SIGN_UP, {"invitation": token}).content.decode()
    assert 'value="Sam@example.org"' in page and f'value="{token}"' in page
    assert sign_up(token).status_code == 302
    sam = User.objects.get(handle="Sam")
    assert AuditEvent.objects.filter(kind=Kind.INVITATION_USED, person=sam).count() == 1
    again = sign_up(token, username="Sam2", email="sam2@example.org").content.decode()
    assert "used already" in again and User.objects.filter(handle="Sam2").count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_invitations_at_once_the_later_counts() -> None:
    links = []

    def invite() -> None:
        links.append(invitations.invite(address="sam@example.org"))

    with before('INSERT INTO "accounts_invitation"', invite):
        invite()
    assert len(links) == 2 and Invitation.objects.count() == 1
    valid = [link for link in links if invitations.invitation_of(token_of(link))]
    assert valid == links[-1:]


@pytest.mark.parametrize("token", ["", "x", "\x00", "a" * 3000])
def test_without_one_the_page_says_what_it_takes(token: str) -> None:
    for page in (Client().get(SIGN_UP, {"invitation": token}), sign_up(token)):
        text = page.content.decode()
        assert "Sign-up takes an invitation" in text and "<form class" not in text
        assert ("used already" in text) == bool(token)
    assert not User.objects.filter(handle="Sam").exists()
    assert "by invitation" in Client().get("/accounts/login/").content.decode()


def test_it_is_for_one_address() -> None:
    token = token_of(invitations.invite(address="sam@example.org"))
    page = sign_up(token, email="eve@example.org")
    assert "Your invitation is for sam@example.org" in page.content.decode()
    assert not User.objects.filter(handle="Sam").exists() and Invitation.objects.exists()
    assert sign_up(token, email="SAM@Example.org").status_code == 302


def test_a_form_that_is_refused_keeps_the_invitation() -> None:
    token = token_of(invitations.invite(address="sam@example.org"))
    page = sign_up(token, password1="short").content.decode()
    assert "too short" in page and f'value="{token}"' in page
    assert sign_up(token).status_code == 302


def test_it_ends_after_two_weeks_and_a_new_one_replaces_it() -> None:
    first = token_of(invitations.invite(address="sam@example.org"))
    second = token_of(invitations.invite(address="Sam@Example.org"))
    assert Invitation.objects.count() == 1 and sign_up(first).status_code == 200
    Invitation.objects.update(created_at=Clock() - timedelta(days=15))
    assert sign_up(second).status_code == 200
    assert invitations.delete_old_invitations() == 1
    assert not User.objects.filter(handle="Sam").exists()


def test_no_token_is_stored() -> None:
    token = token_of(invitations.invite(address="sam@example.org"))
    assert token not in str(list(Invitation.objects.values()))
    assert token not in str(list(AuditEvent.objects.values()))


def test_the_command_prints_the_link(mei: User) -> None:
    out = io.StringIO()
    call_command("invite", "sam@example.org", stdout=out)
    assert sign_up(token_of(out.getvalue().strip())).status_code == 302
    for address in ("mei@example.org", "nothing"):
        with pytest.raises(CommandError):
            call_command("invite", address)


def test_operators_invite_and_withdraw_in_the_admin(operator: User, mei: User) -> None:
    boss = Client()
    enter_password(boss, operator)
    page = boss.post(ADD, {"email": "sam@example.org"}).content.decode()
    assert "shown only once" in page
    token = token_of(link_in(mail.outbox[-1]))
    assert token in page
    row = Invitation.objects.get()
    assert row.created_by == operator
    assert token not in boss.get("/admin/accounts/invitation/").content.decode()
    assert "already has an account" in boss.post(ADD, {"email": mei.email}).content.decode()
    assert (
        boss.post(f"/admin/accounts/invitation/{row.pk}/delete/", {"post": "yes"}).status_code
        == 302
    )
    assert sign_up(token).status_code == 200 and not Invitation.objects.exists()


def test_a_closed_site_takes_nobody(settings: Any) -> None:
    token = token_of(invitations.invite(address="sam@example.org"))
    settings.SIGNUP = "closed"
    page = sign_up(token).content.decode()
    assert "not accepting new accounts" in page
    assert not User.objects.filter(handle="Sam").exists()
    assert "New here?" not in Client().get("/accounts/login/").content.decode()
