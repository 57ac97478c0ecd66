"""Webhooks in a browser: without scripts on a phone, and a test whose result comes by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.webhooks import services
from apps.webhooks.deliveries import deliver_due
from apps.webhooks.models import Delivery, Webhook
from tests.common.browsing import Open, look_over, needs_browser
from tests.webhooks.conftest import make_webhook
from tests.webhooks.target import TargetServer

pytestmark = needs_browser
PHONE = {"viewport": {"width": 320, "height": 700}}
PASSWORD = "graph paper and pencils"


def test_without_scripts_on_a_small_phone_a_webhook_is_added(open_page: Open, mei: User) -> None:
    mei.set_password(PASSWORD)
    mei.save()
    page = open_page("/settings", mei, java_script_enabled=False, **PHONE)
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").fill("https://hooks.example.org/a-long-path/" + "x" * 100)
    page.get_by_text("Somebody replied in a thread").click()
    page.get_by_role("button", name="Add webhook").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main form .btn.pencil").click()
    page.locator("main form .btn.ink").click()  # the form that was kept is sent
    expect(page.get_by_label("Secret", exact=True)).to_have_value(re.compile("^whsec_"))
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("table")).to_contain_text("webhook.test")
    assert "post.replied" not in Webhook.objects.get().events


def test_the_result_of_a_test_comes_by_itself(
    open_page: Open, mei: User, target: TargetServer
) -> None:
    webhook = make_webhook(mei, target.url())
    page = open_page(f"/settings/webhooks/{webhook.pk}", mei)
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("table")).to_contain_text("waiting")
    assert deliver_due(seconds=5) == 1
    expect(page.get_by_role("table")).to_contain_text("delivered")
    look_over(page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_are_sound_on_a_small_phone(
    language: str, open_page: Open, mei: User, target: TargetServer
) -> None:
    webhook = make_webhook(mei, target.url("/" + "x" * 200), description="My bot")
    services.send_test(webhook=webhook)
    deliver_due(seconds=5)
    base = f"/settings/webhooks/{webhook.pk}"
    page = open_page("/settings/webhooks", mei, cookies={"language": language}, **PHONE)
    delivery = f"{base}/deliveries/{Delivery.objects.get().pk}"
    for path in ("/settings/webhooks", "/settings/webhooks/new", base, f"{base}/edit", delivery):
        page.goto(path)
        look_over(page)
