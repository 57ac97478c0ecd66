"""Whoever asks for JSON gets a problem document, a browser a page: for every refusal of the site,
and for what Django refuses.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as site_settings
from django.db import connection
from django.test import Client

import apps
from apps.common.asgi import LimitBody
from apps.common.errors import Refused
from apps.common.problems import CONTENT_TYPE, HTML, JSON_TYPES, preferred_type
from tests.common.faulty_urls import refusals, sample

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PAGE_ACCEPTS = ("*/*", "", "text/*", "image/png", "text/html, application/json", BROWSER)
JSON_ACCEPTS = (
    "application/json",
    "application/problem+json",
    "application/*",
    "application/json, text/plain, */*",
    "application/json; charset=utf-8",
    "Application/JSON;q=0.3",
    "text/html;q=0.5, application/json;q=0.6",
    "*/*, text/html;q=0",
)
ROW = re.compile(r"^\| `([\w-]+)` \| (\d{3}) \|", re.MULTILINE)
# address, method, status, code: what no view refuses, but Django or the middleware
REFUSED_BY_DJANGO = {
    "not found": ("get", "/nothing", 404, "not-found"),
    "not found by a view": ("get", "/faulty/missing", 404, "not-found"),
    "not found by an address for programs": (
        "get",
        "/runs/00000000-0000-0000-0000-000000000000/points",
        404,
        "not-found",
    ),
    "forbidden": ("get", "/faulty/forbidden", 403, "forbidden"),
    "malformed": ("get", "/faulty/bad", 400, "malformed"),
    "too large": ("post", "/faulty/form", 413, "too-large"),
    "a form without a CSRF token": ("post", "/theme", 403, "form-expired"),
    "too often": ("get", "/faulty/often", 429, "too-many-attempts"),
    "another method": ("delete", "/labs", 405, "method-not-allowed"),
    "no database": ("get", "/faulty/away", 503, "away"),
    "a bug": ("get", "/faulty/broken", 500, "internal-error"),
}


def all_refusals() -> list[type[Refused]]:
    for module in pkgutil.walk_packages(apps.__path__, "apps."):
        if not re.search(r"\.(migrations|skeletons)\b", module.name):
            importlib.import_module(module.name)
    return [kind for kind in refusals() if kind.__module__.startswith("apps.")]


@pytest.fixture(autouse=True)
def faulty(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.common.faulty_urls"


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def ask(client: Client, path: str, accept: str | None, method: str = "get") -> Any:
    headers = {} if accept is None else {"accept": accept}
    return getattr(client, method)(path, headers=headers)


def assert_is_document(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (status, CONTENT_TYPE)
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:gradus:{code}" and len(problem["detail"]) > 15
    assert "Accept" in answer["Vary"].split(", ")
    assert "private" in answer["Cache-Control"]


def assert_is_page(answer: Any, status: int) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f"<dd>{status}</dd>" in answer.content.decode()
    assert "Accept" in answer["Vary"].split(", ")


# ---------------------------------------------------------------- the table


def test_the_table_of_codes_is_complete() -> None:
    text = Path(site_settings.ROOT, "docs", "problems.md").read_text(encoding="utf-8")
    rows = [(code, int(status)) for code, status in ROW.findall(text)]
    assert rows == sorted((kind.code, kind.status) for kind in all_refusals())


def test_no_two_refusals_have_the_same_code() -> None:
    codes = [kind.code for kind in all_refusals()]
    assert len(codes) == len(set(codes))


# ---------------------------------------------------------------- every refusal, in both forms


def test_every_refusal_is_a_page_for_a_browser(visitor: Client) -> None:
    for kind in all_refusals():
        for accept in (None, "*/*", BROWSER):
            answer = ask(visitor, f"/faulty/refusals/{kind.code}", accept)
            assert_is_page(answer, kind.status)
            assert 'role="alert"' in answer.content.decode()
        assert_is_page(ask(visitor, f"/faulty/programs/{kind.code}", BROWSER), kind.status)


def test_every_refusal_is_a_problem_document_for_a_program(visitor: Client) -> None:
    for kind in all_refusals():
        for accept in (None, "*/*"):
            answer = ask(visitor, f"/faulty/programs/{kind.code}", accept)
            assert_is_document(answer, kind.status, kind.code)
        for accept in JSON_TYPES:
            answer = ask(visitor, f"/faulty/refusals/{kind.code}", accept)
            assert_is_document(answer, kind.status, kind.code)
        error = sample(kind)
        assert answer.json()["detail"] == error.message
        assert answer.json().get("page") == error.extra.get("page")


def test_both_forms_say_when_to_try_again(visitor: Client) -> None:
    waits = {kind.code: sample(kind).seconds for kind in all_refusals()}
    assert waits["away"] and waits["too-many-attempts"] == 7
    for code, seconds in waits.items():
        for accept in (BROWSER, "application/json"):
            answer = ask(visitor, f"/faulty/refusals/{code}", accept)
            assert answer.get("Retry-After") == (str(seconds) if seconds else None), code


def test_htmx_gets_a_fragment_unless_it_asks_for_json(visitor: Client) -> None:
    url, headers = "/faulty/refusals/too-long", {"hx-request": "true"}
    fragment = visitor.get(url, headers=headers | {"accept": "text/html, */*"})
    assert fragment["X-Fragment"] == "1" and "<html" not in fragment.content.decode()
    assert {"Accept", "HX-Request"} <= set(fragment["Vary"].split(", "))
    assert_is_document(
        visitor.get(url, headers=headers | {"accept": "application/json"}), 422, "too-long"
    )


def test_a_document_speaks_the_readers_language(visitor: Client) -> None:
    visitor.cookies["language"] = "zh-hans"
    answer = ask(visitor, "/faulty/refusals/account-gone", "application/json")
    assert answer.json()["detail"] == "这个账号刚刚被删除，因此没有保存任何内容。"


# ---------------------------------------------------------------- what Django refuses


@pytest.mark.parametrize("what", REFUSED_BY_DJANGO)
def test_what_django_refuses_is_answered_in_both_forms(what: str, settings: Any) -> None:
    method, url, status, code = REFUSED_BY_DJANGO[what]
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 50
    visitor = Client(raise_request_exception=False, enforce_csrf_checks="CSRF" in what)

    def answer(accept: str) -> Any:
        body = {"text": "x" * 99} if method == "post" else {}
        return getattr(visitor, method)(url, body, headers={"accept": accept})

    for accept in JSON_TYPES:
        document = answer(accept)
        assert_is_document(document, status, code)
        assert document.get("Retry-After", "1").isdigit()
    if status != 405:  # has no page
        assert_is_page(answer(BROWSER), status)
    else:
        assert document["Allow"] == "GET, HEAD" and answer(BROWSER).status_code == 405


def test_a_form_in_another_encoding_is_refused_in_both_forms(visitor: Client) -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-7"
    for accept in (BROWSER, "application/json"):
        answer = visitor.generic(
            "POST", "/theme", b"theme=dark", content_type=kind, headers={"accept": accept}
        )
        if accept == BROWSER:
            assert_is_page(answer, 400)
        else:
            assert_is_document(answer, 400, "bad-request")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_told_to_programs(visitor: Client) -> None:
    visitor.cookies[site_settings.SESSION_COOKIE_NAME] = "a" * 32
    home = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        answers = [
            ask(visitor, "/settings", "application/json"),
            Client().post("/api/worker/v1/lease", headers={"authorization": "Worker x"}),
        ]
    finally:
        connection.settings_dict["HOST"] = home
    for answer in answers:
        assert_is_document(answer, 503, "away")
        assert answer["Retry-After"] == "10"


# ---------------------------------------------------------------- the API


def test_the_api_answers_programs_with_documents(visitor: Client) -> None:
    lease = "/api/worker/v1/lease"
    for accept in (None, "*/*", "application/json"):
        assert_is_document(ask(visitor, lease, accept, "post"), 401, "not-authorised")
    assert_is_document(visitor.post(lease, headers={"accept": CONTENT_TYPE}), 406, "not-acceptable")
    assert_is_page(ask(visitor, lease, "text/html", "post"), 406)


def test_an_address_that_the_api_does_not_have_has_no_code_for_workers(visitor: Client) -> None:
    """A worker takes `not-found` for the end of its run attempt: a wrong address is no such end."""
    assert_is_page(ask(visitor, "/api/worker/v1/nothing", "*/*", "post"), 404)


# ---------------------------------------------------------------- the Accept header


@pytest.mark.parametrize("accept", PAGE_ACCEPTS)
def test_who_has_no_reason_for_json_gets_what_is_offered_first(accept: str) -> None:
    assert preferred_type(accept, (HTML, *JSON_TYPES)) == HTML


@pytest.mark.parametrize("accept", JSON_ACCEPTS)
def test_who_prefers_json_gets_it(accept: str) -> None:
    assert preferred_type(accept, (HTML, *JSON_TYPES)) in JSON_TYPES


def test_an_address_for_programs_offers_json_first() -> None:
    offers = (*JSON_TYPES, HTML)
    for accept in ("*/*", "", "image/png", "text/html;q=0"):
        assert preferred_type(accept, offers) == CONTENT_TYPE
    assert preferred_type(BROWSER, offers) == HTML


@pytest.mark.parametrize(
    "accept",
    [
        ";;;q=,,,",
        "application/json;q=nan",
        "application/json;q=-1",
        "text/html;q=" + "9" * 5000,
        "/",
        "application/json/json",
        "*",
        "\udcff",
        "a/b," * 20_000,
        "é/ü",
        'text/html; x="',
    ],
)
def test_an_accept_header_may_be_anything(accept: str, visitor: Client) -> None:
    answer = ask(visitor, "/faulty/refusals/too-long", accept)
    assert answer.status_code == 422 and "Accept" in answer["Vary"]


# ---------------------------------------------------------------- a body that Django never sees


def refused_body(
    path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of the answer to a request through `LimitBody`, with a limit
    of ten bytes.
    """
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def reads_all(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise AssertionError("it was read")

    scope = {"type": "http", "path": path, "headers": headers, "query_string": b"\xff"}
    async_to_sync(LimitBody(reads_all, max_bytes=10))(scope, receive, send)
    start, rest = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], names, rest["body"].decode()


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_without_end_is_refused_in_both_forms(is_declared: bool) -> None:
    declared = [(b"content-length", b"11")] if is_declared else []
    cases = [
        ("/settings", BROWSER, True),
        ("/settings", "*/*", True),
        ("/nothing", "application/json", False),
        ("/api/worker/v1/lease", "*/*", False),
    ]
    for path, accept, is_page in cases:
        headers = [*declared, (b"accept", accept.encode()), (b"cookie", b"language=zh-hans")]
        status, answer, body = refused_body(path, headers, b"x" * 11)
        assert status == 413 and answer["connection"] == "close"
        assert "Accept" in answer["vary"]
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["cross-origin-resource-policy"] == "same-origin"
        assert "object-src 'none'" in answer["content-security-policy"]
        if is_page:
            assert answer["content-type"].startswith("text/html")
            assert "表单太大" in body and 'lang="zh-Hans"' in body
            assert "最多" in body and "10\N{NO-BREAK SPACE}字节" in body
        else:
            assert answer["content-type"] == CONTENT_TYPE
            assert json.loads(body)["code"] == "too-large"
