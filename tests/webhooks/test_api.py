"""Webhooks by the API: added, changed, tested, and their log with every attempt."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.api.scopes import LEARNER_SCOPES, Scope
from apps.webhooks import encryption
from apps.webhooks.deliveries import deliver_due
from apps.webhooks.models import Delivery, Webhook
from tests.api.conftest import Program, new_key
from tests.common.reauthenticating import enter_password
from tests.webhooks.conftest import make_webhook
from tests.webhooks.target import TargetServer, answers

pytestmark = pytest.mark.django_db
NEW = {"url": "https://hooks.example.org/gradus", "events": ["cards.due", "run.finished"]}


@pytest.fixture
def program(mei: User) -> Program:
    return Program(mei, Scope.ACCOUNT)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_webhook_is_added_and_its_secret_told_once(program: Program) -> None:
    answer = program.post("webhooks", NEW, Idempotency_Key=new_key())
    webhook = Webhook.objects.get()
    assert answer.status_code == 201 and answer.json()["id"] == str(webhook.pk)
    assert answer.json()["secret"] == encryption.decrypt(webhook.secret)
    assert answer.json()["events"] == ["run.finished", "cards.due"]
    shown = program.get("webhooks").content + program.get(f"webhooks/{webhook.pk}").content
    assert b"whsec_" not in shown and webhook.secret.encode() not in shown
    # the answer is not kept, as that to a request with a key is
    assert code(program.post("webhooks", NEW, Idempotency_Key=new_key())) == (
        422,
        "invalid-webhook",
    )
    new = program.post(f"webhooks/{webhook.pk}/secret", {"secret_number": 1}).json()
    webhook.refresh_from_db()
    assert new == {"secret": encryption.decrypt(webhook.secret), "secret_number": 2}
    again = program.post(f"webhooks/{webhook.pk}/secret", {"secret_number": 1})
    assert code(again) == (409, "secret-changed")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"url": "http://127.0.0.1/"}, "invalid-webhook"),
        ({"events": []}, "invalid-webhook"),
        ({"events": ["webhook.test"]}, "bad-request"),
        ({"secret": "mine"}, "bad-request"),
        ({"url": None}, "bad-request"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    program: Program, change: Any, expected: str
) -> None:
    answer = program.post("webhooks", NEW | change)
    problem = answer.json()
    named = problem.get("fields") or [error["field"] for error in problem["errors"]]
    assert problem["code"] == expected and any(next(iter(change)) in field for field in named)
    assert not Webhook.objects.exists()


def test_a_change_names_what_it_changes_and_leaves_the_rest(program: Program, mei: User) -> None:
    webhook = make_webhook(mei, description="bot")
    path = f"webhooks/{webhook.pk}"
    etag = program.get(path)["ETag"]
    assert code(program.patch(path, {"is_active": False})) == (428, "precondition-required")
    changed = program.patch(path, {"is_active": False, "events": ["cards.due"]}, If_Match=etag)
    expected = {"is_active": False, "events": ["cards.due"], "description": "bot"}
    assert expected.items() <= changed.json().items()
    assert code(program.patch(path, {"url": "x"}, If_Match=etag)) == (412, "precondition-failed")
    wrong = program.patch(path, {"is_active": True, "url": "nothing"}, If_Match="*")
    assert code(wrong) == (422, "invalid-webhook")
    webhook.refresh_from_db()
    assert not webhook.is_active and webhook.url == NEW["url"]
    assert program.delete(path).status_code == 204 and not Webhook.objects.exists()


def test_a_test_is_delivered_and_the_log_has_every_attempt(
    program: Program, mei: User, target: TargetServer
) -> None:
    webhook = make_webhook(mei, target.url())
    key = new_key()
    delivery = program.post(f"webhooks/{webhook.pk}/test", Idempotency_Key=key).json()
    assert program.post(f"webhooks/{webhook.pk}/test", Idempotency_Key=key).json() == delivery
    path = f"webhooks/{webhook.pk}/deliveries/{delivery['id']}"
    assert code(program.post(f"{path}/redeliver")) == (409, "still-queued")
    target.answer = answers(503, "busy")
    deliver_due(seconds=5)
    assert program.post(f"{path}/redeliver").json()["state"] == "queued"
    target.answer = answers(204, "")
    deliver_due(seconds=5)
    shown = program.get(path).json()
    attempts = [(one["number"], one["status_code"], one["response"]) for one in shown["attempts"]]
    assert attempts == [(1, 503, "busy"), (1, 204, "")]
    assert shown["body"] == Delivery.objects.get().body and shown["state"] == "delivered"
    (row,) = program.get(f"webhooks/{webhook.pk}/deliveries").json()["results"]
    assert row.items() <= shown.items()


def test_only_its_owner_by_a_token_for_it_or_after_entering_the_password(
    program: Program, mei: User, sam: User
) -> None:
    webhook = make_webhook(mei)
    assert code(Program(sam).get(f"webhooks/{webhook.pk}")) == (404, "not-found")
    learner = Program(mei, *LEARNER_SCOPES)
    assert code(learner.get("webhooks")) == (403, "scope-missing")
    assert code(learner.post("webhooks", NEW)) == (403, "scope-missing")
    browser, options = Client(), {"content_type": "application/json"}
    browser.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    other: Any = NEW | {"url": "https://hooks.example.org/other"}
    refused = browser.post("/api/v1/webhooks", other, **options)
    assert code(refused) == (403, "password-needed")
    enter_password(browser, mei)
    assert browser.post("/api/v1/webhooks", other, **options).status_code == 201
