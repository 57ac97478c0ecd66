"""The list of notices, the sign in the bar, and how somebody wants to hear of each kind."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.common.clock import Clock, now
from apps.notices import housekeeping, selectors, services
from apps.notices.models import DEFAULTS, Delivery, Kind, Notice, Preference
from apps.notices.selectors import MAX_COUNTED
from apps.notices.views import NOTICES_PER_PAGE
from tests.experiments.conftest import step_clock
from tests.notices.conftest import browser_of, tell

pytestmark = pytest.mark.django_db
PAGE, SETTINGS, READ = "/notices", "/notices/settings", "/notices/read"
SIGN = re.compile(r'<a class="tool notices".*?</a>', re.DOTALL)


def html_of(client: Client, path: str = PAGE) -> str:
    return client.get(path).content.decode()


def sign_of(client: Client, path: str = PAGE) -> str:
    sign = SIGN.search(html_of(client, path))
    assert sign
    return sign[0]


# ---------------------------------------------------------------- counted together


def test_what_is_unread_counts_up_and_leads_to_the_first(mei: User, ola: User, sam: User) -> None:
    tell(mei, actor=ola)
    notice = tell(mei, actor=sam, path="/threads/1/posts/7", title="A new title")
    assert (notice.count, notice.actor) == (2, sam)
    assert (notice.path, notice.title) == ("/threads/1/posts/2", "A new title")
    assert notice.updated_at > notice.created_at


def test_once_it_is_read_another_one_begins(mei: User) -> None:
    first = tell(mei)
    assert services.mark_read(person=mei) == 1
    second = tell(mei, path="/threads/1/posts/7")
    assert (second.count, second.path) == (1, "/threads/1/posts/7") and first != second


def test_kinds_and_subjects_are_counted_apart(mei: User) -> None:
    tell(mei)
    tell(mei, Kind.REPLY)
    tell(mei, subject="thread:2")
    assert set(Notice.objects.values_list("count", flat=True)) == {1}


# ---------------------------------------------------------------- the page


def test_the_list_has_days_and_marks_what_is_unread(mei: User, ola: User) -> None:
    old = tell(mei, actor=ola, title="An old one", subject="thread:2")
    Notice.objects.filter(pk=old.pk).update(updated_at=Clock() - timedelta(days=1), read_at=Clock())
    tell(mei, actor=ola)
    html = html_of(browser_of(mei))
    assert html.index("Today") < html.index("Why does the loss stall?") < html.index("Yesterday")
    assert html.count('class="unread"') == 1
    assert '<a class="go" href="/threads/1/posts/2" data-row><bdi>An old one' in html
    assert "ola mentions you" in html


def test_an_empty_list_says_what_will_be_there(mei: User) -> None:
    html = html_of(browser_of(mei))
    assert "Nothing yet." in html and "Mark all read" not in html
    assert 'aria-label="Notices"' in sign_of(browser_of(mei))


def test_a_long_list_has_pages(mei: User) -> None:
    for n in range(NOTICES_PER_PAGE + 1):
        tell(mei, subject=f"thread:{n}", title=f"Thread number {n}")
    client = browser_of(mei)
    assert "Thread number 0<" not in html_of(client)
    assert "Thread number 0<" in html_of(client, f"{PAGE}?page=2")
    assert client.get(f"{PAGE}?page=3").status_code == 404


def test_nobody_sees_or_opens_the_notices_of_others(mei: User, sam: User) -> None:
    notice = tell(mei)
    client = browser_of(sam)
    assert notice.title not in html_of(client)
    assert client.post(f"/notices/{notice.pk}/open").status_code == 404
    assert client.post(f"/notices/{10**17}/open").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_opening_a_notice_marks_it_and_leads_to_its_page(mei: User) -> None:
    notice, other = tell(mei), tell(mei, Kind.REPLY)
    client = browser_of(mei)
    for _twice in range(2):
        assert client.post(f"/notices/{notice.pk}/open")["Location"] == notice.path
    assert list(Notice.objects.unread()) == [other]


def test_a_notice_leads_nowhere_but_to_this_site(mei: User) -> None:
    notice = tell(mei, path="//evil.example/")
    assert browser_of(mei).post(f"/notices/{notice.pk}/open")["Location"] == PAGE


def test_all_that_a_page_has_shown_is_marked_and_not_what_came_since(mei: User) -> None:
    tell(mei)
    tell(mei, Kind.REPLY)
    client = browser_of(mei)
    until = re.findall(r'name="until" value="([^"]+)"', html_of(client))[0]
    later = tell(mei, subject="thread:2")
    counted_up = tell(mei)
    assert client.post(READ, {"until": until})["Location"] == PAGE
    assert set(Notice.objects.unread()) == {later, counted_up}


def test_a_page_marks_what_leads_to_it(mei: User) -> None:
    tell(mei)
    tell(mei, Kind.REPLY)
    other = tell(mei, subject="thread:11")
    answer = browser_of(mei).post(READ, {"subject": "thread:1"}, headers={"hx-request": "true"})
    assert list(Notice.objects.unread()) == [other]
    assert 'aria-label="Notices: 1 unread"' in answer.content.decode()


def test_what_such_a_page_includes_costs_nothing_where_nothing_is_unread(
    mei: User, rf: RequestFactory
) -> None:
    def included() -> str:
        request = rf.get("/threads/1")
        request.user = mei
        context = {"about": "thread", "key": 1}
        return render_to_string("notices/_read_here.html", context, request)

    assert not included().strip()
    tell(mei)
    assert 'name="subject" value="thread:1"' in included()
    until = re.findall(r'name="until" value="([^"]+)"', included())[0]
    later = tell(mei)
    browser_of(mei).post(READ, {"subject": "thread:1", "until": until})
    assert list(Notice.objects.unread()) == [later], "it came after the page was shown"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"until": "yesterday"},
        {"until": "2026-11-29T12:00:00"},
        {"until": "9999-12-31T23:59:59-23:59"},
        {"until": "0001-01-01T00:00:00+23:59"},
        {"subject": "x" * 101},
        {"subject": "thread\x00:1"},
    ],
)
def test_a_form_that_says_not_what_was_read_marks_nothing(form: dict[str, str], mei: User) -> None:
    tell(mei)
    assert browser_of(mei).post(READ, form).status_code == 400
    assert Notice.objects.unread().count() == 1


def test_titles_and_reasons_are_text(mei: User) -> None:
    hostile = '<script>alert(1)</script>"\u202e'
    tell(mei, Kind.MODERATION, title=hostile, details={"reason": hostile + "\n<b>x</b>"})
    html = html_of(browser_of(mei))
    assert "<script>alert" not in html and "<b>x</b>" not in html
    assert f"<bdi>{escape(hostile)}</bdi>" in html


def test_a_title_in_both_languages_is_read_in_the_readers(mei: User) -> None:
    tell(mei, Kind.VERDICT, details={"title": {"en": "Dead ReLU", "zh": "死亡 ReLU"}})
    client = browser_of(mei)
    assert "Dead ReLU" in html_of(client)
    accounts.choose_language(user=mei, language="zh-hans")
    assert "死亡 ReLU" in html_of(client)


# ---------------------------------------------------------------- the sign in the bar


def test_the_sign_says_how_many_are_unread(mei: User) -> None:
    client = browser_of(mei)
    tell(mei)
    assert 'aria-label="Notices: 1 unread"' in sign_of(client, "/settings")
    for n in range(MAX_COUNTED - 2):
        tell(mei, subject=f"thread:{n + 2}")
    assert 'aria-label="Notices: 99 unread"' in sign_of(client, "/settings")
    for n in range(5):
        tell(mei, Kind.REPLY, subject=f"thread:{n}")
    assert ">99+</span>" in sign_of(client, "/settings")
    assert "tool notices" not in html_of(Client(), "/labs")


def test_the_sign_costs_one_query_whatever_there_is(mei: User) -> None:
    client = browser_of(mei)
    for n in range(3):
        tell(mei, subject=f"thread:{n}")
    with CaptureQueriesContext(connection) as queries:
        client.get("/settings")
    asked = [query["sql"] for query in queries if "notices_notice" in query["sql"]]
    assert len(asked) == 1 and "LIMIT 100" in asked[0]


def test_the_number_comes_from_an_index_alone(mei: User, ola: User) -> None:
    Notice.objects.bulk_create(
        Notice(person=mei, kind=Kind.REPLY, subject=f"thread:{n}", title="A", read_at=now())
        for n in range(3_000)
    )
    for n in range(5):
        tell(mei, subject=f"thread:{n}", actor=ola)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notices_notice")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        with CaptureQueriesContext(connection) as queries:
            selectors.unread_count(mei)
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using one_unread_notice_of_a_subject" in plan


@pytest.mark.parametrize("count", [0, 3, NOTICES_PER_PAGE + 5])
def test_the_list_asks_the_database_little(
    count: int, mei: User, ola: User, django_assert_max_num_queries: Any
) -> None:
    for n in range(count):
        tell(mei, subject=f"thread:{n}", actor=ola)
    client = browser_of(mei)
    with django_assert_max_num_queries(7):
        assert client.get(PAGE).status_code == 200


# ---------------------------------------------------------------- settings


def test_settings_begin_with_the_defaults_and_keep_what_was_chosen(mei: User) -> None:
    client = browser_of(mei)
    html = html_of(client, SETTINGS)
    for kind, delivery in DEFAULTS.items():
        assert re.search(rf'name="{kind.value}" value="{delivery.value}"[^>]* checked', html), kind
    form = {kind.value: delivery.value for kind, delivery in DEFAULTS.items()}
    assert client.post(SETTINGS, form | {"followed": "never"})["Location"] == SETTINGS
    assert list(Preference.objects.values_list("kind", "delivery")) == [("followed", "never")]
    assert selectors.deliveries(mei)[Kind.FOLLOWED] == Delivery.NEVER
    html = html_of(client, SETTINGS)
    assert re.search(r'name="followed" value="never"[^>]* checked', html)


@pytest.mark.parametrize("value", ["", "sometimes", "never\x00"])
def test_a_choice_that_is_none_changes_nothing(value: str, mei: User) -> None:
    form = dict.fromkeys(Kind.values, "never") | {"reply": value}
    assert browser_of(mei).post(SETTINGS, form).status_code == 422
    assert not Preference.objects.exists()


def test_settings_say_why_there_is_no_mail(mei: User, settings: Any) -> None:
    client = browser_of(mei)
    settings.EMAIL_URL = ""
    assert "This site sends no e-mail yet." in html_of(client, SETTINGS)
    settings.EMAIL_URL = "smtp+plain://127.0.0.1:1"
    assert "is not confirmed" in html_of(client, SETTINGS)


def test_the_account_page_leads_to_them(mei: User) -> None:
    assert f'href="{SETTINGS}"' in html_of(browser_of(mei), "/settings")


# ---------------------------------------------------------------- what goes


def test_what_was_read_long_ago_is_deleted_in_bounded_rounds(
    mei: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTICES_KEEP_DAYS = 90
    monkeypatch.setattr(services, "MAX_DELETED", 2)
    for n in range(3):
        tell(mei, subject=f"thread:{n}")
    services.mark_read(person=mei)
    unread = tell(mei)
    step_clock(91 * 24 * 3600)
    young = tell(mei, subject="thread:9")
    services.mark_read(person=mei, pks=[young.pk])
    assert [housekeeping.delete_old_notices() for _ in range(3)] == [2, 1, 0]
    assert set(Notice.objects.all()) == {unread, young}


def test_a_deleted_account_leaves_nothing_and_no_name(mei: User, ola: User) -> None:
    tell(ola, actor=mei)
    tell(mei)
    services.change_deliveries(person=mei, deliveries={Kind.REPLY: Delivery.SITE})
    accounts.delete_user(user=mei)
    assert not Preference.objects.exists()
    notice = Notice.objects.get()
    assert (notice.person, notice.actor) == (ola, None)
    assert "somebody whose account is gone mentions you" in html_of(browser_of(ola))
