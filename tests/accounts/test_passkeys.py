"""Passkeys with a real browser, whose authenticator is Chromium's virtual one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from apps.accounts import second_factors
from apps.accounts.models import User
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from tests.accounts.conftest import PASSWORD
from tests.common.browsing import Open, look_over, needs_browser

pytestmark = [*needs_browser, pytest.mark.attack]
PASSKEYS = "/settings/sign-in/passkeys"
HOME = re.compile(r"//[^/]+/$")


def authenticator(page: Page, **options: Any) -> Any:
    """Give the browser a device with a fingerprint reader; return what speaks with it."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        **options,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
    return device


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(HOME)


def add_passkey(page: Page, name: str) -> None:
    page.goto(PASSKEYS)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    look_over(page)
    page.get_by_label("Name").fill(name)
    page.get_by_role("main").get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")


@pytest.fixture
def site(site: str) -> str:
    return site.replace("127.0.0.1", "localhost")  # a passkey belongs to a name


def test_a_passkey_is_added_and_signs_in_alone_and_as_the_second_step(
    mei: User, open_page: Open
) -> None:
    page = open_page("/settings", mei)
    authenticator(page)
    add_passkey(page, "My laptop")
    look_over(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("main")).to_contain_text("My laptop")
    look_over(page)
    sign_out(page)

    page.goto("/accounts/login/?next=/runs")
    look_over(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(r"//[^/]+/runs$"))
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PASSKEY, person=mei).count() == 1
    sign_out(page)

    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("mei@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second step")
    look_over(page)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(HOME)
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_IN_TWO_STEPS, person=mei).count() == 1


def test_a_finger_that_is_not_known_opens_nothing(mei: User, open_page: Open) -> None:
    page = open_page("/settings", mei)
    device = authenticator(page)
    add_passkey(page, "My phone")
    sign_out(page)
    device.send("WebAuthn.disable")
    authenticator(page)  # another one, without that passkey
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The browser gave no passkey.")).to_be_visible()
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PASSKEY).count() == 0


def test_a_credential_cannot_be_replayed_or_changed(mei: User, open_page: Open) -> None:
    """What one page sent is worth nothing on the next, which has another challenge."""
    page = open_page("/settings", mei)
    authenticator(page)
    add_passkey(page, "My laptop")
    sign_out(page)
    page.goto("/accounts/login/")
    sent: list[str] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.post_data or "") if request.url.endswith("/passkey/") else None
        ),
    )
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(HOME)
    sign_out(page)
    page.goto("/accounts/login/")
    status = page.evaluate(
        """async (body) => {
          const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
          const send = (url, fields) => fetch(url, { method: "POST",
            headers: { "X-CSRFToken": csrf }, body: new URLSearchParams(fields) });
          await send("/accounts/login/passkey/options/", {});
          const old = new URLSearchParams(body).get("credential");
          return (await send("/accounts/login/passkey/", { credential: old })).url;
        }""",
        sent[0],
    )
    assert status.endswith("/accounts/login/")
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PASSKEY).count() == 1


def test_without_a_name_or_scripts_the_page_says_what_is_missing(
    mei: User, open_page: Open
) -> None:
    second_factors.add_totp(user=mei, secret="A" * 32, session_key=None)
    page = open_page("/settings/sign-in", mei, java_script_enabled=False)
    expect(page.get_by_role("main")).to_contain_text("Authenticator app")
    page.goto("/accounts/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    assert Authenticator.objects.filter(type="webauthn").count() == 0


def test_the_pages_of_second_factors_on_a_phone_in_the_dark(mei: User, open_page: Open) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    page = open_page("/settings/sign-in/app", mei, **phone)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    look_over(page)
    page.goto("/settings/sign-in")
    look_over(page)
    page.goto("/settings")
    look_over(page)
