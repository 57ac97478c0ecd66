"""A program is signed in by a code that somebody enters on the site (RFC 8628)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import delete_user, sign_out_everywhere
from apps.api import device_logins
from apps.api.errors import Refused
from apps.api.models import MAX_TOKENS, ApiToken, DeviceLogin
from apps.api.scopes import Scope
from apps.api.services import make_token
from apps.common.write_limits import LIMITS, Limit
from tests.api.conftest import Program
from tests.common.reauthenticating import enter_password
from tests.connections import before
from tests.experiments.conftest import step_clock

pytestmark = pytest.mark.django_db
ASKED = {"name": "gradus on kestrel", "scopes": ["read", "run"]}


@pytest.fixture
def member(mei: User) -> Client:
    client = Client()
    enter_password(client, mei)
    return client


@pytest.fixture
def device(nobody: Program) -> dict[str, Any]:
    answer = nobody.post("device", ASKED)
    assert answer.status_code == 200
    started: dict[str, Any] = answer.json()
    return started


def poll(program: Program, device: dict[str, Any]) -> Any:
    return program.post("device/token", {"device_code": device["device_code"]})


def decide(client: Client, device: dict[str, Any], action: str = "approve") -> Any:
    return client.post("/device/decide", {"code": device["user_code"], "action": action})


def code(answer: Any) -> tuple[int, str, str]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem["error"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("gra\u202edus", "gradus"), ("a\u200bb\u2066c", "abc"), (" x\u2028y ", "x y")],
)
def test_no_name_changes_how_the_page_around_it_looks(
    nobody: Program, member: Client, name: str, shown: str
) -> None:
    device = nobody.post("device", ASKED | {"name": name}).json()
    assert DeviceLogin.objects.get().name == shown
    page = member.post("/device", {"code": device["user_code"]}).content.decode()
    assert f"<dd>{shown}</dd>" in page
    form = {"name": name, "scopes": ["read"], "days": "7"}
    assert member.post("/settings/tokens/new", form).status_code == 200
    assert ApiToken.objects.get().name == shown


@pytest.mark.parametrize("name", ["\u200b", "\u202e \u202c", "\u3164"])
def test_a_name_that_shows_nothing_is_none(nobody: Program, member: Client, name: str) -> None:
    answer = nobody.post("device", ASKED | {"name": name})
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "name"
    form = {"name": name, "scopes": ["read"], "days": "7"}
    page = member.post("/settings/tokens/new", form)
    assert page.status_code == 422 and "Enter a name." in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_who_was_deleted_meanwhile_signs_no_program_in(
    polls: Callable[[], Any], device: dict[str, Any], member: Client, mei: User
) -> None:
    assert decide(member, device).status_code == 200
    locks = 'SELECT "accounts_user"."id", "accounts_user"."password"'
    with before(locks, partial(delete_user, user=mei), skip=1):
        assert code(polls()) == (400, "expired-token", "expired_token")


@pytest.fixture
def polls(nobody: Program, device: dict[str, Any]) -> Callable[[], Any]:
    return lambda: poll(nobody, device)


def test_a_program_gets_one_token_once_somebody_has_approved_it(
    member: Client, mei: User, nobody: Program, device: dict[str, Any], polls: Any
) -> None:
    waiting = polls()
    assert code(waiting) == (400, "authorization-pending", "authorization_pending")
    assert waiting["Retry-After"] == str(device["interval"]) == "5"
    assert device["verification_uri_complete"].endswith(f"/device?code={device['user_code']}")
    page = member.post("/device", {"code": device["user_code"].lower().replace("-", " ")})
    text = page.content.decode()
    for shown in ("gradus on kestrel", "127.0.0.0/24", device["user_code"], "90 days", "30 days"):
        assert shown in text
    assert str(Scope.RUN.label) in text and str(Scope.STUDY.label) not in text
    assert decide(member, device).status_code == 200
    token = polls().json()
    assert (token["token_type"], token["scopes"]) == ("Bearer", ["read", "run"])
    program = Program()
    program.headers["Authorization"] = f"Bearer {token['access_token']}"
    assert program.get("me").json()["handle"] == "mei"
    assert code(polls()) == (400, "expired-token", "expired_token")
    row = ApiToken.objects.get()
    assert (row.user, row.name) == (mei, "gradus on kestrel")


@pytest.mark.parametrize("days", [7, 365])
def test_the_token_is_valid_as_long_as_who_approves_it_chooses(
    member: Client, device: dict[str, Any], polls: Any, days: int
) -> None:
    form = {"code": device["user_code"], "action": "approve", "days": str(days)}
    assert member.post("/device/decide", form).status_code == 200
    assert polls().status_code == 200
    token = ApiToken.objects.get()
    assert round((token.expiry - token.created) / timedelta(days=1)) == days


def test_a_time_that_no_token_has_is_refused(
    member: Client, device: dict[str, Any], polls: Any
) -> None:
    form = {"code": device["user_code"], "action": "approve", "days": "100000"}
    assert member.post("/device/decide", form).status_code == 400
    assert code(polls())[1] == "authorization-pending"


def test_only_a_hash_of_the_device_code_is_stored(device: dict[str, Any]) -> None:
    assert not any(device["device_code"] in str(one) for one in DeviceLogin.objects.values().get())


def test_who_is_denied_is_told_and_gets_nothing(
    member: Client, device: dict[str, Any], polls: Any
) -> None:
    assert decide(member, device, "deny").status_code == 200
    assert code(polls()) == (400, "access-denied", "access_denied")
    assert decide(member, device).status_code == 404, "it is decided"
    assert not ApiToken.objects.exists()


def test_who_asks_too_often_has_to_ask_less(device: dict[str, Any], polls: Any) -> None:
    assert code(polls())[1] == "authorization-pending"
    fast = polls()
    assert code(fast) == (400, "slow-down", "slow_down") and fast["Retry-After"] == "10"
    step_clock(10)
    assert code(polls())[1] == "authorization-pending"


def test_after_ten_minutes_neither_code_is_of_use(
    member: Client, device: dict[str, Any], polls: Any
) -> None:
    step_clock(device["expires_in"] + 1)
    assert decide(member, device).status_code == 404
    assert code(polls())[1] == "expired-token"
    assert device_logins.delete_old() == 0
    step_clock(device["expires_in"] + device_logins.KEEP_SECONDS + 1)
    assert device_logins.delete_old() == 1


def test_a_code_that_nobody_made_is_refused_beside_its_field(member: Client) -> None:
    for text in ("BCDF-GHJK", "AEIOU", "", "x" * 41, "\0", "ﬀ" * 8):
        answer = member.post("/device", {"code": text})
        assert answer.status_code == 422 and 'class="wrong"' in answer.content.decode()
    assert "BCDF-GHJK" in member.get("/device?code=bcdfghjk").content.decode()


def test_codes_cannot_be_guessed(
    member: Client, device: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "device-codes", Limit(3, 60.0))
    guesses = [member.post("/device", {"code": "BCDF-GHJK"}).status_code for _ in range(3)]
    assert guesses == [422] * 3
    assert decide(member, device).status_code == 429, "both addresses count"
    assert not DeviceLogin.objects.exclude(state="pending").exists()


def test_approving_takes_the_password_and_denying_does_not(
    mei: User, nobody: Program, device: dict[str, Any]
) -> None:
    client = Client()
    client.force_login(mei)
    assert client.post("/device", {"code": device["user_code"]}).status_code == 200
    assert decide(client, device).status_code == 302
    assert DeviceLogin.objects.get().state == "pending"
    assert decide(client, device, "deny").status_code == 200


def test_what_is_wrong_is_named(nobody: Program) -> None:
    for body, field in (
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "x", "user": 1}, "user"),
    ):
        answer = nobody.post("device", body)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert nobody.post("device/token", {"device_code": "x"}).json()["code"] == "expired-token"
    assert not DeviceLogin.objects.exists()


def test_a_network_starts_only_so_many(nobody: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "devices", Limit(2, 60.0))
    statuses = [nobody.post("device", ASKED).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_what_a_program_calls_itself_is_shown_as_text(member: Client, nobody: Program) -> None:
    started = nobody.post("device", {"name": "<b>Site</b>"}).json()
    text = member.post("/device", {"code": started["user_code"]}).content.decode()
    assert "&lt;b&gt;Site&lt;/b&gt;" in text and "<b>Site" not in text


def test_ending_all_access_ends_what_was_approved_and_not_fetched(
    member: Client, mei: User, device: dict[str, Any], polls: Any
) -> None:
    decide(member, device)
    sign_out_everywhere(user=mei, with_programs=True)
    assert code(polls())[1] == "expired-token" and not ApiToken.objects.exists()


def test_an_account_that_was_deactivated_meanwhile_gives_no_token(
    member: Client, mei: User, device: dict[str, Any], polls: Any
) -> None:
    decide(member, device)
    User.objects.filter(pk=mei.pk).update(is_active=False)
    assert code(polls())[1] == "access-denied"


def test_who_has_as_many_tokens_as_one_may_is_told_before_approving(
    member: Client, mei: User, device: dict[str, Any]
) -> None:
    for n in range(MAX_TOKENS):
        make_token(user=mei, name=str(n), scopes=[Scope.READ], days=7)
    answer = decide(member, device)
    assert answer.status_code == 409 and "Revoke one" in answer.content.decode()
    assert DeviceLogin.objects.get().state == "pending"


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
def test_of_two_polls_at_once_one_gets_the_token(mei: User) -> None:
    login, device_code = device_logins.start(name="laptop", scopes=[Scope.READ])
    device_logins.decide(user=mei, code=login.user_code, is_approved=True)

    def one(_n: int) -> str:
        try:
            return device_logins.poll(device_code)[1]
        except Refused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(one, range(4)))
    assert outcomes[:3] == ["expired-token"] * 3 and outcomes[3].startswith("gradus_")
    assert ApiToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
def test_of_two_people_who_decide_at_once_one_does(mei: User, sam: User) -> None:
    login, _device_code = device_logins.start(name="laptop", scopes=[Scope.READ])

    def one(person: User) -> bool:
        try:
            device_logins.decide(user=person, code=login.user_code, is_approved=True)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(one, (mei, sam))) == [False, True]
