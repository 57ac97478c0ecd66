"""Hostile input: any post gets a clear response, never a server error, and nothing is written
partially.
"""

from __future__ import annotations

import itertools
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import models
from django.test import Client

from apps.accounts.models import User
from apps.progress import services
from apps.progress.models import Answer, Attempt, Bookmark, Card, Note, Plan, Review, ReviewSession
from apps.progress.services.attempts import FormState
from apps.questions.models import Question
from tests.progress.conftest import make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]

SLUG = "all-of-it"
READ = {  # by each form
    "check": "part text key confidence own chosen choice order place-an attempt revision in",
    "hint": "number attempt revision in",
    "reveal": "text key attempt revision at shown in",
    "grade": "attempt revision review_id rating at shown in",
    "points": "attempt point review_id shown",
    "note": "note next",
    "bookmark": "kept next",
    "suspend": "suspended in next",
    "card": "next",
}
FIELDS = {
    **{f"/questions/{SLUG}/{action}": fields.split() for action, fields in READ.items()},
    "/review/start": ["new", "topic", "order"],
    "/review/end": [],
    "/review/skip": ["card"],
    "/review/undo": ["next"],
    "/plan": ["interview", "minutes", "retention", "two_buttons", "only"],
}
POSTS = tuple(FIELDS)
GETS = (
    "/",
    f"/questions/{SLUG}",
    "/review",
    "/progress",
    "/progress/calendar.csv",
    "/topics/metrics",
    "/plan",
)
GARBAGE = {
    "nothing": "",
    "zero": "0",
    "minus": "-1",
    "huge": "9" * 400,
    "float": "1e309",
    "nan": "NaN",
    "nul": "a\x00b",
    "emoji": "🦆" * 50,
    "long": "x" * 60_000,
    "digits": "１２３",
    "superscript": "²",
    "time": "9999999999999",
    "quote": "'; DROP TABLE progress_card; --",
    "tag": "<script>alert(1)</script>",
    "path": "//evil.example/",
    "right-to-left": "\u202e\ufeff",
    "lone": "\ud800",
}
FORM = "application/x-www-form-urlencoded"
GOOD = {"part": "1", "text": "1", "rating": "3", "minutes": "30", "retention": "90"}


def rows() -> dict[str, int]:
    tables: list[type[models.Model]] = [
        Answer,
        Bookmark,
        Card,
        Note,
        Plan,
        Review,
        ReviewSession,
        Attempt,
    ]
    return {table.__name__: table._default_manager.count() for table in tables}


def names() -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "review_id": str(uuid.uuid4())}


@pytest.fixture
def member(mei: User, mixed: Question) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(mei)
    return client


@pytest.mark.parametrize("path", POSTS)
def test_garbage_in_any_field_is_answered(member: Client, mei: User, path: str) -> None:
    for field, what in itertools.product(FIELDS[path], GARBAGE):
        cache.clear()  # of the limits by time, which are for people
        before, value = rows(), GARBAGE[what].encode("utf-8", "surrogatepass")
        response = member.post(
            path, urlencode({**GOOD, **names(), field: value}), content_type=FORM
        )
        assert response.status_code in (200, 302, 400, 404, 409, 422), (
            field,
            what,
            response.status_code,
        )
        if response.status_code in (400, 404, 409):
            assert rows() == before, (
                f"{field}, {what}: something was written by a post that was refused"
            )
        if response.status_code == 302:
            assert response["Location"].startswith("/") and not response["Location"].startswith(
                "//"
            ), (field, what)
    for page in GETS:
        assert member.get(page).status_code == 200, f"{page} after {path}"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"{}", b"\xff\xfe\x00", b"a=1&" * 3000])
def test_bodies_that_are_no_forms_are_answered(member: Client, path: str, body: bytes) -> None:
    for kind in (FORM, "application/json", "multipart/form-data; boundary=x"):
        assert member.post(path, body, content_type=kind).status_code in (
            200,
            302,
            400,
            404,
            409,
            413,
            422,
        )


