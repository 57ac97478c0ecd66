"""Authors' programs: drafts are begun, edited and published by the rules of the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.accounts.services import restore_roles
from apps.api.scopes import Scope
from apps.audit.models import AuditEvent
from apps.questions.models import Question, Revision
from tests.api.conftest import Program, new_key

pytestmark = pytest.mark.django_db


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def ada(db: None) -> User:
    restore_roles()
    ada = User.objects.create_user("ada@example.org", "ada")
    ada.groups.add(Group.objects.get(name="author"))
    return ada


@pytest.fixture
def author(ada: User) -> Program:
    return Program(ada)


def begun(author: Program, question: Question) -> Any:
    answer = author.post(f"author/questions/{question.slug}/revisions")
    assert answer.status_code == 201, answer.content
    return answer


def test_a_draft_is_begun_edited_and_published(author: Program, ada: User, guess: Question) -> None:
    first = begun(author, guess)
    draft = first.json()
    assert (draft["number"], draft["published_at"], draft["is_current"]) == (2, None, False)
    path = f"author/revisions/{draft['id']}"
    texts = [dict(row) for row in draft["texts"]]
    point = next(row for row in texts if row["text_kind"] == "point")
    point["text_en"] = "A new point."
    changes = {"title_en": "A guess", "title_zh": "瞎猜", "texts": texts}
    edited = author.patch(path, changes, If_Match=first["ETag"])
    assert edited.status_code == 200, edited.content
    assert edited.json()["title_en"] == "A guess" and edited["ETag"] != first["ETag"]
    guess.refresh_from_db()
    assert guess.current is not None and guess.current.number == 1
    published = author.post(f"{path}/publish").json()
    assert published["is_current"] and published["published_at"]
    guess.refresh_from_db()
    assert guess.current.title_en == "A guess"
    assert guess.current.texts.filter(kind="point", text_en="A new point.").exists()
    assert AuditEvent.objects.filter(kind="revision-published").count() == 1
    late = author.patch(path, {"title_en": "x"}, If_Match="*")
    assert code(late) == (409, "already-published")


def test_an_edit_says_what_it_has_read(author: Program, guess: Question) -> None:
    first = begun(author, guess)
    path = f"author/revisions/{first.json()['id']}"
    assert code(author.patch(path, {"title_en": "x"})) == (428, "precondition-required")
    author.patch(path, {"title_en": "One"}, If_Match=first["ETag"])
    stale = author.patch(path, {"title_en": "Two"}, If_Match=first["ETag"])
    assert code(stale) == (412, "precondition-failed")
    assert Revision.objects.get(pk=first.json()["id"]).title_en == "One"


OPTION = {"text_kind": "option", "part_number": 1, "position": 0, "text_en": "a", "text_zh": "a"}
POINT = {"text_kind": "point", "position": 0, "text_en": "a", "text_zh": "甲"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": "x"}, "title"),
        ({"title_en": ""}, "title_en"),
        ({"facts": {"a": 1e301}}, "facts.a"),
        ({"facts": {"a": "\x00"}}, "facts.a"),
        ({"facts": []}, "facts"),
        ({"labs": ["no slug"]}, "labs.0"),
        ({"texts": [{**POINT, "text_kind": "poem"}]}, "texts.0.text_kind"),
        ({"texts": [{**POINT, "text_zh": ""}]}, "texts.0"),
        ({"texts": [OPTION]}, "texts.0"),
        ({"texts": [POINT, POINT]}, "texts.1.position"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_stored(
    author: Program, guess: Question, changes: Any, field: str
) -> None:
    draft = begun(author, guess)
    path = f"author/revisions/{draft.json()['id']}"
    answer = author.patch(path, {"title_zh": "x"} | changes, If_Match="*")
    assert code(answer) == (400, "bad-request")
    fields = [error["field"] for error in answer.json()["errors"]]
    assert [name for name in fields if name.startswith(field)], fields
    assert author.get(path).json() == draft.json()


def test_a_draft_with_faults_is_not_published(author: Program, guess: Question) -> None:
    draft = begun(author, guess).json()
    path = f"author/revisions/{draft['id']}"
    author.patch(path, {"facts": draft["facts"] | {"difficulty": 9}}, If_Match="*")
    answer = author.post(f"{path}/publish")
    assert code(answer) == (422, "not-publishable") and answer.json()["faults"]
    guess.refresh_from_db()
    assert guess.current is not None and guess.current.number == 1


def test_the_same_key_begins_one_draft(author: Program, guess: Question) -> None:
    path, key = f"author/questions/{guess.slug}/revisions", new_key()
    first = author.post(path, Idempotency_Key=key)
    again = author.post(path, Idempotency_Key=key)
    assert first.json() == again.json() and guess.revisions.count() == 2


def test_authors_see_what_nobody_studies(author: Program, guess: Question) -> None:
    begun(author, guess)
    Question.objects.filter(pk=guess.pk).update(withdrawn=True)
    with CaptureQueriesContext(connection) as queries:
        rows = author.get("author/questions").json()["results"]
    assert len([row for row in queries if "SAVEPOINT" not in row["sql"]]) <= 12
    row = next(row for row in rows if row["id"] == guess.slug)
    assert (row["is_withdrawn"], row["draft_count"]) == (True, 1)
    drafted = author.get("author/questions?has_drafts=true").json()["results"]
    assert [row["id"] for row in drafted] == [guess.slug]
    rows = author.get(f"author/questions/{guess.slug}/revisions").json()["results"]
    assert [(row["number"], row["is_current"]) for row in rows] == [(2, False), (1, True)]


def test_it_takes_the_role_and_the_scope(ada: User, guess: Question) -> None:
    draft = begun(Program(ada), guess).json()["id"]
    learner = Program(User.objects.create_user("mei@example.org", "mei"))
    reader = Program(ada, Scope.READ, Scope.STUDY)
    for method, path in (
        ("get", "author/questions"),
        ("get", f"author/questions/{guess.slug}/revisions"),
        ("post", f"author/questions/{guess.slug}/revisions"),
        ("get", f"author/revisions/{draft}"),
        ("patch", f"author/revisions/{draft}"),
        ("post", f"author/revisions/{draft}/publish"),
    ):
        assert code(learner.send(method, path, {})) == (403, "forbidden"), path
        assert code(reader.send(method, path, {})) == (403, "scope-missing"), path
    assert Revision.objects.get(pk=draft).published_at is None
