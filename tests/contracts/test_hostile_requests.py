"""Junk in every place of a request to every URL of the site but the admin's (`test_admin_input`):
no fault of ours, and nothing written by what was refused.

URLs come from the URL table; the names of parameters and fields are those that the site was seen to
ask for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.datastructures import MultiValueDict

from apps.accounts.models import User
from apps.api import limits as api_limits
from apps.common import write_limits
from tests.contracts.junk import JUNK, Rotation, percent, query
from tests.contracts.test_gets_write_nothing import written
from tests.contracts.test_routes import MATRIX, Cast
from workers import wire

pytestmark = [
    pytest.mark.attack,
    pytest.mark.django_db,
    pytest.mark.usefixtures("woken_queues"),
]
ROLES = ("visitor", "owner", "superuser")
STREAMS = {"experiments:run-events", "experiments:run-states"}  # they give the connection back
FORM = "application/x-www-form-urlencoded"
# how junk in an address may be answered: also by who may not ask there at all, and by endpoints
# that take no form
REFUSED = (400, 401, 403, 404, 405, 410, 413, 415)
AWAY = [
    "//evil.example",
    "///evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "\x00//evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/labs\r\nSet-Cookie: sid=evil",
    "//testserver@evil.example",
    "http://[",
]
VALUES = [*JUNK, *AWAY, "'; DROP TABLE accounts_user; --"]
# values tried at one place: in the gate one, others at each place; in the long form all of them
SOME = [pytest.param(1, id="some"), pytest.param(len(VALUES), id="all", marks=pytest.mark.slow)]
HEADER_JUNK = [
    "http://[",
    "//evil.example:99999/\\",
    "javascript:alert(1)",
    "*/*;q=NaN, /;q=1e999, ;;=,,",
    'W/"',
    '=;;a="\\000; csrf=%00',
    *JUNK,
]
HEADERS = (
    *("Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Cookie", "Content-Type"),
    *("If-Modified-Since", "If-None-Match", "Origin", "Range", "Referer", "User-Agent"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override"),
    *("X-Requested-With", "Last-Event-ID", wire.RUN_ATTEMPT_HEADER),
    *("HX-Request", "HX-Boosted", "HX-Current-URL", "HX-Target", "HX-Trigger", "HX-Prompt"),
    *("HX-Current-URL-URI-AutoEncoded", "HX-History-Restore-Request"),
)
# what gets a form past its first refusal
GOOD = {
    "theme": "dark",
    "language": "en",
    "time_zone": "UTC",
    "minutes": "30",
    "retention": "90",
    "outcome": "holds",
    "confidence": "80",
    "replicates": "16",
    "key": "a key",
    "shared": "1",
    "part": "1",
    "text": "1",
    "rating": "3",
    "number": "1",
    "about": "fact",
    "title": "Why is it so?",
    "value": "1",
    "accepted": "1",
    "how": "mute",
    "kept": "1",
    "suspended": "1",
    "email": "new@example.org",
    "username": "new",
    "url": "https://hooks.example.org/new",
    "events": "run.finished",
    "active": "1",
}
COOKIES = ("sid", "csrf", "language", "theme", "known", "messages", "sid-form-", "sid-form-x")


def is_ours(location: str) -> bool:
    """Return whether a browser that is sent there stays on the site."""
    return re.match(r"(/[^/\\]|[?#]|/$)[^\x00-\x1f\\]*$", location) is not None


def has_foreign_header(answer: Any) -> bool:
    sid = answer.cookies.get("sid")
    has_line_ends = any(re.search(r"[\r\n]", value) for value in answer.headers.values())
    return has_line_ends or (sid is not None and sid.value == "evil")


class Site:
    """The site with one of everything; every request is undone, and judged."""

    def __init__(self) -> None:
        self.cast = Cast()
        self.faults: list[str] = []
        tables = [model._meta.db_table for model in apps.get_models() if model._meta.managed]
        parts = (
            f"SELECT '{table}', count(*), sum(hashtext(t::text)) FROM {table} t"
            for table in sorted(tables)
            if table != "accounts_session"
        )
        self.all_rows = " UNION ALL ".join(parts)
        self.before = self.rows()

    def rows(self) -> Any:
        """Return a digest of every table but sessions and limits by time."""
        with connection.cursor() as cursor:
            cursor.execute(self.all_rows)
            return cursor.fetchall()

    def send(self, role: str, method: str, url: str, form: Any = None, **headers: str) -> Any:
        client: Client = self.cast.browsers[role]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = urlencode(form or {}, doseq=True, errors="surrogatepass")
        options: dict[str, Any] = {"headers": named}
        if method == "POST":
            options["content_type"] = named.pop("Content-Type", FORM)
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            answer = client.generic(method, url, body if method == "POST" else "", **options)
            is_refused = method == "GET" or answer.status_code >= 400
            has_written = is_refused and written(queries) and self.rows() != self.before
            transaction.set_rollback(True)
        told = " ".join(str(part)[:200] for part in (role, method, url, body, named, answer))
        if answer.status_code >= 500:
            self.faults.append(f"a fault: {told}")
        if has_written:
            self.faults.append(f"it wrote, and refused: {told}")
        if not is_ours(answer.headers.get("Location", "/")) or has_foreign_header(answer):
            self.faults.append(f"it leads away: {told}")
        return answer


@pytest.fixture
def whole_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The limits by time are for people and their programs, and are lifted."""
    for module in (write_limits, api_limits):
        monkeypatch.setattr(module, "count_write", lambda **write: None)
    site = Site()
    yield site
    assert not site.faults, "\n".join(site.faults)


