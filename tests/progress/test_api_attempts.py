"""Questions and attempts for programs: the same actions as on the pages give the same rows, and
nothing shows an answer before it is revealed.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.api.scopes import Scope
from apps.progress import selectors
from apps.progress.models import Answer, Attempt, Review
from apps.questions.models import Question
from tests.api.conftest import Program, new_key
from tests.progress.conftest import SiteClock, make_question, right_number
from tests.progress.test_marking_without_pages import by_forms, rows_of, script

pytestmark = pytest.mark.django_db
NOBODYS = "00000000-0000-4000-8000-000000000000"
MAX_QUERIES = 25  # of an attempt with everything that belongs to it, token and limit included


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def begun(program: Program, slug: str, **body: Any) -> dict[str, Any]:
    answer = program.post(f"questions/{slug}/attempts", body)
    assert answer.status_code == 200, answer.content
    shown: dict[str, Any] = answer.json()
    return shown


def by_api(program: Program, slug: str, right: str) -> None:
    """Do what `by_forms` does."""
    attempt = begun(program, slug)["id"]
    for part, _form, text in script(right):
        body = {"part": part, "answer": json.loads(text)}
        assert program.post(f"attempts/{attempt}/answers", body).status_code == 201
    assert program.post(f"attempts/{attempt}/reveal", {}).status_code == 200
    assert program.post(f"attempts/{attempt}/points", {"ticked": [0]}).status_code == 200
    grade = {"rating": 3, "review_id": str(UUID(int=2))}
    assert program.post(f"attempts/{attempt}/grade", grade).status_code == 200
    assert program.post("reviews/undo").status_code == 200


def test_site_and_api_give_the_same_rows(
    mei: User, sam: User, mixed: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors.attempts, "stable_index", lambda name, count: 5)
    right = str(right_number(5))
    User.objects.filter(pk=sam.pk).update(time_zone=mei.time_zone)
    by_forms(mei, mixed, right)
    by_api(Program(sam), mixed.slug, right)
    ours, theirs = rows_of(mei), rows_of(sam)
    assert ours == theirs and len(ours[0]) == 8 and ours[1]
    columns = ("number", "seed", "day", "hints", "over", "ratings_given")
    assert (
        Attempt.objects.filter(user=mei).values_list(*columns).get()
        == Attempt.objects.filter(user=sam).values_list(*columns).get()
    )


# ---------------------------------------------------------------- the list, and a question


def test_questions_are_listed_with_the_filters_of_the_page(
    mei: User, concept: Question, mixed: Question
) -> None:
    visitor = Program()
    for query, slugs in {
        "": ["all-of-it", "why-relu"],
        "?topic=metrics": ["all-of-it"],
        "?kind=concept": ["why-relu"],
        "?difficulty=2&words=of+why-relu": ["why-relu"],
        "?difficulty=3": [],
    }.items():
        shown = visitor.get(f"questions{query}").json()["results"]
        assert [row["id"] for row in shown] == slugs, query
    page = visitor.get("questions?limit=1").json()
    assert page["next"] and len(page["results"]) == 1


@pytest.mark.parametrize("query", ["topic=x", "kind=x", "difficulty=6", "word=x"])
def test_an_unknown_filter_is_refused(query: str) -> None:
    answer = Program().get(f"questions?{query}")
    assert code(answer) == (400, "bad-request")
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_list_of_questions_takes_few_queries(concept: Question, mixed: Question) -> None:
    visitor = Program()
    with CaptureQueriesContext(connection) as queries:
        visitor.get("questions")
    assert len([row for row in queries if "SAVEPOINT" not in row["sql"]]) <= 12


def test_a_question_comes_without_its_answer(mei: User, mixed: Question) -> None:
    for program in (Program(), Program(mei)):
        text = program.get("questions/all-of-it").content.decode()
        shown = json.loads(text)
        assert [part["kind"] for part in shown["parts"]] == ["numeric", "choice", "derivation"]
        assert shown["parts"][0]["unit"] == "ms" and "%" in shown["parts"][0]["precision"]
        assert {row["key"] for row in shown["parts"][1]["options"]} == {"a", "b", "c"}
        assert shown["parts"][2]["step_count"] == 2 and shown["hint_count"] == 2
        hidden = ("answer of", "the reason of", "point 1", "hint 1", "step 1")
        assert not [words for words in hidden if words in text]
    assert not Attempt.objects.exists()
    assert code(Program().get("questions/no-such")) == (404, "not-found")


def test_a_question_is_in_the_language_that_is_asked_for(mixed: Question) -> None:
    assert (
        Program().get("questions/all-of-it", Accept_Language="zh-hans").json()["parts"][0]["unit"]
        == "毫秒"
    )


# ---------------------------------------------------------------- an attempt


def test_an_attempt_has_the_variant_that_the_page_shows(mei: User, mixed: Question) -> None:
    program = Program(mei)
    before = program.get("questions/all-of-it").json()
    attempt = begun(program, "all-of-it")
    for name in ("seed", "values", "statement_html"):
        assert attempt[name] == before[name]
    assert begun(program, "all-of-it")["id"] == attempt["id"]
    assert program.get("questions/all-of-it").json()["open_attempt_id"] == attempt["id"]
    assert Attempt.objects.get().seed == attempt["seed"]


def test_nothing_shows_the_answer_before_the_reveal(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")
    right = str(right_number(attempt["seed"]))
    hidden = ("answer of", "point 1", "hint 1", "the reason of a", "1 / n")
    wrong = {"part": "2", "answer": {"chosen": ["b"]}, "confidence": 50}
    answers = [
        program.post(f"attempts/{attempt['id']}/answers", wrong),
        program.get(f"attempts/{attempt['id']}"),
    ]
    for answer in answers:
        text = answer.content.decode()
        assert not [words for words in hidden if words in text]
        assert answer.json()["reference_answer"] is None
        assert answer.json()["parts"][0]["right_answer"] == ""
        assert len(answer.json()["parts"][2]["open_steps"]) == 1
    # as on the page, of the option that was wrongly chosen
    reasons = {row["key"]: row["reason_html"] for row in answers[0].json()["parts"][1]["options"]}
    assert reasons == {"a": "", "b": "<p>the reason of b</p>", "c": ""}
    shown = program.post(f"attempts/{attempt['id']}/reveal", {}).json()
    assert shown["reference_answer"]["answer_html"].startswith("<p>answer of")
    assert shown["reference_answer"]["points_html"][0] == "<p>point 1 of all-of-it</p>"
    assert right.removesuffix(".0") in shown["parts"][0]["right_answer"]
    assert shown["parts"][2]["open_steps"][0]["right_answer"] == "1 / n"


def test_a_hint_opens_once_however_often_it_is_asked_for(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    for _time in range(2):
        shown = program.post(f"attempts/{attempt}/hints", {"number": 1}).json()
        assert shown["open_hints_html"] == ["<p>hint 1</p>"]
    assert Attempt.objects.get().hints == {"": 1}


def test_an_answer_that_cannot_be_read_does_not_count(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    for body, field in (
        ({"part": "1", "answer": {"text": "many"}}, "text"),
        ({"part": "1", "answer": {"chosen": ["a"]}}, "chosen"),
        ({"part": "1", "answer": {"text": 3}}, "text"),
        ({"part": "2", "answer": {"type": "number"}}, "type"),
    ):
        answer = program.post(f"attempts/{attempt}/answers", body)
        assert code(answer) == (400, "bad-answer"), body
        assert answer.json()["field"] == field
    assert code(program.post(f"attempts/{attempt}/answers", {"part": "9", "answer": {}}))[0] == 400
    assert not Answer.objects.exists()


def test_what_is_wrong_is_named(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    for path, body, field in (
        ("answers", {"answer": {}}, "part"),
        ("answers", {"part": "1", "answer": [1]}, "answer"),
        ("answers", {"part": "1", "answer": {}, "confidence": 51}, "confidence"),
        ("hints", {"number": 0}, "number"),
        ("reveal", {"seconds": -1}, "seconds"),
        ("reveal", {"text": "x"}, "text"),
        ("grade", {"rating": 5, "review_id": str(uuid4())}, "rating"),
        ("grade", {"rating": 3}, "review_id"),
        ("points", {}, "ticked"),
    ):
        answer = program.post(f"attempts/{attempt}/{path}", body)
        assert code(answer) == (400, "bad-request"), (path, body)
        assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Review.objects.exists() and not Answer.objects.exists()


def test_the_same_key_stores_one_answer(mei: User, mixed: Question) -> None:
    program, key = Program(mei), new_key()
    attempt = begun(program, "all-of-it")["id"]
    body = {"part": "1", "answer": {"text": "-1"}}
    first = program.post(f"attempts/{attempt}/answers", body, Idempotency_Key=key)
    again = program.post(f"attempts/{attempt}/answers", body, Idempotency_Key=key)
    assert first.json() == again.json() and again["Idempotency-Replayed"] == "true"
    assert Answer.objects.get().place == 1
    assert Answer.objects.get().key == uuid5(UUID(attempt), key)


def test_a_rating_is_stored_once_and_can_be_replaced(mei: User, concept: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "why-relu")
    revealed = program.post(
        f"attempts/{attempt['id']}/reveal", {"written": "It does not saturate.", "seconds": 40}
    ).json()
    assert revealed["written"]["given_answers"][0]["entered"]["text"] == "It does not saturate."
    assert revealed["rating"] is None
    grade = {"rating": 3, "review_id": revealed["next_review_id"], "seconds": 60}
    for _time in range(2):
        shown = program.post(f"attempts/{attempt['id']}/grade", grade).json()
        assert (shown["rating"], shown["is_over"]) == (3, True) and shown["due_at"]
    review = Review.objects.get()
    assert (review.rating, review.seconds) == (3, 60)
    other = {"rating": 1, "review_id": shown["next_review_id"]}
    assert program.post(f"attempts/{attempt['id']}/grade", other).json()["rating"] == 1
    assert Review.objects.filter(rating__isnull=False).count() == 2
    later = begun(program, "why-relu")
    assert later["number"] == 1 and later["id"] != attempt["id"]


def test_an_answer_after_the_reveal_is_refused(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    program.post(f"attempts/{attempt}/reveal", {})
    body = {"part": "1", "answer": {"text": "1"}}
    assert code(program.post(f"attempts/{attempt}/answers", body)) == (409, "already-revealed")
    late = program.post(f"attempts/{attempt}/reveal", {"written": "Too late."})
    assert code(late) == (409, "already-revealed")


def test_an_attempt_that_was_followed_by_another_takes_nothing(
    mei: User, mixed: Question, site_clock: SiteClock
) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    site_clock.later(days=1)
    assert begun(program, "all-of-it")["id"] != attempt
    body = {"part": "1", "answer": {"text": "1"}}
    assert code(program.post(f"attempts/{attempt}/answers", body)) == (400, "out-of-date")


def test_attempts_of_others_are_nothing(mei: User, sam: User, mixed: Question) -> None:
    attempt = begun(Program(mei), "all-of-it")["id"]
    stranger = Program(sam)
    review = str(uuid4())
    for pk in (attempt, NOBODYS):
        assert code(stranger.get(f"attempts/{pk}")) == (404, "not-found")
        for path, body in {
            "answers": {"part": "1", "answer": {"text": "1"}},
            "hints": {"number": 1},
            "reveal": {},
            "grade": {"rating": 3, "review_id": review},
            "points": {"ticked": []},
        }.items():
            assert code(stranger.post(f"attempts/{pk}/{path}", body)) == (404, "not-found")
    assert stranger.get("attempts").json()["results"] == []


def test_a_question_that_was_withdrawn_takes_nothing(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    Question.objects.update(withdrawn=True)
    assert code(program.post(f"attempts/{attempt}/reveal", {})) == (404, "not-found")


def test_it_takes_a_token_and_the_scope(mei: User, mixed: Question) -> None:
    reader = Program(mei, Scope.READ)
    assert code(reader.post("questions/all-of-it/attempts", {})) == (403, "scope-missing")
    assert code(Program().post("questions/all-of-it/attempts", {})) == (401, "not-authorised")
    assert code(Program().get("attempts")) == (401, "not-authorised")


# ---------------------------------------------------------------- their list


def test_attempts_come_in_pages_the_newest_first(mei: User, site_clock: SiteClock) -> None:
    program = Program(mei)
    for number in range(5):
        make_question(f"question-{number}")
        begun(program, f"question-{number}")
        site_clock.later(seconds=10)
    program.post(f"attempts/{Attempt.objects.order_by('started_at')[0].pk}/reveal", {})
    url, slugs = "attempts?limit=2", []
    while url:
        with CaptureQueriesContext(connection) as queries:
            page = program.get(url).json()
        assert len([row for row in queries if "SAVEPOINT" not in row["sql"]]) <= 12
        slugs += [row["question_id"] for row in page["results"]]
        url = page["next"] and page["next"].replace("http://testserver", "")
    assert slugs == [f"question-{number}" for number in reversed(range(5))]
    revealed = program.get("attempts?is_revealed=true").json()["results"]
    assert [row["question_id"] for row in revealed] == ["question-0"]
    of_one = program.get("attempts?question_id=question-3").json()["results"]
    assert [row["question_id"] for row in of_one] == ["question-3"]


def test_an_attempt_takes_few_queries(mei: User, mixed: Question) -> None:
    program = Program(mei)
    attempt = begun(program, "all-of-it")["id"]
    program.post(f"attempts/{attempt}/reveal", {})
    with CaptureQueriesContext(connection) as queries:
        program.get(f"attempts/{attempt}")
    assert len(queries) <= MAX_QUERIES, [query["sql"][:90] for query in queries]


# ---------------------------------------------------------------- reports of mistakes


def test_a_mistake_is_reported_once(mei: User, mixed: Question) -> None:
    program, key = Program(mei), new_key()
    body = {"about": "fact", "text": "It says 2.\r\nIt should say 3."}
    first = program.post("questions/all-of-it/reports", body, Idempotency_Key=key)
    again = program.post("questions/all-of-it/reports", body, Idempotency_Key=key)
    assert first.status_code == 201 and first.json() == again.json()
    report = mixed.reports.get()
    assert (report.reporter, report.text) == (mei, "It says 2.\nIt should say 3.")
    for wrong, field in (
        ({"about": "x", "text": "y"}, "about"),
        ({"about": "fact", "text": " "}, "text"),
        ({"about": "fact", "text": "😀" * 2001}, "text"),
    ):
        answer = program.post("questions/all-of-it/reports", wrong)
        assert code(answer) == (400, "bad-request")
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert mixed.reports.count() == 1
