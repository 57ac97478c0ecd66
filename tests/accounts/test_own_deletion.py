"""Deleting one's account takes effect after seven days, and can be revoked until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from apps.accounts import services
from apps.accounts.housekeeping import delete_due_accounts
from apps.accounts.models import OutgoingMail, User
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.common.clock import Clock, now
from apps.discussions import services as discussions
from apps.discussions.models import Thread
from apps.discussions.subjects import Subject
from tests.accounts.conftest import PASSWORD, link_in
from tests.common.browsing import Open, look_over, needs_browser
from tests.experiments.conftest import step_clock

pytestmark = [pytest.mark.django_db, pytest.mark.attack]
DELETE, KEEP = "/settings/delete", "/settings/keep"
WEEK = 7 * 24 * 3600


def ask(client: Client, password: str = PASSWORD) -> int:
    return client.post(DELETE, {"password": password}).status_code


def test_it_takes_the_password_and_waits_a_week(signed_in: Client, mei: User) -> None:
    assert ask(signed_in, "not the password") == 200
    mei.refresh_from_db()
    assert mei.deletion_at is None
    assert ask(signed_in) == 302
    mei.refresh_from_db()
    assert mei.deletion_at is not None
    assert abs(mei.deletion_at - now() - timedelta(days=7)) < timedelta(minutes=1)
    for path in ("/", "/runs", "/settings"):
        assert "Keep my account" in signed_in.get(path).content.decode(), path
    assert delete_due_accounts() == 0 and User.objects.filter(pk=mei.pk).exists()
    assert f"{mei.deletion_at:%Y-%m-%d %H:%M}" in mail.outbox[-1].body
    assert AuditEvent.objects.filter(kind=Kind.DELETION_ASKED, person=mei, actor=mei).exists()


def test_asking_again_postpones_nothing(signed_in: Client, mei: User) -> None:
    ask(signed_in)
    mei.refresh_from_db()
    first = mei.deletion_at
    step_clock(3600)
    ask(signed_in)
    mei.refresh_from_db()
    assert mei.deletion_at == first


def test_signing_in_stays_possible_and_one_press_keeps_it(signed_in: Client, mei: User) -> None:
    ask(signed_in)
    browser = Client()
    form = {"login": mei.email, "password": PASSWORD}
    assert browser.post("/accounts/login/", form).status_code == 302
    answer = browser.post(KEEP, {"next": "/runs"})
    assert answer["Location"] == "/runs"
    mei.refresh_from_db()
    assert mei.deletion_at is None
    assert "Keep my account" not in browser.get("/settings").content.decode()
    step_clock(WEEK + 1)
    assert delete_due_accounts() == 0
    assert AuditEvent.objects.filter(kind=Kind.DELETION_REVOKED, person=mei).count() == 1
    browser.post(KEEP)
    assert AuditEvent.objects.filter(kind=Kind.DELETION_REVOKED).count() == 1


def test_the_mailed_link_keeps_it_by_a_press_without_signing_in(
    signed_in: Client, mei: User
) -> None:
    ask(signed_in)
    link, visitor = link_in(mail.outbox[-1]), Client()
    page = visitor.get(link)
    assert page.status_code == 200 and "Mei" in page.content.decode()
    mei.refresh_from_db()
    assert mei.deletion_at is not None, "looking a link up does nothing"
    assert visitor.post(link).status_code == 200
    mei.refresh_from_db()
    assert mei.deletion_at is None
    assert visitor.get(link).status_code == 410
    step_clock(60)
    ask(signed_in)
    assert visitor.post(link).status_code == 410, "it is of the deletion of before"


@pytest.mark.parametrize("token", ["x", "1:x", "%00", "W10:1x:y"])
def test_a_forged_link_is_refused(signed_in: Client, mei: User, token: str) -> None:
    ask(signed_in)
    assert Client().post(f"/keep/{token}").status_code in (404, 410)
    mei.refresh_from_db()
    assert mei.deletion_at is not None


def test_after_a_week_the_account_goes_and_threads_stay_without_the_name(
    signed_in: Client, mei: User
) -> None:
    thread = discussions.threads.start_thread(
        author=mei,
        subject=Subject(Thread.About.GENERAL),
        title="Why is it so?",
        text="What a thread says stays.",
        language="en",
        key="k",
    )
    ask(signed_in)
    step_clock(WEEK + 1)
    assert delete_due_accounts() == 1
    assert not User.objects.filter(pk=mei.pk).exists()
    page = Client().get(f"/threads/{thread.pk}").content.decode()
    assert "What a thread says stays." in page and "Mei" not in page
    assert signed_in.get("/settings").status_code == 302
    assert not OutgoingMail.objects.filter(recipient="mei@example.org").exists()
    event = AuditEvent.objects.get(kind=Kind.ACCOUNT_DELETED)
    assert (event.subject, event.actor) == (str(mei.pk), None)
    assert delete_due_accounts() == 0


def test_the_last_superuser_is_kept(operator: User) -> None:
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(client) == 409
    second = User.objects.create_superuser("second@example.org", "second", PASSWORD)
    assert ask(client) == 302
    User.objects.filter(pk=second.pk).update(is_active=False)
    step_clock(WEEK + 1)
    assert delete_due_accounts() == 0
    operator.refresh_from_db()
    assert operator.deletion_at is None


def test_who_keeps_it_at_the_last_moment_is_quicker(mei: User) -> None:
    services.ask_for_deletion(user=mei)
    step_clock(WEEK + 1)
    services.keep_account(user=mei)
    assert not services.delete_if_due(pk=mei.pk)
    assert User.objects.filter(pk=mei.pk, deletion_at=None).exists()


def test_passwords_are_counted(signed_in: Client) -> None:
    statuses = [ask(signed_in, "wrong") for _ in range(11)]
    assert statuses[-1] == 429


def test_it_is_asked_of_the_clock_of_the_database(mei: User) -> None:
    services.ask_for_deletion(user=mei)
    assert not User.objects.filter(deletion_at__lte=Clock() + timedelta(days=6)).exists()


class TestInABrowser:
    pytestmark = needs_browser

    def test_the_banner_on_a_phone_in_the_dark(self, mei: User, open_page: Open) -> None:
        phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
        page = open_page(DELETE, mei, **phone)
        look_over(page)
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_role("button", name="Delete in seven days").click()
        page.get_by_role("button", name="Keep my account").first.wait_for()
        look_over(page)
        page.goto("/settings/sessions")
        look_over(page)
        page.get_by_role("button", name="Keep my account").first.click()
        page.get_by_text("Your account stays.").wait_for()
