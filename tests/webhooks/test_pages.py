"""The pages of webhooks: one's own alone; the secret once; the password again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.notices.models import Notice
from apps.webhooks import encryption, services
from apps.webhooks.limits import MAX_WEBHOOKS
from apps.webhooks.models import Delivery, Event, Webhook
from tests.common.reauthenticating import enter_password
from tests.webhooks.conftest import ALL, make_webhook

pytestmark = pytest.mark.django_db
LIST, NEW = "/settings/webhooks", "/settings/webhooks/new"
FORM = {"url": "https://hooks.example.org/gradus", "events": ALL, "description": "My bot"}
SECRET = re.compile(r"whsec_[\w-]{43}")


@pytest.fixture
def member(mei: User) -> Client:
    """Mei's, who has just entered her password."""
    client = Client()
    enter_password(client, mei)
    return client


@pytest.fixture
def webhook(mei: User) -> Webhook:
    return make_webhook(mei, description="My bot")


def page_of(webhook: Webhook, action: str = "") -> str:
    return f"{LIST}/{webhook.pk}{action}"


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_webhook_is_added_and_its_secret_shown_once(member: Client) -> None:
    assert "You have no webhook yet." in text(member.get(LIST))
    assert all(event in text(member.get(NEW)) for event in ALL)
    answer = member.post(NEW, FORM)
    (secret,) = set(SECRET.findall(text(answer)))
    assert "no-store" in answer["Cache-Control"]
    webhook = Webhook.objects.get()
    assert encryption.decrypt(webhook.secret) == secret
    assert "My bot" in text(member.get(LIST))
    for path in (LIST, page_of(webhook), page_of(webhook, "/edit")):
        page = text(member.get(path))
        assert secret not in page and webhook.secret not in page


def test_the_page_reloaded_adds_no_second(member: Client) -> None:
    member.post(NEW, FORM)
    again = member.post(NEW, FORM)
    assert again.status_code == 422 and "already" in text(again)
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "http://hooks.example.org/"}, "Write https://"),
        ({"url": "https://169.254.169.254/"}, "not on the public internet"),
        ({"url": ""}, "This field is required"),
        ({"events": []}, "This field is required"),
        ({"events": ["run.begun"]}, "run.begun is not one of the available choices"),
        ({"description": "x" * 101}, "at most 100"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    change: dict[str, Any], message: str, member: Client, webhook: Webhook
) -> None:
    for path in (NEW, page_of(webhook, "/edit")):
        answer = member.post(path, FORM | change)
        assert answer.status_code == 422 and message in text(answer)
    assert Webhook.objects.get().events == ALL


@pytest.mark.attack
def test_adding_changing_and_secrets_ask_for_the_password(mei: User, webhook: Webhook) -> None:
    enter_password(Client(), mei)  # so that she has one
    client = Client()
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    other = FORM | {"url": "https://evil.example.org/"}
    for path, form in (
        (NEW, other),
        (page_of(webhook, "/edit"), other),
        (page_of(webhook, "/secret"), {"number": "1"}),
    ):
        answer = client.post(path, form)
        assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Webhook.objects.get().url == webhook.url
    assert Webhook.objects.get().secret_number == 1


def test_a_webhook_is_edited(member: Client, webhook: Webhook) -> None:
    page = text(member.get(page_of(webhook, "/edit")))
    assert webhook.url in page and len(re.findall(r'name="events"[^>]* checked', page)) == len(ALL)
    answer = member.post(page_of(webhook, "/edit"), FORM | {"events": ["cards.due"]})
    assert answer["Location"] == page_of(webhook)
    webhook.refresh_from_db()
    assert webhook.events == ["cards.due"]


def test_a_new_secret_is_shown_once_and_a_reload_makes_no_other(
    member: Client, webhook: Webhook
) -> None:
    former = encryption.decrypt(webhook.secret)
    answer = member.post(page_of(webhook, "/secret"), {"number": "1"})
    (secret,) = set(SECRET.findall(text(answer)))
    assert secret != former and "24 hours" in text(answer)
    again = member.post(page_of(webhook, "/secret"), {"number": "1"})
    assert again.status_code == 409 and not SECRET.search(text(again))
    webhook.refresh_from_db()
    assert encryption.decrypt(webhook.secret) == secret


def test_a_test_appears_in_the_log_and_is_waited_for(member: Client, webhook: Webhook) -> None:
    assert "Nothing has been sent yet." in text(member.get(page_of(webhook)))
    answer = member.post(page_of(webhook, "/test"), follow=True)
    assert "A test is on its way." in text(answer) and "webhook.test" in text(answer)
    assert 'data-hx-trigger="load delay:2s"' in text(answer)
    Delivery.objects.update(
        state="failed",
        attempts=1,
        failure="connection",
        detail="refused",
        ended_at=Clock(),
        next_attempt_at=None,
    )
    log = text(member.get(page_of(webhook), headers={"HX-Request": "true"}))
    assert "<html" not in log and "hx-trigger" not in log
    assert "No connection was made." in log and "failed" in log


