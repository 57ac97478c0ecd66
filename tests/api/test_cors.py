"""Which pages of other sites may call the API from a browser: none, unless the operator names
them; and these without a session.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.api.conftest import Program
from tests.common.test_site_settings import run

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
NOTES, OTHER = "https://notes.example", "https://evil.example"
SHOW = (
    "from gradus import settings as s; import json; "
    "print(json.dumps([s.CORS_ALLOWED_ORIGINS, s.CORS_URLS_REGEX]))"
)
PREFLIGHT = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}


@pytest.fixture
def allowed(settings: Any) -> None:
    shown = run("-c", SHOW, CORS_ALLOWED_ORIGINS=NOTES)
    assert shown.returncode == 0, shown.stderr
    settings.CORS_ALLOWED_ORIGINS, settings.CORS_URLS_REGEX = json.loads(shown.stdout)


def cors(answer: Any) -> dict[str, str]:
    names = {name.lower(): value for name, value in answer.headers.items()}
    prefix = "access-control-"
    return {n.removeprefix(prefix): v for n, v in names.items() if n.startswith(prefix)}


def asked(path: str, origin: str, method: str = "get", **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    return getattr(client, method)(path, headers={"Origin": origin, **headers})


def test_by_default_there_is_no_cors(mei: User) -> None:
    answer = Program(mei).get("me", Origin=NOTES)
    assert cors(answer) == {} and "rigin" not in answer["Vary"]
    assert cors(asked("/api/v1/me", NOTES, "options", **PREFLIGHT)) == {}


def test_a_page_that_was_named_uses_a_token(allowed: None, mei: User) -> None:
    preflight = cors(asked("/api/v1/me", NOTES, "options", **PREFLIGHT))
    assert preflight["allow-origin"] == NOTES and "PATCH" in preflight["allow-methods"]
    taken = set(PREFLIGHT["Access-Control-Request-Headers"].split(","))
    assert taken <= set(preflight["allow-headers"].split(", "))
    assert "x-csrftoken" not in preflight["allow-headers"]
    answer = Program(mei).get("me", Origin=NOTES)
    assert answer.json()["handle"] == "mei" and "origin" in answer["Vary"].lower()
    shown = cors(answer)
    assert shown["allow-origin"] == NOTES and "ETag" in shown["expose-headers"]
    assert "allow-credentials" not in shown | preflight
    refused = asked("/api/v1/me", NOTES)
    assert refused.status_code == 401 and cors(refused)["allow-origin"] == NOTES


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/api/v1/me", OTHER),
        ("/api/v1/me", "null"),
        ("/api/v1/me", f"{NOTES}.evil.example"),
        ("/api/v1/me", "http://notes.example"),
        ("/api/v1/me", "https://[notes"),
        ("/labs", NOTES),
        ("/settings", NOTES),
        ("/api/worker/v1/lease", NOTES),
    ],
)
def test_no_other_page_and_no_other_address(allowed: None, path: str, origin: str) -> None:
    assert cors(asked(path, origin)) == {}
    assert cors(asked(path, origin, "options", **PREFLIGHT)) == {}


@pytest.mark.parametrize(
    "value", ["*", "notes.example", "https://notes.example/", "null", "https://Notes.example"]
)
def test_what_is_no_origin_is_named_with_what_would_be_right(value: str) -> None:
    refused = run("-c", "import gradus.settings", CORS_ALLOWED_ORIGINS=f"{NOTES},{value}")
    assert refused.returncode != 0
    assert f"CORS_ALLOWED_ORIGINS: '{value}' is not an origin" in refused.stderr
