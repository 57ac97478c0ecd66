"""Cards, reviews, notes, plan, Today, statistics and unread verdicts for programs: what the pages
show, by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.progress import calibration, selectors, services
from apps.progress.models import Bookmark, Card, Note, Plan, Review, ReviewSession, UnreadVerdict
from apps.questions.models import Question
from tests.api.conftest import Program, new_key
from tests.experiments.pages_cast import loaded, measured, queued
from tests.progress.conftest import NOON, SiteClock

pytestmark = pytest.mark.django_db


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def rated(program: Program, slug: str, rating: int = 3, **body: Any) -> dict[str, Any]:
    attempt = program.post(f"questions/{slug}/attempts", body).json()
    grade = {"rating": rating, "review_id": str(uuid4()), "seconds": 30}
    answer = program.post(f"attempts/{attempt['id']}/grade", grade)
    assert answer.status_code == 200, answer.content
    shown: dict[str, Any] = answer.json()
    return shown


# ---------------------------------------------------------------- cards


def test_a_card_is_added_kept_out_and_let_in_again(mei: User, concept: Question) -> None:
    program = Program(mei)
    assert code(program.get("cards/why-relu")) == (404, "not-found")
    added = program.put("cards/why-relu").json()
    assert (added["state"], added["is_suspended"]) == ("new", False)
    assert program.put("cards/why-relu").json() == added, "once"
    assert program.patch("cards/why-relu", {"is_suspended": True}).json()["is_suspended"]
    assert program.get("cards?is_suspended=true").json()["results"][0]["question_id"] == "why-relu"
    assert program.get("cards?is_due=true").json()["results"] == []
    program.put("cards/why-relu")
    assert Card.objects.get().suspended is False
    assert code(program.patch("cards/why-relu", {})) == (400, "bad-request")
    assert code(program.put("cards/no-such")) == (404, "not-found")


def test_due_cards_are_those_of_the_page(
    mei: User, sam: User, many: Callable[[int], list[Question]]
) -> None:
    many(4)
    program = Program(mei)
    for number in range(3):
        program.put(f"cards/question-{number}")
    rated(program, "question-3")
    Card.objects.filter(question__slug="question-3").update(due=NOON + timedelta(days=9))
    with CaptureQueriesContext(connection) as queries:
        due = program.get("cards?is_due=true").json()["results"]
    assert len([row for row in queries if "SAVEPOINT" not in row["sql"]]) <= 12
    expected = [card.question.slug for card in selectors.cards.due_cards(mei)]
    assert [row["question_id"] for row in due] == expected and len(due) == 3
    assert len(program.get("cards").json()["results"]) == 4
    assert Program(sam).get("cards").json()["results"] == []


# ---------------------------------------------------------------- a review


def test_a_review_from_start_to_end(mei: User, many: Callable[[int], list[Question]]) -> None:
    many(3)
    program = Program(mei)
    assert code(program.get("review-session")) == (404, "not-found")
    assert code(program.post("review-session", {})) == (409, "nothing-to-review")
    started = program.post("review-session", {"new_count": 3}).json()
    assert (started["card_count"], started["done_count"]) == (3, 0)
    assert program.post("review-session", {"new_count": 3}).json()["id"] == started["id"]
    first = started["current_question_id"]
    skipped = program.post("review-session/skip", {"question_id": first}).json()
    assert skipped["current_question_id"] != first
    rated(program, skipped["current_question_id"], rating=4, in_review=True)
    shown = program.get("review-session").json()
    assert (shown["done_count"], shown["recalled_count"], shown["seconds"]) == (1, 1, 30)
    session = ReviewSession.objects.get()
    assert Review.objects.get().session == session
    undone = program.post("reviews/undo").json()
    assert (undone["rating"], undone["is_undone"]) == (4, True)
    assert program.get("review-session").json()["done_count"] == 0
    assert program.delete("review-session").status_code == 204
    assert code(program.get("review-session")) == (404, "not-found")
    assert code(program.post("reviews/undo")) == (409, "nothing-to-undo")


def test_a_session_starts_once_for_a_key(mei: User, many: Callable[[int], list[Question]]) -> None:
    many(2)
    program, key = Program(mei), new_key()
    first = program.post("review-session", {"new_count": 2}, Idempotency_Key=key)
    again = program.post("review-session", {"new_count": 2}, Idempotency_Key=key)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert ReviewSession.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [({"new_count": 6}, "new_count"), ({"topic": "x"}, "topic"), ({"new": 1}, "new")],
)
def test_a_session_that_cannot_be_is_refused(mei: User, body: Any, field: str) -> None:
    answer = Program(mei).post("review-session", body)
    assert code(answer) == (400, "bad-request") and answer.json()["errors"][0]["field"] == field


def test_a_card_that_is_not_of_the_session_is_not_skipped(
    mei: User, many: Callable[[int], list[Question]]
) -> None:
    many(2)
    program = Program(mei)
    program.put("cards/question-0")
    program.post("review-session", {})
    other = program.post("review-session/skip", {"question_id": "question-1"})
    assert code(other) == (404, "not-found")


def test_the_log_comes_in_pages_and_says_what_was_taken_back(
    mei: User, sam: User, many: Callable[[int], list[Question]]
) -> None:
    many(3)
    program = Program(mei)
    for number in range(3):
        rated(program, f"question-{number}", rating=number + 2)
    program.post("reviews/undo")
    rated(Program(sam), "question-0")
    url, rows = "reviews?limit=2", []
    while url:
        with CaptureQueriesContext(connection) as queries:
            page = program.get(url).json()
        assert len([row for row in queries if "SAVEPOINT" not in row["sql"]]) <= 12
        rows += page["results"]
        url = page["next"] and page["next"].replace("http://testserver", "")
    assert [(row["question_id"], row["rating"], row["is_undone"]) for row in rows] == [
        ("question-2", 4, True),
        ("question-1", 3, False),
        ("question-0", 2, False),
    ]


# ---------------------------------------------------------------- notes and bookmarks


def test_a_note_is_written_by_those_who_have_read_it(mei: User, concept: Question) -> None:
    program = Program(mei)
    nothing = program.get("questions/why-relu/note")
    assert nothing.json()["note"] == ""
    body = {"note": "Its slope.\r\nIs 1."}
    assert code(program.put("questions/why-relu/note", body)) == (428, "precondition-required")
    written = program.put("questions/why-relu/note", body, If_Match=nothing["ETag"])
    assert written.json()["note"] == "Its slope.\nIs 1." == Note.objects.get().text
    stale = program.put("questions/why-relu/note", {"note": "x"}, If_Match=nothing["ETag"])
    assert code(stale) == (412, "precondition-failed")
    etag = written["ETag"]
    assert program.get("questions/why-relu/note", If_None_Match=etag).status_code == 304
    page = Client()
    page.force_login(mei)
    assert "Its slope." in page.get("/questions/why-relu").content.decode()
    long = program.put("questions/why-relu/note", {"note": "😀" * 2001}, If_Match=etag)
    assert code(long) == (422, "too-long")
    program.put("questions/why-relu/note", {"note": " "}, If_Match=etag)
    assert not Note.objects.exists()


def test_notes_and_bookmarks_are_ones_own(mei: User, sam: User, concept: Question) -> None:
    program = Program(mei)
    program.put("questions/why-relu/note", {"note": "Mine."}, If_Match="*")
    for _time in range(2):
        assert program.put("bookmarks/why-relu").status_code == 204
    assert [row["question_id"] for row in program.get("bookmarks").json()["results"]] == [
        "why-relu"
    ]
    assert program.get("questions/why-relu").json()["is_bookmarked"] is True
    stranger = Program(sam)
    assert stranger.get("questions/why-relu/note").json()["note"] == ""
    assert stranger.get("bookmarks").json()["results"] == []
    assert stranger.get("questions/why-relu").json()["is_bookmarked"] is False
    assert stranger.delete("bookmarks/why-relu").status_code == 204
    assert Bookmark.objects.get().user == mei
    assert program.delete("bookmarks/why-relu").status_code == 204
    assert not Bookmark.objects.exists()


# ---------------------------------------------------------------- the plan, Today


def test_the_plan_is_changed_by_the_rules_of_its_page(mei: User) -> None:
    program = Program(mei)
    shown = program.get("plan")
    assert shown.json() == {
        "interview": None,
        "minutes": 30,
        "retention": 90,
        "two_buttons": False,
    }
    assert code(program.patch("plan", {"minutes": 45})) == (428, "precondition-required")
    changed = program.patch("plan", {"minutes": 45, "two_buttons": True}, If_Match=shown["ETag"])
    plan = Plan.objects.get()
    assert (plan.minutes, plan.two_buttons, plan.retention) == (45, True, 90)
    dated = program.patch("plan", {"interview": "2026-12-18"}, If_Match=changed["ETag"])
    assert (dated.json()["interview"], dated.json()["minutes"]) == ("2026-12-18", 45)
    stale = program.patch("plan", {"minutes": 60}, If_Match=shown["ETag"])
    assert code(stale) == (412, "precondition-failed")
    for body, field in (
        ({"minutes": 4}, "minutes"),
        ({"retention": 96}, "retention"),
        ({"interview": "2026-11-17"}, "interview"),
        ({"interview": "soon"}, "interview"),
        ({"hours": 1}, "hours"),
    ):
        answer = program.patch("plan", body, If_Match="*")
        assert code(answer) == (400, "bad-request"), body
        assert answer.json()["errors"][0]["field"] == field
    assert program.patch("plan", {"interview": None}, If_Match="*").json()["interview"] is None


def test_today_has_the_steps_of_the_page(mei: User, concept: Question) -> None:
    program = Program(mei)
    program.put("cards/why-relu")
    shown = program.get("today").json()
    plan = selectors.day_plans.day_plan(mei)
    assert (shown["day"], shown["due_count"]) == ("2026-11-18", 1)
    assert [step["step_kind"] for step in shown["day_steps"]] == [
        scheduled.step.kind for scheduled in plan.steps
    ]
    assert shown["day_steps"] and shown["headline"]
    assert not any("<" in step["title"] for step in shown["day_steps"])  # they are plain text
    assert shown["minutes_left"] == plan.minutes


# ---------------------------------------------------------------- statistics


def test_statistics_are_those_of_the_progress_page(
    mei: User, mixed: Question, concept: Question, site_clock: SiteClock
) -> None:
    program = Program(mei)
    assert program.get("statistics").json()["studied_days"] == []
    attempt = program.post("questions/all-of-it/attempts", {}).json()["id"]
    body = {"part": "1", "answer": {"text": "-1"}, "confidence": 95}
    program.post(f"attempts/{attempt}/answers", body)
    program.post(f"attempts/{attempt}/reveal", {"seconds": 60})
    rated(program, "why-relu", 4)
    site_clock.later(days=9)
    rated(program, "why-relu", 3)
    shown = program.get("statistics").json()
    page = Client()
    page.force_login(mei)
    days_table = page.get("/progress/calendar.csv").content.decode().splitlines()[1:]
    assert [
        f"{row['day']},{round(row['seconds'] / 60, 1)},{row['review_count']},{row['recall_count']},"
        f"{row['recalled_count']}"
        for row in shown["studied_days"]
    ] == days_table
    assert len(days_table) == 2
    assert {(row["topic"], row["card_count"]) for row in shown["topics"][:2]} == {
        ("metrics", 1),
        ("activation-functions", 1),
    }
    weakest = shown["topics"][0]
    assert (weakest["recall"], weakest["coverage"], weakest["question_count"]) == (0, 0, 1)
    assert {(row["card_count"], row["recall"]) for row in shown["topics"][2:]} == {(0, None)}
    bins = selectors.statistics.calibration_bins(mei)["questions"]
    calibrated = shown["question_calibration"]
    assert [
        (row["confidence"], row["right_count"], row["answer_count"]) for row in calibrated["bins"]
    ] == [(95, 0, 1)]
    assert calibrated["brier_score"] == calibration.brier_score(bins)
    assert calibrated["overconfidence"] is None
    weeks = page.get("/progress/recall.csv").content.decode().splitlines()[1:]
    assert weeks == [
        f"{row['day']},{row['recalled_count']},{row['recall_count']}"
        for row in shown["recall_weeks"]
    ]
    assert len(weeks) == 1


# ---------------------------------------------------------------- verdicts


@pytest.mark.usefixtures("woken_queues")
def test_a_hidden_verdict_stays_unread(mei: User, sam: User) -> None:
    run = measured(queued(mei, loaded()))
    services.verdicts.add_unread_verdict(run=run)
    program = Program(mei)
    unread = program.get("verdicts/unread").json()["results"]
    assert [row["run_id"] for row in unread] == [str(run.pk)]
    assert code(Program(sam).delete(f"verdicts/unread/{run.pk}")) == (404, "not-found")
    assert code(program.delete(f"verdicts/unread/{run.pk}")) == (403, "verdict-hidden")
    assert UnreadVerdict.objects.count() == 1
    program.post(f"runs/{run.pk}/verdict")
    assert program.delete(f"verdicts/unread/{run.pk}").status_code == 204
    assert program.get("verdicts/unread").json()["results"] == []


def test_it_takes_a_token_and_the_scope(mei: User, concept: Question) -> None:
    reader, visitor = Program(mei, Scope.READ), Program()
    for method, path in (
        ("put", "cards/why-relu"),
        ("post", "review-session"),
        ("post", "reviews/undo"),
        ("put", "questions/why-relu/note"),
        ("put", "bookmarks/why-relu"),
        ("patch", "plan"),
    ):
        assert code(reader.send(method, path, {})) == (403, "scope-missing"), path
        assert code(visitor.send(method, path, {})) == (401, "not-authorised"), path
    for path in ("cards", "reviews", "plan", "today", "statistics", "forecast", "bookmarks"):
        assert reader.get(path).status_code == 200
        assert code(visitor.get(path)) == (401, "not-authorised")
