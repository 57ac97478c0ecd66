"""Mails are stopped by one press, without signing in: on a page, or by mail programs
(RFC 8058).
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import OutgoingMail, User
from apps.notices import services
from apps.notices.housekeeping import make_notice_mails
from apps.notices.models import DEFAULTS, Delivery, Kind, Notice, Preference
from apps.notices.selectors import deliveries
from apps.notices.unsubscribe_tokens import read_token, token_for
from tests.experiments.conftest import step_clock
from tests.notices.conftest import browser_of, confirm, tell
from tests.notices.test_mails import NEXT_DAY, due_at_once, stored

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def link(person: User, *kinds: Kind) -> str:
    return f"/notices/unsubscribe/{token_for(person.pk, kinds)}"


@pytest.fixture
def stranger() -> Client:
    """A browser, or a mail program, that is not signed in and has no cookie. CSRF is enforced."""
    return Client(enforce_csrf_checks=True)


def test_to_look_at_the_page_stops_nothing(stranger: Client, mei: User) -> None:
    page = stranger.get(link(mei, Kind.MENTION))
    html = page.content.decode()
    assert page.status_code == 200 and "Stop these e-mails" in html
    assert "Somebody mentions you" in html and "mei" not in html.partition("<main")[2]
    assert not Preference.objects.exists()


def test_one_press_stops_the_mails_and_leaves_the_notices(stranger: Client, mei: User) -> None:
    url = link(mei, Kind.MENTION)
    answer = stranger.post(url)
    assert answer.status_code == 200 and "These e-mails are stopped" in answer.content.decode()
    assert deliveries(mei) == dict(DEFAULTS) | {Kind.MENTION: Delivery.SITE}
    assert stranger.post(url).status_code == 200
    assert "stopped already" in stranger.get(url).content.decode()
    assert Preference.objects.count() == 1
    tell(mei)
    assert Notice.objects.count() == 1


def test_a_mail_program_stops_them_by_one_click(stranger: Client, mei: User, settings: Any) -> None:
    url = link(mei, Kind.MENTION, Kind.MODERATION)
    answer = stranger.post(url, ONE_CLICK)
    assert answer.status_code == 200 and "Location" not in answer
    assert settings.SESSION_COOKIE_NAME not in answer.cookies
    assert deliveries(mei)[Kind.MENTION] == deliveries(mei)[Kind.MODERATION] == Delivery.SITE
    multipart = stranger.post(link(mei, Kind.REPLY), data=ONE_CLICK)
    assert multipart.status_code == 200 and deliveries(mei)[Kind.REPLY] == Delivery.SITE


def test_the_link_of_the_digest_stops_whatever_comes_in_it(stranger: Client, mei: User) -> None:
    services.change_deliveries(person=mei, deliveries={Kind.MENTION: Delivery.DIGEST})
    page = stranger.get(link(mei)).content.decode()
    assert "One press stops the daily e-mail" in page
    stranger.post(link(mei), ONE_CLICK)
    assert Delivery.DIGEST not in deliveries(mei).values()
    assert deliveries(mei)[Kind.MODERATION] == Delivery.AT_ONCE


def test_another_button_stops_every_mail(stranger: Client, mei: User) -> None:
    url = link(mei, Kind.MENTION)
    assert "Stop every e-mail about notices" in stranger.get(url).content.decode()
    stranger.post(url, {"everything": "1"})
    assert set(deliveries(mei).values()) == {Delivery.SITE}
    assert "Stop every e-mail" not in stranger.get(url).content.decode()


def test_what_was_turned_off_altogether_stays_so(stranger: Client, mei: User) -> None:
    services.change_deliveries(person=mei, deliveries={Kind.MENTION: Delivery.NEVER})
    stranger.post(link(mei, Kind.MENTION), {"everything": "1"})
    assert deliveries(mei)[Kind.MENTION] == Delivery.NEVER


def test_settings_undo_it_and_the_link_works_again(stranger: Client, mei: User) -> None:
    stranger.post(link(mei, Kind.MENTION))
    form = {kind.value: delivery.value for kind, delivery in DEFAULTS.items()}
    browser_of(mei).post("/notices/settings", form)
    assert deliveries(mei) == dict(DEFAULTS)
    stranger.post(link(mei, Kind.MENTION))
    assert deliveries(mei)[Kind.MENTION] == Delivery.SITE


def test_somebody_else_who_is_signed_in_changes_nothing_of_theirs(mei: User, sam: User) -> None:
    browser_of(sam).post(link(mei, Kind.MENTION))
    assert deliveries(sam) == dict(DEFAULTS)
    assert deliveries(mei)[Kind.MENTION] == Delivery.SITE


@pytest.mark.attack
@pytest.mark.parametrize(
    "token",
    ["x", "x:y", "W10:abc", "é", "\x00", "a" * 5000],
)
def test_a_link_that_is_not_ours_says_what_to_do(token: str, stranger: Client, mei: User) -> None:
    for answer in (
        stranger.get(f"/notices/unsubscribe/{token}"),
        stranger.post(f"/notices/unsubscribe/{token}", ONE_CLICK),
    ):
        assert answer.status_code == 410
        assert "sign in and open Notices" in answer.content.decode()
    assert not Preference.objects.exists()


@pytest.mark.attack
def test_a_link_says_nothing_else_than_what_was_signed(mei: User, sam: User) -> None:
    token = token_for(mei.pk, [Kind.MENTION])
    payload, _, signature = token.rpartition(":")
    other = token_for(sam.pk, [Kind.MENTION]).rpartition(":")[0]
    assert read_token(f"{other}:{signature}") is None
    assert read_token(f"{payload}:{signature[:-2]}xx") is None
    unsubscribing = read_token(token)
    assert unsubscribing and unsubscribing.person == mei.pk


def test_the_link_of_a_deleted_account_leads_nowhere(stranger: Client, mei: User) -> None:
    url = link(mei, Kind.MENTION)
    accounts.delete_user(user=mei)
    assert stranger.post(url, ONE_CLICK).status_code == 410


def test_what_a_mail_says_stops_it(stranger: Client, mei: User, settings: Any) -> None:
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"
    confirm(mei)
    tell(mei)
    due_at_once(mei)
    make_notice_mails()
    url = re.sub(r"[<>\s]", "", str(stored()[0]["List-Unsubscribe"]))
    assert stranger.post(url.removeprefix(settings.SITE_URL), ONE_CLICK).status_code == 200
    tell(mei, subject="thread:2")
    step_clock(NEXT_DAY)
    make_notice_mails()
    assert OutgoingMail.objects.count() == 1
