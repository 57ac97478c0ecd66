"""A second step of signing in: an authenticator app, recovery codes, and what an operator may do.
Codes are computed here by RFC 6238 itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings
from fido2.webauthn import AuthenticatorData

from apps.accounts import second_factors
from apps.accounts.encryption import Unreadable, decrypt, encrypt
from apps.accounts.models import Session, User
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from tests.accounts.conftest import PASSWORD
from tests.accounts.soft_passkey import ORIGIN, SoftPasskey, options_in
from tests.common.reauthenticating import enter_password

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
APP, SIGN_IN, STEP = "/settings/sign-in/app", "/settings/sign-in", "/accounts/login/second-step/"
MEI = {"login": "mei@example.org", "password": PASSWORD}


def totp(secret: str, steps: int = 0) -> str:
    """Return the code of a secret by RFC 6238, `steps` of 30 s from now."""
    counter = int(time.time()) // 30 + steps
    digest = hmac.new(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


@pytest.fixture
def member(mei: User) -> Client:
    client = Client()
    enter_password(client, mei)
    return client


def shown(page: Any) -> tuple[str, str]:
    """Return the secret that a page shows, and the signed one that its form carries."""
    text = page.content.decode()
    secret = re.search(r"<code translate=\"no\">([A-Z2-7 ]+)</code>", text)
    signed = re.search(r'name="signed" value="([^"]+)"', text)
    assert secret and signed, text
    return secret[1].replace(" ", ""), signed[1]


def codes_in(page: Any) -> list[str]:
    return re.findall(r"<li><code>(\d{4}-\d{4})</code></li>", page.content.decode())


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set up an app; return its secret and the recovery codes."""
    secret, signed = shown(client.get(APP))
    page = client.post(APP, {"signed": signed, "code": totp(secret)})
    assert page.status_code == 200, page
    return secret, codes_in(page)


def after_password(**place: Any) -> Client:
    """Return a browser that has entered the right password, and is asked for the second step."""
    client = Client(**place)
    answer = client.post("/accounts/login/", MEI | {"next": "/runs"})
    assert (answer.status_code, answer["Location"]) == (302, STEP)
    assert "_auth_user_id" not in client.session
    return client


def forget_codes() -> None:
    cache.clear()  # as if the codes of before had run out