def addresses(patterns: Any = None, before: str = "/") -> Iterator[tuple[str, list[str]]]:
    """Yield the name of every URL with arguments, and the text around these."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            around = re.split(r"\(\?P<\w+>[^)]*\)|<[^>]*>", route)
            if len(around) > 1:
                yield str(pattern.name), around


@pytest.mark.parametrize("count", SOME)
def test_an_address_with_junk_for_its_arguments(whole_site: Site, count: int) -> None:
    with_arguments = list(addresses())
    assert len(with_arguments) > 25
    junk = Rotation(0, [*VALUES, "/", "..", "%", "."])
    for _name, around in with_arguments:
        for value in junk.some(count):
            for role in ROLES:
                for method in ("GET", "POST"):
                    answer = whole_site.send(role, method, percent(value).join(around))
                    assert answer.status_code in (200, 302, *REFUSED), (method, around, value)


# ---------------------------------------------------------------- parameters and fields


class Asked:
    """Which names the site asks of its queries and forms, by route."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.route = ""
        self.names: dict[str, set[str]] = defaultdict(set)
        for method in ("get", "getlist", "__getitem__", "__contains__"):
            self._listen(monkeypatch, method)

    def _listen(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        real = getattr(MultiValueDict, method)

        def listening(data: Any, name: Any, *rest: Any, **more: Any) -> Any:
            if isinstance(data, QueryDict) and isinstance(name, str):
                self.names[self.route].add(name)
            return real(data, name, *rest, **more)

        monkeypatch.setattr(QueryDict, method, listening, raising=False)

    def learn(self, site: Site) -> dict[str, set[str]]:
        for name in sorted(set(MATRIX) - STREAMS):
            self.route = name
            for method, form in (("GET", {}), ("POST", {}), ("POST", GOOD)):
                site.send("owner", method, site.cast.url(name), form)
        return self.names


@pytest.fixture
def asked(whole_site: Site) -> dict[str, list[str]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        names = Asked(monkeypatch).learn(whole_site)
    return {route: sorted(parameters) for route, parameters in names.items()}


def test_what_the_site_asks_for_is_seen(asked: dict[str, list[str]]) -> None:
    assert {"page", "topic", "words"} <= set(asked["experiments:claims"])
    assert {"outcome", "confidence", "key"} <= set(asked["experiments:lab"])
    assert {"text", "attempt"} <= set(asked["progress:question-check"])
    assert {"theme", "next"} <= set(asked["accounts:theme"])


@pytest.mark.parametrize("count", SOME)
def test_a_query_and_a_form_with_junk_for_any_value(
    whole_site: Site, asked: dict[str, list[str]], count: int
) -> None:
    """In the gate at every third of the places."""
    junk = Rotation(1, VALUES)
    places = [
        (name, field)
        for name in sorted(set(MATRIX) - STREAMS)
        for field in [*asked[name], "no_such"]
    ]
    assert len(places) > 500
    for n, (name, field) in enumerate(places[:: 3 if count == 1 else 1]):
        url, role = whole_site.cast.url(name), ROLES[n % len(ROLES)]
        for value in junk.some(count):
            if takes(name, 0):
                whole_site.send(role, "GET", f"{url}?{query(**{field: value})}")
            if takes(name, 1):
                form = {field: [value, "1"], value: field} if n % 2 else {field: value}
                whole_site.send(role, "POST", url, form)


def takes(name: str, method: int) -> bool:
    """Return whether a route takes GET (0) or POST (1)."""
    return MATRIX[name][method] != (405,) * 4


@pytest.mark.parametrize("count", SOME)
def test_nobody_is_sent_away_from_the_site(
    whole_site: Site, asked: dict[str, list[str]], count: int
) -> None:
    """By a parameter of any page, a form, the page that it seems to come from, or signing in."""
    away, sent = Rotation(0, AWAY), 0
    for name in sorted(set(MATRIX) - STREAMS):
        url = whole_site.cast.url(name)
        for field in sorted({"next", "back"} & set(asked[name])):
            for value in away.some(min(count, len(AWAY))):
                for role in ("visitor", "owner"):
                    page = whole_site.send(role, "GET", f"{url}?{query(**{field: value})}")
                    assert not links_away(page), f"{name} {value}"
                    form = {**GOOD, field: value}
                    page = whole_site.send(role, "POST", url, form, Referer="http://evil.example/")
                    assert not links_away(page), f"{name} {value}"
                    sent += 1
    assert sent > 20
    password = "graph paper and pencils"
    User.objects.create_user("ola@example.org", "ola", password)
    for value in AWAY:
        form = {"login": "ola@example.org", "password": password, "next": value}
        answer = whole_site.send("visitor", "POST", "/accounts/login/", form)
        assert answer.status_code == 302


def links_away(page: Any) -> list[str]:
    """Return what a page leads to outside of the site, by a link or a form."""
    targets = re.findall(
        r"""\b(?:href|action|src|data-hx-\w+)="([^"]*evil[^"]*)\"""", text_of(page)
    )
    return [target for target in targets if not is_ours(unescape(target))]


def text_of(page: Any) -> str:
    return "" if page.streaming else page.content.decode()


# ---------------------------------------------------------------- headers and cookies

PAGES = (
    *("experiments:lab", "experiments:claims", "experiments:run-panel", "progress:today"),
    *("accounts:theme", "progress:question-note", "account_login", "worker_api:lease"),
)


def in_header(text: str) -> str:
    """Return text as a server hands on the bytes of a header, which has no control characters."""
    text = re.sub(r"[\x00-\x1f]", "%00", text)
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.parametrize("count", SOME)
def test_headers_with_junk(whole_site: Site, count: int) -> None:
    junk, pages = Rotation(0, HEADER_JUNK), Rotation(0, PAGES)
    for header in HEADERS:
        for page in pages.some(min(count + 1, len(PAGES))):
            url = whole_site.cast.url(page)
            for value in junk.some(min(count, len(HEADER_JUNK))):
                for method in ("GET", "POST"):
                    whole_site.send("owner", method, url, **{header: in_header(value)})
        for role in ("visitor", "owner"):  # what is not there shows how one came
            whole_site.send(role, "POST", "/nothing", **{header: "http://["})


@pytest.mark.parametrize("count", SOME)
def test_nobody_is_somebody_by_a_cookie_that_was_changed(whole_site: Site, count: int) -> None:
    junk = Rotation(0, [*VALUES, ";", '"', "=", ".", "x.y", "a" * 32])
    pages = Rotation(0, PAGES)
    session = whole_site.cast.browsers["owner"].cookies["sid"].value
    for name in COOKIES:
        for page in pages.some(min(count + 1, len(PAGES))):
            for value in junk.some(count):
                ours = "" if name == "sid" else f"sid={session}; "
                cookies = in_header(f"{ours}{name}={value}")
                for method in ("GET", "POST"):
                    whole_site.send("visitor", method, whole_site.cast.url(page), Cookie=cookies)
    assert (
        whole_site.send("visitor", "GET", "/settings", Cookie=f"sid={session}").status_code == 200
    )
    for value in (session[:-1], session + "0", session.upper(), session[::-1], f"{session}%00"):
        answer = whole_site.send("visitor", "GET", "/settings", Cookie=f"sid={value}")
        assert answer.status_code == 302 and "/accounts/login/" in answer["Location"]
