"""Where the log is read: everybody's own part on a page, all of it in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.accounts.views import EVENTS_PER_PAGE
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.common.browsers import browser_name

pytestmark = pytest.mark.django_db
MINE, LOG = "/settings/activity", "/admin/audit/auditevent/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "Mei")


@pytest.fixture
def boss(db: None) -> User:
    boss = User.objects.create_user("boss@example.org", "boss", is_staff=True)
    boss.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    return boss


def event(kind: Kind, person: User | None = None, **fields: Any) -> AuditEvent:
    values = {"network": "203.0.113.0/24", "agent": FIREFOX} | fields
    return AuditEvent.objects.create(kind=kind, person=person, **values)


# ---------------------------------------------------------------- one's own page


def test_one_sees_what_concerns_oneself_and_nothing_else(mei: User, boss: User) -> None:
    event(Kind.SIGNED_IN, mei, actor=mei)
    event(Kind.SIGN_IN_FAILED, boss)
    event(Kind.WORKER_TOKEN_ISSUED, actor=mei, subject="bigbox")
    page = client_of(mei).get(MINE).content.decode()
    assert "Signed in with the password." in page
    assert "203.0.113.0/24" in page and "Firefox, Linux" in page
    assert "A wrong password" not in page and "bigbox" not in page


def test_an_operator_is_named_and_where_they_sit_is_not(mei: User, boss: User) -> None:
    values = {"before": {"is_staff": False}, "after": {"is_staff": True}}
    event(Kind.RIGHTS_CHANGED, mei, actor=boss, details=values)
    page = client_of(mei).get(MINE).content.decode()
    assert "By boss" in page and "can use the admin: no → yes" in page
    assert "203.0.113" not in page and "Firefox" not in page


def test_it_is_in_the_readers_language(mei: User) -> None:
    event(Kind.SIGN_IN_FAILED, mei, details={"count": 100})
    User.objects.filter(pk=mei.pk).update(language="zh-hans")
    page = client_of(mei).get(MINE).content.decode()
    assert "输入了错误的密码。" in page and "一小时内 100 次" in page


def test_without_events_it_says_so(mei: User) -> None:
    client = client_of(mei)
    assert "Nothing has been recorded yet." in client.get(MINE).content.decode()
    assert MINE in client.get("/settings").content.decode()


def test_it_has_pages_and_few_queries(mei: User, django_assert_max_num_queries: Any) -> None:
    for _ in range(EVENTS_PER_PAGE * 2 + 1):
        event(Kind.SIGNED_IN, mei, actor=mei)
    client = client_of(mei)
    with django_assert_max_num_queries(5):
        first = client.get(MINE)
    assert len(first.context["rows"]) == EVENTS_PER_PAGE and 'rel="next"' in first.content.decode()
    assert len(client.get(f"{MINE}?page=3").context["rows"]) == 1
    assert client.get(f"{MINE}?page=4").status_code == 404


@pytest.mark.parametrize(
    ("agent", "short"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iOS"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Safari/537.36", "Chrome, Android"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("<script>" * 99, "<script>" * 5),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_short(agent: str, short: str) -> None:
    assert browser_name(agent) == short


# ---------------------------------------------------------------- the admin


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"in", "failed", "token"}),
        ("?kind=signed-in", {"in"}),
        ("?q=mei", {"in", "failed"}),
        ("?q=MEI@example.org", {"in", "failed"}),
        ("?q=boss", {"token"}),
        ("?q=198.51.100.9", {"failed"}),
        ("?q=198.51.100.0/24", {"failed"}),
        ("?q=bigbox", {"token"}),
        ("?q=nothing", set()),
        ("?at__gte=2020-01-01+00:00:00%2B00:00", {"in", "failed", "token"}),
        ("?at__gte=2999-01-01+00:00:00%2B00:00", set()),
    ],
)
def test_the_log_is_filtered_and_searched(
    mei: User, boss: User, query: str, shown: set[str]
) -> None:
    pks = {
        event(Kind.SIGNED_IN, mei, actor=mei).pk: "in",
        event(Kind.SIGN_IN_FAILED, mei, network="198.51.100.0/24").pk: "failed",
        event(Kind.WORKER_TOKEN_ISSUED, actor=boss, subject="bigbox").pk: "token",
    }
    page = client_of(boss).get(LOG + query)
    assert page.status_code == 200
    assert {pks[row.pk] for row in page.context["cl"].result_list} == shown


def test_it_is_read_only_and_for_those_who_may_read_it(mei: User, boss: User) -> None:
    row = event(Kind.SIGNED_IN, mei, actor=mei)
    client = client_of(boss)
    assert "Signed in with the password." in client.get(f"{LOG}{row.pk}/change/").content.decode()
    for url in (f"{LOG}add/", f"{LOG}{row.pk}/change/", f"{LOG}{row.pk}/delete/"):
        assert client.post(url, {"post": "yes"}).status_code == 403
    boss.user_permissions.clear()
    assert client_of(boss).get(LOG).status_code == 403


def test_the_list_counts_no_more_than_it_pages(
    mei: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.audit.admin.MAX_LISTED", 60)
    for _ in range(70):
        event(Kind.SIGNED_IN, mei, actor=mei)
    client = client_of(boss)
    with CaptureQueriesContext(connection) as queries:
        page = client.get(LOG)
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]
    assert page.context["cl"].result_count == 60
    assert counts and all("LIMIT 60" in sql for sql in counts)
    assert len(queries) <= 8