def test_other_methods_are_refused(member: Client) -> None:
    before = rows()
    for path, method in itertools.product(
        (*POSTS, *GETS), ("put", "patch", "delete", "options", "trace")
    ):
        assert getattr(member, method)(path).status_code == 405, (method, path)
    assert rows() == before


def test_a_read_of_a_deed_is_refused(member: Client) -> None:
    before = rows()
    for path in set(POSTS) - {"/plan"}:
        assert member.get(path).status_code == 405, path
    assert rows() == before


@pytest.mark.parametrize("path", [*POSTS, "/review", "/progress", "/progress/recall.csv"])
def test_who_is_not_signed_in_writes_nothing(mixed: Question, path: str) -> None:
    visitor = Client(raise_request_exception=False)
    if path in POSTS:
        response = visitor.post(path, {**GOOD, **names()})
        # a visitor's answer is checked; the rest asks them to sign in
        assert response.status_code in (200, 302), path
    else:
        assert "/login" in visitor.get(path)["Location"]
    assert not any(rows().values())


@pytest.mark.parametrize("path", POSTS)
def test_a_form_of_another_site_is_refused(mei: User, mixed: Question, path: str) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(mei)
    assert client.post(path, {**GOOD, **names()}).status_code == 403 and not any(rows().values())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "x",
        "9" * 400,
        "\x00",
        "²",
        "１",
        "00000000-0000-0000-0000-000000000000",
        "1,2,x," * 900,
    ],
)
def test_addresses_of_nothing_are_answered(
    member: Client, mei: User, mixed: Question, value: str
) -> None:
    services.reviews.add_card(user=mei, question=mixed)
    services.reviews.start_session(user=mei)
    for path in ("/review", f"/questions/{SLUG}", "/progress", "/", "/plan", "/topics/metrics"):
        for name in ("at", "without", "reveal", "weeks", "back", "from", "next"):
            assert member.get(path, {name: value}).status_code in (200, 404), (path, name)


def test_what_is_anothers_is_not_there(
    member: Client, mei: User, sam: User, mixed: Question
) -> None:
    """Mei guesses every name that Sam's things have."""
    theirs = services.answers.reveal(user=sam, question=mixed)
    services.answers.rate(
        user=sam,
        question=mixed,
        seen=FormState(theirs.pk),
        review_id=uuid.UUID(int=5),
        rating=4,
    )
    services.plans.write_note(user=sam, question=mixed, text="sam's own words")
    card = Card.objects.get(user=sam)
    before = rows()
    other = {"attempt": str(theirs.pk), "card": str(card.pk), "point": "0"}
    for path in (
        f"/questions/{SLUG}/points",
        f"/questions/{SLUG}/grade",
        f"/questions/{SLUG}/reveal",
        "/review/skip",
    ):
        response = member.post(path, {**GOOD, **names(), **other})
        assert response.status_code in (302, 400), path
    assert rows() == before
    assert Card.objects.get(user=sam).due == card.due and Attempt.objects.get(
        pk=theirs.pk
    ).counting_review_id == uuid.UUID(int=5)
    assert member.get("/review", {"at": str(theirs.pk)}).status_code in (200, 404)
    assert "sam's own words" not in member.get(f"/questions/{SLUG}").content.decode()


def test_the_same_review_id_of_two_people_is_two_reviews(
    mei: User, sam: User, mixed: Question
) -> None:
    for user in (mei, sam):
        services.reviews.record(user=user, question=mixed, review_id=uuid.UUID(int=1), rating=3)
    services.reviews.undo(user=mei)
    assert Card.objects.get(user=mei).is_new and not Card.objects.get(user=sam).is_new


def test_a_question_that_is_withdrawn_is_not_there(member: Client, mei: User) -> None:
    make_question("gone")
    Question.objects.filter(slug="gone").update(withdrawn=True)
    for action in READ:
        assert member.post(f"/questions/gone/{action}", {**GOOD, **names()}).status_code == 404
    assert member.get("/questions/gone").status_code == 404


def test_a_page_never_writes(member: Client, mei: User, mixed: Question) -> None:
    before: Any = rows()
    for path in (*GETS, f"/questions/{SLUG}?reveal=1", "/review?at=" + str(uuid.uuid4())):
        member.get(path)
    assert rows() == before
