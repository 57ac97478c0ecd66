"""X-Forwarded-For and X-Forwarded-Proto count only from a trusted proxy."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest

from apps.accounts.models import User
from apps.common.asgi import Message, TrustProxies, client_address
from tests.serving import serving

pytestmark = pytest.mark.attack

PROXY, CLIENT, LIAR = "10.0.0.1", "203.0.113.7", "192.0.2.66"
PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def seen(client: Any, *headers: tuple[bytes, bytes], trusted: bool = True) -> tuple[Any, str]:
    """Return client and scheme as Django is told them."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: object, send: object) -> None:
        scopes.append(scope)

    scope = {"type": "http", "client": client, "scheme": "http", "headers": list(headers)}
    middleware = TrustProxies(app, proxies=PROXIES if trusted else [])
    asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type]
    return scopes[0]["client"], scopes[0]["scheme"]


FORWARDED = (b"x-forwarded-for", CLIENT.encode()), (b"x-forwarded-proto", b"https")


def test_a_trusted_proxy_is_believed() -> None:
    assert seen((PROXY, 4711), *FORWARDED) == ((CLIENT, 0), "https")
    assert seen((f"::ffff:{PROXY}", 4711), *FORWARDED) == ((CLIENT, 0), "https")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", LIAR, "11.0.0.1"])
def test_nobody_else_is(peer: str) -> None:
    assert seen((peer, 4711), *FORWARDED) == ((peer, 4711), "http")
    assert seen((PROXY, 4711), *FORWARDED, trusted=False) == ((PROXY, 4711), "http")


def test_an_ipv4_address_in_ipv6_is_one_address_and_a_socket_has_none() -> None:
    assert seen((f"::ffff:{LIAR}", 4711)) == ((LIAR, 4711), "http")
    assert seen(None, *FORWARDED) == (None, "http")


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [(b"https", "https"), (b"http, https", "https"), (b"https, http", "http"), (b"ws", "http")],
)
def test_the_scheme_is_what_the_nearest_proxy_says(scheme: bytes, expected: str) -> None:
    assert seen((PROXY, 1), (b"x-forwarded-proto", scheme))[1] == expected


def test_several_lines_of_the_header_are_one_list() -> None:
    lines = [(b"x-forwarded-for", LIAR.encode()), (b"x-forwarded-for", CLIENT.encode())]
    assert seen((PROXY, 1), *lines)[0] == (CLIENT, 0)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([], PROXY),
        ([CLIENT], CLIENT),
        ([LIAR, CLIENT], CLIENT),
        ([CLIENT, "10.9.9.9"], CLIENT),
        ([LIAR, CLIENT, "10.9.9.9", "fd00::2"], CLIENT),
        (["10.1.1.1", "10.9.9.9"], "10.1.1.1"),
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([LIAR, "unknown"], PROXY),
        ([LIAR, "<script>", "10.9.9.9"], "10.9.9.9"),
        ([CLIENT, ""], PROXY),
    ],
    ids=str,
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(
    forwarded: list[str], client: str
) -> None:
    assert client_address(ip_address(PROXY), forwarded, PROXIES) == ip_address(client)


@pytest.mark.django_db(transaction=True)
def test_another_address_in_every_request_lifts_no_limit() -> None:
    User.objects.create_user("mei@example.org", "Mei", "seven quiet herons")
    with serving() as site, httpx.Client(base_url=site, trust_env=False) as browser:
        browser.get("/accounts/login/")
        statuses = [
            browser.post(
                "/accounts/login/",
                data={
                    "login": f"m{guess}@example.org",
                    "password": "wrong",
                    "csrfmiddlewaretoken": browser.cookies["csrf"],
                },
                headers={"X-Forwarded-For": f"198.51.100.{guess}"},
            ).status_code
            for guess in range(12)
        ]
    assert statuses == [200] * 10 + [429] * 2
