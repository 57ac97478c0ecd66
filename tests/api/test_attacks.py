"""What somebody hostile tries with the API, a test for each: fields that are not theirs, objects of
others, paths out of a folder, addresses elsewhere, requests that a page forges, tokens that leak.
"""

from __future__ import annotations

import json
import logging

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.api.api import description
from apps.audit.models import AuditEvent
from apps.progress.models import Attempt
from apps.webhooks.models import Webhook
from tests.api.conftest import Program
from tests.contracts.api_matrix import API
from tests.contracts.test_routes import Cast

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
NOWHERE = "00000000-0000-4000-8000-000000000000"


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize(
    "field", ["is_staff", "is_superuser", "handle", "email", "password", "id", "groups", "scopes"]
)
def test_no_field_but_those_described_can_be_set(program: Program, mei: User, field: str) -> None:
    before = User.objects.filter(pk=mei.pk).values().get()
    answer = program.patch("me", {"theme": "dark", field: "1"}, If_Match="*")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert User.objects.filter(pk=mei.pk).values().get() == before


def test_every_body_is_described_as_taking_no_other_field() -> None:
    document = json.loads(description())
    names = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "$ref" in content["schema"]:
                    names.add(content["schema"]["$ref"].rpartition("/")[2])
    assert len(names) > 30
    schemas = document["components"]["schemas"]
    assert [name for name in sorted(names) if schemas[name].get("additionalProperties", True)] == []


# ---------------------------------------------------------------- objects of others


def test_an_object_of_somebody_else_is_answered_like_one_that_is_not_there() -> None:
    cast = Cast()
    sam = Program(User.objects.get(handle="sam"))
    tried = 0
    for name, methods in API.items():
        for method, answers in methods.items():
            if answers[1] in (401, 403, 404) or answers[2] != 404:
                continue  # it is not the owner's, or not hidden from a stranger
            foreign = cast.url(name)
            missing = foreign
            for pk in (cast.run.pk, cast.delivery.pk, cast.delivery.webhook_id):
                missing = missing.replace(str(pk), NOWHERE)
            if missing == foreign:
                continue
            of_others, of_nobody = (sam.send(method, path, {}) for path in (foreign, missing))
            assert of_others.status_code == 404, (method, foreign)
            assert of_others.json() == of_nobody.json(), (method, foreign)
            tried += 1
    assert tried >= 8


# ---------------------------------------------------------------- paths and addresses


@pytest.mark.parametrize(
    "path",
    [
        "labs/..%2f..%2fsettings/source",
        "labs/%2e%2e%2f%2e%2e%2fetc%2fpasswd/source",
        "labs/dead-relu%00/source",
        "labs/..%5c..%5csecrets/source",
        "exports/..%2f..%2fetc%2fpasswd/file",
        "questions/..%2fadmin",
        "runs/..%2f..%2fme",
    ],
)
def test_no_address_leads_out_of_its_folder(program: Program, path: str) -> None:
    answer = program.get(path)
    assert answer.status_code == 404 and answer.json()["code"] == "not-found"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"Referer": "https://evil.example/"},
        {"Origin": "https://evil.example"},
    ],
)
def test_no_answer_leads_to_an_address_that_a_request_names(
    program: Program, mei: User, headers: dict[str, str]
) -> None:
    for path in ("questions", "attempts", "me", "labs?limit=1&next=https://evil.example"):
        answer = program.client.get(f"/api/v1/{path}", headers={**program.headers, **headers})
        assert "evil.example" not in str(answer.headers)
        text = answer.content.decode().replace("next=https%3A%2F%2Fevil.example", "")
        assert "//evil.example" not in text, (path, headers)


# ---------------------------------------------------------------- forged requests


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("token", ["", "x" * 64])
def test_a_page_elsewhere_cannot_change_anything(mei: User, kind: str, token: str) -> None:
    """A form sends what a browser sends by itself: the cookie, and no header of its own."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mei)
    headers = {"Origin": "https://evil.example"} | ({"X-CSRFToken": token} if token else {})
    for method, name, keywords in (
        ("POST", "experiments_api:runs", {}),
        ("PATCH", "api:me", {}),
        ("POST", "discussions_api:threads", {}),
        ("DELETE", "api:token", {"pk": NOWHERE}),
    ):
        path = reverse(name, kwargs=keywords)
        answer = browser.generic(method, path, b'{"theme": "dark"}', kind, headers=headers)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["code"] == "form-expired"
    mei.refresh_from_db()
    assert mei.theme == ""


def test_a_page_elsewhere_reads_nothing(mei: User) -> None:
    browser = Client()
    browser.force_login(mei)
    answer = browser.get("/api/v1/me", headers={"Origin": "https://evil.example"})
    assert not any(name.startswith("Access-Control") for name in answer.headers)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


# ---------------------------------------------------------------- tokens


def secret_of(program: Program) -> str:
    return program.headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "authorization"])
def test_a_token_in_an_address_signs_in_nobody(program: Program, name: str) -> None:
    nobody = Program()
    answer = nobody.get(f"me?{name}={secret_of(program)}")
    assert answer.status_code == 401 and secret_of(program) not in answer.content.decode()


def test_a_token_is_in_no_log_and_no_answer(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    secret = secret_of(program)
    with caplog.at_level(logging.DEBUG):
        answers = [
            program.get("me"),
            program.get("nowhere"),
            program.post("runs", {"lab_id": 1}),
            program.get("tokens"),
            program.patch("me", {"theme": "loud"}, If_Match="*"),
        ]
        program.headers["Authorization"] = f"Bearer {secret}x"
        answers.append(program.get("me"))
    logged = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith("django.db")  # queries, of which the next test is
    )
    told = "\n".join(answer.content.decode() + str(answer.headers) for answer in answers)
    kept = "\n".join(str(row) for row in AuditEvent.objects.values())
    assert secret not in logged + told + kept


def test_a_token_is_looked_up_by_a_hash_of_the_whole(program: Program) -> None:
    """So how long it takes tells nothing of how much of a token was right."""
    secret = secret_of(program)
    for sent in (secret, secret[:-1] + ("0" if secret[-1] != "0" else "1"), secret[:20]):
        program.headers["Authorization"] = f"Bearer {sent}"
        with CaptureQueriesContext(connection) as queries:
            answer = program.get("me")
        assert answer.status_code == (200 if sent == secret else 401)
        asked = " ".join(query["sql"] for query in queries if "api_apitoken" in query["sql"])
        assert "digest" in asked and secret[8:20] not in asked


def test_who_guesses_ids_makes_nothing(program: Program, mei: User) -> None:
    for path in (
        f"attempts/{NOWHERE}/answers",
        f"attempts/{NOWHERE}/grade",
        f"runs/{NOWHERE}/rerun",
    ):
        assert program.post(path, {}).status_code in (400, 404)
    assert not Attempt.objects.exists() and not Webhook.objects.exists()
