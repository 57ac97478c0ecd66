"""What every endpoint does alike: who asks, what they may, what is wrong, how often, how it is
described.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.accounts.models import User
from apps.api import services
from apps.api.models import ApiToken
from apps.api.scopes import Scope
from apps.audit.models import AuditEvent
from apps.common.write_limits import LIMITS, Limit
from tests.api.conftest import Program
from tests.connections import before
from tests.experiments.conftest import step_clock

pytestmark = pytest.mark.django_db


def code(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.status_code, response.json()["code"]


def test_a_token_is_its_owner(program: Program, mei: User) -> None:
    answer = program.get("me")
    assert (answer.status_code, answer.json()["handle"]) == (200, "mei")
    assert answer.json()["id"] == str(mei.pk)
    assert answer["Cache-Control"] == "private, no-store"


def test_a_token_is_stored_as_a_hash_only(mei: User) -> None:
    row, token = services.make_token(user=mei, name="laptop", scopes=[Scope.READ], days=7)
    assert token.startswith("gradus_") and len(token) > 60
    stored = ApiToken.objects.values().get(pk=row.pk)
    assert not any(token in str(value) for value in stored.values())


@pytest.mark.parametrize(
    "header", ["Bearer nothing", "Bearer", "Basic bWVpOm1laQ==", "Bearer \xff"]
)
def test_who_has_no_such_token_is_told_how_to_send_one(nobody: Program, header: str) -> None:
    answer = nobody.get("me", Authorization=header)
    assert code(answer) == (401, "not-authorised")
    assert answer["WWW-Authenticate"] == 'Bearer realm="gradus"'


def test_without_a_token_one_is_told_where_to_make_it(nobody: Program) -> None:
    answer = nobody.get("me")
    assert code(answer) == (401, "not-authorised")
    assert "account page" in answer.json()["detail"]


def test_an_expired_or_revoked_token_is_refused_and_reading_deletes_nothing(mei: User) -> None:
    program = Program(mei)
    step_clock(31 * 24 * 3600)
    assert code(program.get("me")) == (401, "not-authorised")
    assert ApiToken.objects.count() == 1
    assert services.delete_expired_tokens() == 1 and not ApiToken.objects.exists()


def test_a_deactivated_owner_has_no_tokens(program: Program, mei: User) -> None:
    User.objects.filter(pk=mei.pk).update(is_active=False)
    assert code(program.get("me")) == (401, "not-authorised")


def test_a_refused_token_is_recorded_once_and_never_kept(nobody: Program) -> None:
    for _ in range(3):
        nobody.get("me", Authorization="Bearer gradus_secret")
    events = AuditEvent.objects.filter(kind="api-token-refused")
    assert events.count() == 1 and "gradus_secret" not in str(events.values())


def test_a_token_does_what_its_scopes_say(mei: User) -> None:
    reader = Program(mei, Scope.READ)
    etag = reader.get("me")["ETag"]
    answer = reader.patch("me", {"theme": "dark"}, If_Match=etag)
    assert code(answer) == (403, "scope-missing") and answer.json()["scope"] == "study"
    assert code(Program(mei, Scope.STUDY).get("me")) == (403, "scope-missing")


def test_the_site_itself_uses_its_session_with_a_csrf_token(mei: User) -> None:
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mei)
    etag = browser.get("/api/v1/me")["ETag"]
    options: Any = {"content_type": "application/json", "headers": {"If-Match": etag}}
    assert code(browser.patch("/api/v1/me", {"theme": "dark"}, **options)) == (403, "form-expired")
    page = browser.get("/settings").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    options["headers"]["X-CSRFToken"] = token[1]
    assert browser.patch("/api/v1/me", {"theme": "dark"}, **options).json()["theme"] == "dark"


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_of_what_was_read_at_once_one_is_refused(program: Program) -> None:
    etag = program.get("me")["ETag"]
    answers = []

    def change(**values: str) -> None:
        answers.append(program.patch("me", values, If_Match=etag))

    with before('UPDATE "accounts_user" SET "language"', partial(change, theme="dark")):
        change(language="zh-hans")
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    [changed] = [answer.json() for answer in answers if answer.status_code == 200]
    assert program.get("me").json() == changed


# ---------------------------------------------------------------- input


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"theme": "pink"}, "theme"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"is_staff": True}, "is_staff"),
        ({"theme": ["dark"]}, "theme"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(
    program: Program, mei: User, body: Any, field: str
) -> None:
    answer = program.patch("me", body, If_Match="*")
    assert code(answer) == (400, "bad-request")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    before = (mei.theme, mei.time_zone, mei.is_staff)
    mei.refresh_from_db()
    assert (mei.theme, mei.time_zone, mei.is_staff) == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff", b'"text"', b"null", b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(program: Program, body: bytes) -> None:
    answer = program.client.generic(
        "PATCH",
        "/api/v1/me",
        body,
        content_type="application/json",
        headers={**program.headers, "If-Match": "*"},
    )
    assert answer.status_code == 400 and answer.json()["code"] in ("bad-request", "malformed")


def test_a_body_of_another_kind_is_refused(program: Program) -> None:
    answer = program.client.patch(
        "/api/v1/me", "theme=dark", content_type="text/plain", headers=program.headers
    )
    assert code(answer) == (415, "unsupported-media-type")


def test_a_large_body_is_refused(program: Program) -> None:
    answer = program.patch("me", {"theme": "x" * 1_000_001}, If_Match="*")
    assert code(answer) == (413, "too-large")


def test_a_method_that_is_not_there_says_which_are(program: Program) -> None:
    answer = program.post("me", {})
    assert code(answer) == (405, "method-not-allowed")
    assert "PATCH" in answer["Allow"]


# ---------------------------------------------------------------- changes that meet


def test_a_change_names_what_it_changes(program: Program) -> None:
    etag = program.get("me")["ETag"]
    assert code(program.patch("me", {"theme": "dark"})) == (428, "precondition-required")
    changed = program.patch("me", {"theme": "dark"}, If_Match=etag)
    assert changed.status_code == 200 and changed["ETag"] != etag
    late = program.patch("me", {"theme": "light"}, If_Match=etag)
    assert code(late) == (412, "precondition-failed") and late.json()["etag"] == changed["ETag"]
    assert program.get("me", If_None_Match=changed["ETag"]).status_code == 304


# ---------------------------------------------------------------- language and limits


def test_the_language_is_that_of_the_request_then_of_the_account(
    program: Program, mei: User
) -> None:
    User.objects.filter(pk=mei.pk).update(language="zh-hans")
    assert program.get("me")["Content-Language"] == "zh-hans"
    assert program.get("me", Accept_Language="en")["Content-Language"] == "en"


def test_limits_are_told_before_they_are_met(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "reads", Limit(2, 100.0))
    first = program.get("me")
    assert first["RateLimit-Policy"] == '"reads";q=2;w=200'
    assert first["RateLimit"] == '"reads";r=1;t=100'
    program.get("me")
    refused = program.get("me")
    assert code(refused) == (429, "too-many-attempts") and int(refused["Retry-After"]) > 0


# ---------------------------------------------------------------- pages

# by what a list goes: a number, a time, a name, a number that is worked out
LISTS = ("reviews", "threads", "runs", "questions", "claims", "threads?order=best")
PLACES = ("abc", "\0", "9" * 40, "1e400", "NaN", "infinity", "", "0001-01-01T00:00:00+23:59", "[]")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_cursor_that_somebody_made_up_is_refused_or_finds_what_is_there(
    program: Program, path: str, place: str
) -> None:
    cursor = b64encode(urlencode({"p": place}).encode()).decode()
    mark = "&" if "?" in path else "?"
    answer = program.get(f"{path}{mark}{urlencode({'cursor': cursor})}")
    assert answer.status_code == 200 or code(answer) == (400, "bad-cursor")
    assert program.get(path).status_code == 200


# ---------------------------------------------------------------- tokens


def test_a_token_without_account_ends_itself_alone(mei: User) -> None:
    reader = Program(mei, Scope.READ)
    other = services.make_token(user=mei, name="other", scopes=[Scope.RUN], days=7)[0]
    refused = reader.delete(f"tokens/{other.public_id}")
    assert code(refused) == (403, "scope-missing") and refused.json()["scope"] == "account"
    assert ApiToken.objects.filter(pk=other.pk).exists()
    [its_token] = [one for one in reader.get("tokens").json()["results"] if one["is_this"]]
    assert reader.delete(f"tokens/{its_token['id']}").status_code == 204
    manager = Program(mei, Scope.READ, Scope.ACCOUNT)
    assert manager.delete(f"tokens/{other.public_id}").status_code == 204
    assert not ApiToken.objects.filter(pk=other.pk).exists()


def test_a_program_sees_and_ends_its_owners_tokens_alone(mei: User, sam: User) -> None:
    program, other = Program(mei), Program(sam)
    tokens = program.get("tokens").json()["results"]
    assert [token["is_this"] for token in tokens] == [True]
    assert code(other.delete(f"tokens/{tokens[0]['id']}")) == (404, "not-found")
    assert program.delete(f"tokens/{tokens[0]['id']}").status_code == 204
    assert code(program.get("me")) == (401, "not-authorised")


def test_a_person_has_so_many_tokens(program: Program, mei: User) -> None:
    from apps.api.errors import TooManyTokens
    from apps.api.models import MAX_TOKENS

    with pytest.raises(TooManyTokens):
        for _ in range(MAX_TOKENS):
            services.make_token(user=mei, name="more", scopes=[Scope.READ], days=7)
    assert ApiToken.objects.count() == MAX_TOKENS


def test_what_takes_a_role_takes_a_second_factor_where_staff_must_have_one(
    settings: Any, db: None
) -> None:
    boss = Program(User.objects.create_superuser("boss@example.org", "boss"))
    assert boss.get("operator/queues").status_code == 200
    settings.STAFF_NEED_SECOND_FACTOR = True
    assert code(boss.get("operator/queues")) == (403, "second-factor-needed")
    assert boss.get("me").status_code == 200, "what every learner may do takes none"
