"""Notices for programs: read, counted, marked, and how one hears of each kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.notices import selectors
from apps.notices.models import Delivery, Kind, Notice, Preference
from apps.notices.services import mark_read
from tests.api.conftest import Program
from tests.discussions.conftest import reply
from tests.notices.conftest import browser_of, tell

pytestmark = pytest.mark.django_db
MAX_QUERIES = 16  # of a page, token and limit included


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def rows(program: Program, query: str = "") -> list[Any]:
    answer = program.get(f"notices{query}")
    assert answer.status_code == 200, answer.content
    notices: list[Any] = answer.json()["results"]
    return notices


def unread(program: Program) -> int:
    count: int = program.get("notices/unread-count").json()["unread_count"]
    return count


def test_a_notice_says_what_happened_and_where_and_quotes_nothing(
    thread: Any, mei: User, ola: User, sam: User
) -> None:
    reply(ola, thread, "A word of the post.")
    [notice] = rows(Program(mei))
    assert notice["sentence"] == "ola replied in your thread"
    assert (notice["notice_kind"], notice["actor"], notice["event_count"]) == ("reply", "ola", 1)
    assert notice["url"] == f"http://testserver/threads/{thread.pk}/posts/2"
    assert notice["subject"] == f"thread:{thread.pk}" and notice["read_at"] is None
    assert "A word" not in str(notice)
    reply(ola, thread, "Another one.")
    [notice] = rows(Program(mei))
    assert notice["event_count"] == 2 and notice["updated_at"] > notice["created_at"]
    chinese = Program(mei).get("notices", Accept_Language="zh-hans").json()["results"]
    assert chinese[0]["sentence"] != notice["sentence"]
    assert rows(Program(sam)) == []


def test_notices_come_in_pages_the_latest_first_as_on_the_page(mei: User) -> None:
    notices = [tell(mei, subject=f"thread:{number}") for number in range(5)]
    mark_read(person=mei, pks=[notices[0].pk])
    program, url, ids = Program(mei), "notices?limit=2", []
    while url:
        answer = program.get(url).json()
        ids += [row["id"] for row in answer["results"]]
        url = (answer["next"] or "").replace("http://testserver", "")
    assert ids == [str(pk) for pk in selectors.notices_of(mei).values_list("pk", flat=True)]
    assert [row["id"] for row in rows(program, "?is_unread=false")] == [str(notices[0].pk)]
    assert len(rows(program, "?is_unread=true")) == unread(program) == 4
    assert len(rows(program, "?subject=thread:3")) == 1
    assert code(program.get("notices?kind=reply")) == (400, "bad-request")
    with CaptureQueriesContext(connection) as context:
        rows(program)
    assert len(context) <= MAX_QUERIES


def test_one_is_marked_as_read_and_nobody_elses(mei: User, sam: User) -> None:
    notice, other = tell(mei), tell(sam)
    program = Program(mei)
    for pk in (other.pk, 999_999, 10**30):
        assert code(program.put(f"notices/{pk}/read")) == (404, "not-found")
    for _twice in range(2):
        assert program.put(f"notices/{notice.pk}/read").status_code == 204
    assert (unread(program), unread(Program(sam))) == (0, 1)
    assert rows(program)[0]["read_at"]


def test_all_are_marked_up_to_the_latest_that_was_read(mei: User) -> None:
    second = datetime(2026, 11, 2, 9, tzinfo=UTC)
    for microsecond in (123_000, 123_999, 124_000):
        subject = f"at {microsecond}"
        tell(mei, subject=subject)
        at = second.replace(microsecond=microsecond)
        Notice.objects.filter(subject=subject).update(updated_at=at)
    program = Program(mei)
    until = rows(program)[1]["updated_at"]
    assert until == "2026-11-02T09:00:00.123Z"
    of_another = {"until": until, "subject": "thread:9"}
    assert program.post("notices/read", of_another).json()["unread_count"] == 3
    assert program.post("notices/read", {"until": until}).json()["unread_count"] == 1
    assert [row["subject"] for row in rows(program, "?is_unread=true")] == ["at 124000"]


def test_a_time_that_is_none_marks_nothing(mei: User) -> None:
    tell(mei)
    program = Program(mei)
    for body in ({}, {"until": "yesterday"}, {"until": None}, {"all": True}):
        assert code(program.post("notices/read", body)) == (400, "bad-request")
    for extreme in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert program.post("notices/read", {"until": extreme}).status_code in (200, 400)
    assert unread(program) == 1
    assert program.post("notices/read", {"until": "9999-12-31T23:59:59.999Z"}).status_code == 200
    assert unread(program) == 0


def test_the_settings_are_those_of_the_page(mei: User) -> None:
    program = Program(mei)
    shown = program.get("notices/settings").json()["results"]
    assert [row["notice_kind"] for row in shown] == Kind.values
    assert all(row["delivery"] == row["default_delivery"] for row in shown)
    changed = program.put("notices/settings/mention", {"delivery": "never"}).json()
    assert (changed["delivery"], changed["default_delivery"]) == ("never", "at-once")
    by_api = list(Preference.objects.values_list("person", "kind", "delivery"))
    Preference.objects.all().delete()
    form = {kind.value: delivery.value for kind, delivery in selectors.deliveries(mei).items()}
    browser_of(mei).post("/notices/settings", form | {"mention": "never"})
    assert list(Preference.objects.values_list("person", "kind", "delivery")) == by_api
    assert selectors.deliveries(mei)[Kind.MENTION] == Delivery.NEVER


def test_a_setting_that_is_none_changes_nothing(mei: User) -> None:
    program = Program(mei)
    assert code(program.put("notices/settings/nothing", {"delivery": "site"})) == (404, "not-found")
    for body in ({}, {"delivery": "pigeon"}, {"delivery": "site", "kind": "reply"}):
        assert code(program.put("notices/settings/reply", body)) == (400, "bad-request")
    assert not Preference.objects.exists()


def test_a_token_that_reads_marks_and_changes_nothing(mei: User) -> None:
    notice, program = tell(mei), Program(mei, Scope.READ)
    for answer in (
        program.put(f"notices/{notice.pk}/read"),
        program.post("notices/read", {"until": "9999-12-31T00:00:00Z"}),
        program.put("notices/settings/reply", {"delivery": "never"}),
    ):
        assert code(answer) == (403, "scope-missing") and answer.json()["scope"] == "post"
    assert unread(program) == 1 and not Preference.objects.exists()
    assert code(Program().get("notices")) == (401, "not-authorised")