def test_an_app_is_set_up_by_a_code_of_it_and_asked_for_from_then_on(
    member: Client, mei: User
) -> None:
    elsewhere = Client()
    enter_password(elsewhere, mei)
    secret, codes = set_up(member)
    assert len(set(codes)) == 10
    assert not Session.objects.filter(pk=elsewhere.session.session_key).exists()
    assert member.get(SIGN_IN).status_code == 200, "this browser stays signed in"
    forget_codes()
    browser = after_password()
    page = browser.get(STEP).content.decode()
    assert "code that your authenticator app shows" in page and "passkeys.js" not in page
    answer = browser.post(STEP, {"code": totp(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/runs")
    assert browser.get("/settings").status_code == 200
    kinds = AuditEvent.objects.filter(person=mei).values_list("kind", flat=True)
    assert {Kind.TOTP_ADDED, Kind.RECOVERY_CODES_MADE, Kind.SIGNED_IN_TWO_STEPS} <= set(kinds)
    assert "An authenticator app was set up." in mail.outbox[-1].body
    assert mail.outbox[-1].to == ["mei@example.org"]


def test_the_mail_is_in_the_language_of_its_reader(member: Client, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(language="zh-hans")
    set_up(member)
    assert "Mei" in mail.outbox[-1].body


@pytest.mark.parametrize("code", ["", "000000", "12345", "x" * 40, "１２３４５６", "\x00"])
def test_a_wrong_code_sets_nothing_up_and_shows_the_same_secret(member: Client, code: str) -> None:
    secret, signed = shown(member.get(APP))
    page = member.post(APP, {"signed": signed, "code": code})
    assert page.status_code == 422 and shown(page)[0] == secret
    assert not Authenticator.objects.exists()


def test_a_secret_of_somebody_else_or_of_nobody_is_not_taken(
    member: Client, operator: User
) -> None:
    boss = Client()
    enter_password(boss, operator)
    secret, signed = shown(boss.get(APP))
    for text in (signed, "forged", ""):
        page = member.post(APP, {"signed": text, "code": totp(secret)})
        assert page.status_code == 422 and shown(page)[0] != secret
    assert not Authenticator.objects.exists()


def test_setting_up_and_removing_ask_for_the_password(signed_in: Client, mei: User) -> None:
    key = second_factors.add_totp(user=mei, secret="A" * 32, session_key=None)
    pk = Authenticator.objects.get(type="totp").pk
    signed_in.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    assert key
    for path in (APP, "/settings/sign-in/passkeys"):
        assert signed_in.get(path)["Location"].startswith("/accounts/reauthenticate/")
    for path in (f"/settings/sign-in/{pk}/remove", "/settings/sign-in/recovery-codes"):
        assert signed_in.post(path)["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.filter(type="totp").exists()


def test_a_code_works_once(member: Client) -> None:
    secret, _codes = set_up(member)
    forget_codes()
    code = totp(secret)
    assert after_password().post(STEP, {"code": code}).status_code == 302
    again = after_password().post(STEP, {"code": code})
    assert again.status_code == 200 and "That code is not right" in again.content.decode()


def test_clocks_may_differ_by_half_a_minute_and_no_more(member: Client) -> None:
    secret, _codes = set_up(member)
    for steps, status in ((-1, 302), (1, 302), (-3, 200), (3, 200)):
        forget_codes()
        assert after_password().post(STEP, {"code": totp(secret, steps)}).status_code == status


def test_a_recovery_code_signs_in_once_and_its_owner_hears_of_it(member: Client, mei: User) -> None:
    _secret, codes = set_up(member)
    assert after_password().post(STEP, {"code": codes[3]}).status_code == 302
    assert "A recovery code was used to sign in." in mail.outbox[-1].body
    assert after_password().post(STEP, {"code": codes[3]}).status_code == 200
    assert "9 codes are left." in member.get(SIGN_IN).content.decode()
    assert after_password().post(STEP, {"code": codes[4].replace("-", "")}).status_code == 302


def test_new_recovery_codes_replace_the_old_ones(member: Client) -> None:
    _secret, old = set_up(member)
    new = codes_in(member.post("/settings/sign-in/recovery-codes"))
    assert len(new) == 10 and not set(new) & set(old)
    assert after_password().post(STEP, {"code": old[0]}).status_code == 200
    assert after_password().post(STEP, {"code": new[0]}).status_code == 302


def test_there_are_no_recovery_codes_without_a_second_factor(member: Client) -> None:
    assert member.post("/settings/sign-in/recovery-codes")["Location"] == SIGN_IN
    assert not Authenticator.objects.exists()


def test_wrong_codes_are_counted_recorded_and_told(member: Client, mei: User) -> None:
    secret, _codes = set_up(member)
    forget_codes()
    mail.outbox.clear()
    browser = after_password()
    for _ in range(5):
        assert browser.post(STEP, {"code": "000000"}).status_code == 200
    page = browser.post(STEP, {"code": totp(secret)}).content.decode()
    assert "Too many attempts" in page
    failed = AuditEvent.objects.filter(kind=Kind.SECOND_STEP_FAILED, person=mei, actor=None)
    assert failed.count() == 5
    assert len(mail.outbox) == 1 and "The password was right" in mail.outbox[0].body


def test_the_second_step_cannot_be_gone_to_alone(member: Client) -> None:
    set_up(member)
    for method in ("get", "post"):
        answer = getattr(Client(), method)(STEP)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")


def test_removing_the_app_takes_the_recovery_codes_too(member: Client, mei: User) -> None:
    set_up(member)
    pk = Authenticator.objects.get(type="totp").pk
    assert member.post(f"/settings/sign-in/{pk}/remove")["Location"] == SIGN_IN
    assert not Authenticator.objects.exists()
    assert "The authenticator app was removed." in mail.outbox[-1].body
    assert Client().post("/accounts/login/", MEI)["Location"] == "/"
    assert member.post(f"/settings/sign-in/{pk}/remove").status_code == 404


def test_nobody_removes_what_is_somebody_elses(member: Client, operator: User) -> None:
    second_factors.add_totp(user=operator, secret="A" * 32, session_key=None)
    pk = Authenticator.objects.get(user=operator, type="totp").pk
    assert member.post(f"/settings/sign-in/{pk}/remove").status_code == 404
    assert second_factors.has_second_factor(operator)


def test_a_second_app_is_refused(member: Client, mei: User) -> None:
    secret, signed = shown(member.get(APP))
    set_up(member)
    forget_codes()
    assert member.get(APP)["Location"] == SIGN_IN
    assert member.post(APP, {"signed": signed, "code": totp(secret)}).status_code == 409
    assert Authenticator.objects.filter(type="totp").count() == 1


def test_secrets_are_encrypted_and_survive_a_new_key(member: Client, mei: User) -> None:
    secret, codes = set_up(member)
    rows = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in rows and not any(code.replace("-", "") in rows for code in codes)
    forget_codes()
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["only for tests"]):
        assert after_password().post(STEP, {"code": totp(secret)}).status_code == 302
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        page = after_password().post(STEP, {"code": totp(secret, 1)})
        assert page.status_code == 200 and "has a new key" in page.content.decode()


def test_encryption_is_undone_with_the_key_alone() -> None:
    text = "JBSWY3DPEHPK3PXP 一"
    assert decrypt(encrypt(text)) == text and encrypt(text) != encrypt(text)
    with override_settings(SECRET_KEY="another"), pytest.raises(Unreadable):
        decrypt(encrypt(text)[:-2] + "xx")


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "[" * 9000,
        '{"id": 1}',
        '{"id":"eA","rawId":"eA"}',
        "\x00",
    ],
)
def test_a_forged_passkey_is_refused_in_words(member: Client, credential: str) -> None:
    member.get("/settings/sign-in/passkeys")
    form = {"name": "Key", "credential": credential}
    assert member.post("/settings/sign-in/passkeys", form).status_code == 422
    visitor = Client()
    assert visitor.post("/accounts/login/passkey/options/").json()["publicKey"]["challenge"]
    answer = visitor.post("/accounts/login/passkey/", {"credential": credential})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert "That passkey did not work here" in visitor.get("/accounts/login/").content.decode()
    assert not Authenticator.objects.exists()


def test_a_passkey_signs_in_alone_and_as_the_second_step(member: Client, mei: User) -> None:
    passkey = SoftPasskey()
    assert len(codes_in(passkey.add(member))) == 10
    alone = Client()
    assert passkey.sign_in(alone)["Location"] == "/runs"
    assert alone.get("/settings").status_code == 200
    browser = after_password()
    options = options_in(browser.get(STEP))
    assert len(options["publicKey"]["allowCredentials"]) == 1
    answer = browser.post(STEP, {"credential": passkey.get(options)})
    assert (answer.status_code, answer["Location"]) == (302, "/runs")
    row = Authenticator.objects.get(type="webauthn")
    assert row.last_used_at is not None and row.wrap().name == "My phone"
    assert set(row.data["credential"]["response"]) == {"attestationObject", "clientDataJSON"}


def test_a_passkey_of_another_site_or_device_or_without_its_owner_is_refused(
    member: Client, mei: User
) -> None:
    elsewhere = SoftPasskey(origin="https://gradus.evil.example")
    assert elsewhere.add(member).status_code == 422
    passkey = SoftPasskey()
    passkey.add(member)
    passkey.origin = "https://gradus.evil.example"
    assert passkey.sign_in(Client())["Location"] == "/accounts/login/"
    passkey.origin, passkey.flags = ORIGIN, AuthenticatorData.FLAG.UP  # nobody's finger or PIN
    assert passkey.sign_in(Client())["Location"] == "/accounts/login/"
    stranger = SoftPasskey()
    stranger.user_handle = passkey.user_handle
    assert stranger.sign_in(Client())["Location"] == "/accounts/login/"
    assert not AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PASSKEY).exists()


def test_a_key_that_was_found_opens_nothing_by_the_second_step_of_somebody_else(
    member: Client, mei: User
) -> None:
    """The challenge of a second step asks for no finger or PIN: a password went before, though
    not that of whose key it is.
    """
    lost = SoftPasskey()
    lost.add(member)
    thief = User.objects.create_user("sam@example.org", "Sam", PASSWORD)
    thiefs = Client()
    enter_password(thiefs, thief)
    SoftPasskey().add(thiefs)
    browser = Client()
    answer = browser.post("/accounts/login/", MEI | {"login": thief.email})
    assert answer["Location"] == STEP
    options = options_in(browser.get(STEP))
    lost.flags = AuthenticatorData.FLAG.UP
    answer = browser.post("/accounts/login/passkey/", {"credential": lost.get(options)})
    assert answer["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in browser.session
    assert not AuditEvent.objects.filter(kind=Kind.SIGNED_IN_PASSKEY).exists()


def test_who_is_deactivated_does_not_enter_by_passkey(member: Client, mei: User) -> None:
    passkey = SoftPasskey()
    passkey.add(member)
    User.objects.filter(pk=mei.pk).update(is_active=False)
    browser = Client()
    assert passkey.sign_in(browser)["Location"] == "/accounts/inactive/"
    assert "_auth_user_id" not in browser.session


def test_there_are_so_many_passkeys_and_no_more(
    member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_factors, "MAX_PASSKEYS", 1)
    assert SoftPasskey().add(member).status_code == 200
    assert SoftPasskey().add(member).status_code == 409
    assert Authenticator.objects.filter(type="webauthn").count() == 1


# ---------------------------------------------------------------- staff


def test_staff_are_led_to_set_a_second_factor_up_where_the_site_asks(operator: User) -> None:
    boss = Client()
    enter_password(boss, operator)
    assert boss.get("/admin/").status_code == 200, "not on a site without TLS"
    with override_settings(STAFF_NEED_SECOND_FACTOR=True):
        for path in ("/admin/", "/admin/accounts/user/", "/moderation"):
            assert boss.get(path)["Location"] == SIGN_IN, path
        assert boss.post("/admin/accounts/user/", {"action": "x"}).status_code == 302
        refusal = boss.get("/admin/", headers={"Accept": "application/json"})
        assert (refusal.status_code, refusal.json()["code"]) == (403, "second-factor-needed")
        assert "takes a second step" in boss.get(SIGN_IN).content.decode()
        assert boss.get("/runs").status_code == 200
        set_up(boss)
        assert boss.get("/admin/").status_code == boss.get("/moderation").status_code == 200


def test_others_are_answered_as_before(signed_in: Client) -> None:
    with override_settings(STAFF_NEED_SECOND_FACTOR=True):
        assert signed_in.get("/admin/").status_code == 302
        assert signed_in.get("/moderation").status_code == 403
        assert Client().get("/moderation")["Location"].startswith("/accounts/login/")


def test_an_operator_removes_a_lost_second_factor_by_the_rules(
    member: Client, mei: User, operator: User
) -> None:
    set_up(member)
    boss = Client()
    enter_password(boss, operator)
    page = boss.get(f"/admin/accounts/user/{mei.pk}/change/").content.decode()
    assert "Second step of signing in" in page
    form = {"action": "remove_second_factors", "_selected_action": [mei.pk]}
    assert boss.post("/admin/accounts/user/", form).status_code == 302
    assert not Authenticator.objects.exists() and not Session.objects.filter(user=mei).exists()
    assert "An operator removed the second step" in mail.outbox[-1].body
    event = AuditEvent.objects.get(kind=Kind.SECOND_FACTORS_REMOVED)
    assert (event.person, event.actor) == (mei, operator)
    assert Client().post("/accounts/login/", MEI)["Location"] == "/"


def test_nobody_removes_the_second_factor_of_who_may_do_more(operator: User) -> None:
    second_factors.add_totp(user=operator, secret="A" * 32, session_key=None)
    helper = User.objects.create_user("helper@example.org", "helper", PASSWORD, is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client = Client()
    enter_password(client, helper)
    form = {"action": "remove_second_factors", "_selected_action": [operator.pk]}
    assert client.post("/admin/accounts/user/", form).status_code == 403
    assert second_factors.has_second_factor(operator)


def test_the_table_of_secrets_is_not_in_the_admin(operator: User) -> None:
    boss = Client()
    enter_password(boss, operator)
    assert boss.get("/admin/mfa/authenticator/").status_code == 404
