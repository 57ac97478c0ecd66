"""Error pages say what happened and what to do, with the site's layout, in the reader's
language.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory

from apps.common.error_views import server_error
from apps.common.templatetags.shell import duration

pytestmark = pytest.mark.django_db
CASES = [
    ("bad", 400, "This request could not be processed", "无法处理这个请求"),
    ("forbidden", 403, "have access to this page", "你无权访问此页面"),
    ("missing", 404, "Page not found", "页面不存在"),
    ("refused", 409, "That did not go through", "没有成功"),
    ("often", 429, "Too many attempts in a short time", "尝试次数过多"),
    ("broken", 500, "Something went wrong on our side", "网站出了故障"),
]


@pytest.fixture(autouse=True)
def faulty(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.common.faulty_urls"


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(("name", "status", "english", "chinese"), CASES)
def test_every_error_has_a_page(
    visitor: Client, name: str, status: int, english: str, chinese: str
) -> None:
    response = visitor.get(f"/faulty/{name}")
    page = response.content.decode()
    assert response.status_code == status
    assert (
        english in page
        and f"<dt>Error code</dt><dd>{status}</dd>" in page
        and 'class="bar"' in page
    )
    visitor.cookies["language"] = "zh-hans"
    page = visitor.get(f"/faulty/{name}").content.decode()
    assert chinese in page and '<html lang="zh-Hans"' in page


@pytest.mark.parametrize("name", [case[0] for case in CASES])
def test_each_carries_the_policy(visitor: Client, name: str) -> None:
    policy = visitor.get(f"/faulty/{name}")["Content-Security-Policy"].split("; ")
    assert {
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    } <= set(policy)


def test_a_refusal_says_why_and_is_escaped(visitor: Client) -> None:
    assert "A rule &lt;b&gt;said&lt;/b&gt; no." in visitor.get("/faulty/refused").content.decode()


def test_too_many_attempts_say_when_the_next_is_allowed(visitor: Client) -> None:
    response = visitor.get("/faulty/often")
    assert (
        response["Retry-After"] == "7"
        and "You can try again in 7 seconds." in response.content.decode()
    )


def test_htmx_gets_only_the_fragment(visitor: Client) -> None:
    response = visitor.get("/faulty/refused", headers={"hx-request": "true"})
    assert (
        response["X-Fragment"] == "1"
        and "<html" not in response.content.decode()
        and 'role="alert"' in response.content.decode()
    )


def test_an_address_that_does_not_exist(visitor: Client) -> None:
    response = visitor.get("/nothing/<script>alert(1)</script>")
    assert response.status_code == 404 and "<script>alert" not in response.content.decode()


def test_a_broken_page_asks_neither_database_nor_session(
    rf: RequestFactory, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert server_error(rf.get("/")).status_code == 500


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_503_with_retry_after(
    visitor: Client, settings: Any
) -> None:
    visitor.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    home = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        response = visitor.get("/settings")
    finally:
        connection.settings_dict["HOST"] = home
    assert response.status_code == 503 and int(response["Retry-After"]) > 0
    assert (
        "The database is not responding" in response.content.decode()
        and "Content-Security-Policy" in response
    )
    assert visitor.get("/accounts/login/").status_code == 200


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (119.2, "2 minutes"),
        (90 * 60, "90 minutes"),
        (7_200, "2 hours"),
        (172_800, "2 days"),
        (604_756, "7 days"),
    ],
)
def test_a_wait_is_told_in_a_unit_that_one_can_imagine(seconds: float, words: str) -> None:
    assert duration(seconds) == words
