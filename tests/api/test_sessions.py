"""Sessions by the API: seen, ended one by one, and all at once with every token."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Session, User
from apps.api.models import ApiToken
from apps.api.scopes import Scope
from tests.api.conftest import Program
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(user: User) -> Client:
    client = Client(headers={"user-agent": FIREFOX})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_program_sees_its_owners_sessions_and_ends_one(mei: User, sam: User) -> None:
    browser, program = signed_in(mei), Program(mei, Scope.ACCOUNT)
    signed_in(sam)
    session = program.get("sessions").json()["results"]
    assert [one["is_this"] for one in session] == [False]
    assert session[0]["id"] not in str(Session.objects.values_list("pk", flat=True))
    assert code(Program(sam).delete(f"sessions/{session[0]['id']}")) == (404, "not-found")
    assert program.delete(f"sessions/{session[0]['id']}").status_code == 204
    assert browser.get("/api/v1/me").status_code == 401
    assert Session.objects.filter(user=sam).count() == 1


def test_signing_out_everywhere_ends_all_sessions_and_tokens_of_one_person(
    mei: User, sam: User
) -> None:
    browser, program, other = signed_in(mei), Program(mei), Program(sam)
    assert program.post("sessions/sign-out").json() == {"sessions_ended": 1}
    assert browser.get("/api/v1/me").status_code == program.get("me").status_code == 401
    assert other.get("me").status_code == 200 and ApiToken.objects.count() == 1


def test_the_session_that_asks_stays(mei: User) -> None:
    elsewhere, browser = signed_in(mei), Client()
    enter_password(browser, mei)
    assert [one["is_this"] for one in browser.get("/api/v1/sessions").json()["results"]] == [
        True,
        False,
    ]
    answer = browser.post("/api/v1/sessions/sign-out", {}, content_type="application/json")
    assert answer.json() == {"sessions_ended": 1}
    assert browser.get("/api/v1/me").status_code == 200
    assert elsewhere.get("/api/v1/me").status_code == 401


def test_a_session_needs_the_password_again_and_a_token_the_scope(mei: User) -> None:
    browser, learner = signed_in(mei), Program(mei, Scope.READ, Scope.STUDY, Scope.RUN, Scope.POST)
    name = browser.get("/api/v1/sessions").json()["results"][0]["id"]
    options: Any = {"content_type": "application/json", "data": {}}
    assert code(browser.post("/api/v1/sessions/sign-out", **options)) == (403, "password-needed")
    assert code(browser.delete(f"/api/v1/sessions/{name}")) == (403, "password-needed")
    assert code(learner.get("sessions")) == (403, "scope-missing")
    assert code(learner.post("sessions/sign-out")) == (403, "scope-missing")
    assert Session.objects.filter(user=mei).count() == 1