def test_one_delivery_shows_what_was_sent_and_what_came_back(
    member: Client, webhook: Webhook
) -> None:
    services.emit(people=[webhook.owner_id], event=Event.RUN_FINISHED, data={"lab": "<b>x</b>"})
    Delivery.objects.update(
        state="failed",
        attempts=10,
        status=500,
        failure="status",
        response="<script>alert(1)</script>",
        seconds=0.25,
        attempted_at=Clock(),
        ended_at=Clock(),
        next_attempt_at=None,
    )
    delivery = Delivery.objects.get()
    path = page_of(webhook, f"/deliveries/{delivery.pk}")
    page = text(member.get(path))
    assert "status other than 2xx" in page and "0.25" in page and str(delivery.pk) in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page and "<b>x</b>" not in page
    answer = member.post(f"{path}/redeliver", follow=True)
    assert "delivered again" in text(answer) and Delivery.objects.queued().count() == 1
    again = member.post(f"{path}/redeliver")
    assert again.status_code == 409 and "waits" in text(again)
    assert "Redeliver" not in text(member.get(path))


def test_it_is_switched_off_and_on_and_deleted(member: Client, webhook: Webhook) -> None:
    member.post(page_of(webhook, "/switch"), {"active": "0"})
    assert "switched off" in text(member.get(LIST))
    member.post(page_of(webhook, "/switch"), {"active": "1"})
    assert "switched off" not in text(member.get(LIST))
    assert member.post(page_of(webhook, "/delete"))["Location"] == LIST
    assert not Webhook.objects.exists()


def test_a_disabled_one_says_why_and_its_notice_leads_to_it(
    member: Client, webhook: Webhook
) -> None:
    services.disable_webhook(pk=webhook.pk, reason=Webhook.Disabled.FAILING)
    assert "disabled by the site" in text(member.get(LIST))
    assert "Nothing could be delivered for three days." in text(member.get(page_of(webhook)))
    notice = Notice.objects.get()
    assert "A webhook of yours was disabled" in text(member.get("/notices"))
    assert member.post(f"/notices/{notice.pk}/open")["Location"] == page_of(webhook)


def test_with_ten_there_is_no_form_for_another(member: Client, mei: User) -> None:
    assert NEW in text(member.get(LIST))
    for n in range(MAX_WEBHOOKS):
        make_webhook(mei, f"https://hooks.example.org/{n}")
    page = text(member.get(LIST))
    assert NEW not in page and "which is the most" in page
    assert member.post(NEW, FORM).status_code == 409


@pytest.mark.attack
def test_nobody_else_sees_or_touches_it(sam: User, webhook: Webhook) -> None:
    delivery = services.send_test(webhook=webhook)
    stranger = Client()
    enter_password(stranger, sam)
    hers = make_webhook(sam)
    of_delivery = f"/deliveries/{delivery.pk}"
    for path in ("", "/edit", of_delivery):
        assert stranger.get(page_of(webhook, path)).status_code == 404
    for path in ("/edit", "/secret", "/switch", "/delete", "/test", f"{of_delivery}/redeliver"):
        assert stranger.post(page_of(webhook, path), FORM | {"number": "1"}).status_code == 404
    assert stranger.get(page_of(hers, of_delivery)).status_code == 404
    assert "My bot" not in text(stranger.get(LIST))
    assert Delivery.objects.count() == 1


def test_the_account_page_leads_to_it(member: Client) -> None:
    assert f'href="{LIST}"' in text(member.get("/settings"))


@pytest.mark.attack
def test_operators_see_neither_secrets_nor_paths_nor_what_was_sent(
    webhook: Webhook, db: None
) -> None:
    services.emit(people=[webhook.owner_id], event=Event.RUN_FINISHED, data={"lab": "hush"})
    Delivery.objects.update(response="an answer")
    boss = Client()
    enter_password(boss, User.objects.create_superuser("boss@example.org", "boss"))
    delivery = Delivery.objects.get()
    for path in (
        "webhook/",
        f"webhook/{webhook.pk}/change/",
        "delivery/",
        f"delivery/{delivery.pk}/change/",
    ):
        page = text(boss.get(f"/admin/webhooks/{path}"))
        assert "hooks.example.org" in page
        for hidden in (webhook.secret, "/gradus", "hush", "an answer"):
            assert hidden not in page
