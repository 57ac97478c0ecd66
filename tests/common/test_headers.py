"""The headers of every response of the site."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apps.accounts.models import User

POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "object-src 'none'",
    "frame-ancestors 'none'",
}
VISITORS = [
    "/accounts/login/",
    "/accounts/signup/?next=/labs",
    "/accounts/password/reset/",
    "/accounts/password/reset/key/1-x/",
    "/nothing",
]
MEMBERS = ["/settings", "/accounts/password/change/", "/accounts/logout/"]


def routes(patterns: list[Any], before: str = "/") -> list[str]:
    """Return an address for each route of the site, what it asks for filled with something that may
    not exist.
    """
    addresses = []
    for pattern in patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            addresses += routes(pattern.url_patterns, before + route)
        elif isinstance(pattern, URLPattern) and "(?P" not in route and "admin" not in before:
            addresses.append(before + route)
    return addresses


def filled(route: str) -> str:
    for hole, value in (
        ("<uuid:", "00000000-0000-0000-0000-000000000000"),
        ("<slug:", "nothing"),
        ("<str:", "x"),
        ("<int:", "0"),
    ):
        while hole in route:
            start = route.index(hole)
            route = route[:start] + value + route[route.index(">", start) + 1 :]
    return route


@pytest.mark.django_db
def test_every_route_carries_the_policy() -> None:
    client = Client(raise_request_exception=False)
    addresses = [
        filled(route) for route in routes(get_resolver().url_patterns) if "<" not in filled(route)
    ]
    assert len(addresses) > 20
    for address in [*addresses, "/admin/", "/admin/accounts/user/", "/nothing"]:
        for method in (client.get, client.post, client.delete):
            response = method(address)
            assert response.status_code < 500, address
            assert set(response["Content-Security-Policy"].split("; ")) >= POLICY, address
            assert (
                response["X-Content-Type-Options"] == "nosniff"
                and response["Referrer-Policy"] == "same-origin"
                and response["Cross-Origin-Opener-Policy"] == "same-origin"
                and response["Cross-Origin-Resource-Policy"] == "same-origin"
                and "camera=()" in response["Permissions-Policy"]
            ), address
            if response["Content-Type"].startswith("text/"):
                assert "charset=utf-8" in response["Content-Type"], address
            assert "Access-Control-Allow-Origin" not in response, address
        # would send back what a browser keeps from scripts
        assert client.trace(address).status_code in (302, 400, 401, 403, 404, 405), address


@pytest.mark.django_db
def test_files_of_the_site_carry_it_too(client: Client) -> None:
    response = client.get("/static/build/theme.js")
    assert response.status_code == 200
    assert set(response["Content-Security-Policy"].split("; ")) >= POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/.env", "/manage.py", "/static/", "/static/build/", "/static/../manage.py"],
)
def test_no_file_of_the_checkout_and_no_folder_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.django_db
def test_cookies_are_kept_from_scripts_and_from_other_sites(client: Client) -> None:
    client.get("/accounts/login/")
    client.post("/language", {"language": "en"})
    client.post("/theme", {"theme": "dark"})
    User.objects.create_user("mei@example.org", "Mei", "seven quiet herons")
    client.post("/accounts/login/", {"login": "mei@example.org", "password": "seven quiet herons"})
    assert set(client.cookies) == {"sid", "csrf", "language", "theme", "known"}
    for name, morsel in client.cookies.items():
        assert morsel["samesite"] == "Lax" and not morsel["domain"] and morsel["path"] == "/", name
        assert bool(morsel["httponly"]) == (name not in ("language", "theme")), name
        assert len(name) + len(morsel.value) < 4096, name


@pytest.mark.django_db
def test_security_txt_names_the_contact_if_there_is_one(client: Client, settings: Any) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = ["mailto:security@gradus.example"]
    answer = client.get("/.well-known/security.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert lines["Contact"] == "mailto:security@gradus.example"
    assert lines["Expires"] > f"{timezone.now():%Y-%m-%d}" and lines["Expires"].endswith("Z")
    assert lines["Canonical"] == f"{settings.SITE_URL}/.well-known/security.txt"


@pytest.mark.django_db
@pytest.mark.parametrize("path", VISITORS)
def test_a_visitors_page_asks_little_of_the_database(
    client: Client, django_assert_max_num_queries: Any, path: str
) -> None:
    with django_assert_max_num_queries(2):
        assert client.get(path).status_code in (200, 404)


@pytest.mark.django_db
@pytest.mark.parametrize("path", MEMBERS)
def test_a_members_page_asks_little_of_the_database(
    client: Client, django_assert_max_num_queries: Any, path: str
) -> None:
    mei = User.objects.create_user("mei@example.org", "Mei", "seven quiet herons")
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    with django_assert_max_num_queries(3):
        assert client.get(path).status_code == 200
