"""A person who writes in a loop is told to wait; one who writes by hand never is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation

from apps.accounts.models import Session, User
from apps.common.errors import TooManyAttempts
from apps.common.write_limits import CHARS_A_WRITE, KINDS, LIMITS, VISITS, Limit, count_write
from apps.experiments.models import Run
from tests.contracts.test_routes import MATRIX, Cast
from tests.experiments.conftest import step_clock

pytestmark = [pytest.mark.attack, pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow three writes of each kind, and one more every ten minutes."""
    for kind in LIMITS:
        monkeypatch.setitem(LIMITS, kind, Limit(3, 600.0))


def refused_after(kind: str, size: int = 0, person: int = 1) -> int:
    """Return how many writes are taken until one is refused."""
    for n in range(10_000):
        try:
            count_write(who=person, kind=kind, size=size)
        except TooManyAttempts:
            return n
    return 10_000


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_no_kind_of_write_is_without_a_limit_or_narrow_for_people(kind: str) -> None:
    limit = LIMITS[kind]
    assert 60 <= limit.burst <= 1_000 and limit.seconds <= 15.0


def test_every_kind_belongs_to_a_form() -> None:
    assert set(KINDS.values()) | {"other", "reads", "visits", "devices"} == set(LIMITS)
    assert set(KINDS) | VISITS <= set(MATRIX)


def test_a_network_begins_so_many_sessions_of_visitors(few: None) -> None:
    path = f"/runs/{Cast().run.pk}/verdict"
    Run.objects.update(shared=True)

    def opened(client: Client, host: str) -> int:
        return client.post(path, REMOTE_ADDR=host).status_code

    browser, before = Client(), Session.objects.count()
    assert opened(browser, "192.0.2.1") == 302
    crawl = [opened(Client(), "192.0.2.1") for _ in range(6)]
    assert crawl == [302, 302, 429, 429, 429, 429]
    assert Session.objects.count() == before + 3
    assert opened(browser, "192.0.2.1") == opened(Client(), "192.0.2.2") == 302
    refused = Client().post(path, REMOTE_ADDR="192.0.2.1")
    assert 0 < int(refused["Retry-After"]) <= 600
    same_network = [opened(Client(), f"2001:db8::{n}") for n in range(1, 6)]
    assert same_network == [302, 302, 302, 429, 429]


def test_a_network_keeps_so_many_forms_that_were_sent_signed_out(few: None) -> None:
    form = {"form_owner": "1", "note": "kept"}
    host = "192.0.2.9"  # which no other test uses
    pages = [Client().post("/questions/nothing/note", form, REMOTE_ADDR=host) for _ in range(5)]
    kept = ["is kept for a day" in page.content.decode() for page in pages]
    assert kept == [True, True, True, False, False]
    assert "copy it before you sign in" in pages[-1].content.decode()
    assert Session.objects.count() == 3


def test_who_has_written_too_often_waits_as_long_as_is_said(few: None) -> None:
    assert refused_after("notes") == 3
    with pytest.raises(TooManyAttempts) as refused:
        count_write(who=1, kind="notes")
    assert refused.value.seconds is not None and 500 < refused.value.seconds <= 600
    step_clock(300)
    assert refused_after("notes") == 0
    step_clock(600)
    assert refused_after("notes") == 1
    step_clock(10_000)
    assert refused_after("notes") == 3


def test_kinds_and_people_are_counted_apart(few: None) -> None:
    assert refused_after("notes") == 3 and refused_after("reports") == 3
    assert refused_after("notes", person=2) == 3


def test_a_long_text_counts_as_several_and_is_never_too_long_to_be_sent(few: None) -> None:
    assert refused_after("notes", size=CHARS_A_WRITE) == 1
    assert refused_after("answers", size=1_000_000) == 1


def test_a_clock_that_was_set_back_stops_nobody_for_long(few: None) -> None:
    step_clock(100_000)
    assert refused_after("notes") == 3
    step_clock(0)
    with pytest.raises(TooManyAttempts) as refused:
        count_write(who=1, kind="notes")
    assert refused.value.seconds is not None and refused.value.seconds <= 600


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_are_counted_exactly(few: None) -> None:
    person = uuid4().int % 10**9

    def one(_n: int) -> int:
        try:
            count_write(who=person, kind="answers")
        except TooManyAttempts:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(one, range(12))) == 3


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("progress:question-note", {"text": "a note"}),
        ("questions:report", {"about": "answer", "text": "wrong"}),
        ("experiments:run-visibility", {"shared": "1"}),
        ("progress:question-check", {"part": "1", "text": "1"}),
    ],
)
def test_the_answer_says_so_in_words_and_when_to_try_again(
    few: None, name: str, form: dict[str, Any], language: str
) -> None:
    cast = Cast()
    owner = cast.browsers["owner"]
    headers = {"accept-language": language}
    for _ in range(3):
        assert owner.post(cast.url(name), form, headers=headers).status_code != 429
    answer = owner.post(cast.url(name), form, headers=headers)
    assert answer.status_code == 429 and 1 <= int(answer["Retry-After"]) <= 600
    with translation.override(language):
        assert TooManyAttempts(1).message in answer.content.decode()
    problem = owner.post(cast.url(name), form, headers={"accept": "application/json"})
    assert (problem.status_code, problem.json()["code"]) == (429, "too-many-attempts")
    step_clock(600)
    assert owner.post(cast.url(name), form, headers=headers).status_code != 429


def test_a_learner_in_a_loop_queues_no_more_runs(few: None) -> None:
    cast = Cast()
    before = Run.objects.count()
    for n in range(6):
        form = {"outcome": "holds", "confidence": "80", "key": f"key {n}"}
        cast.browsers["owner"].post("/labs/dead-relu", form)
    assert Run.objects.count() == before + 3


def test_reading_and_the_forms_of_visitors_are_not_counted(few: None) -> None:
    cast = Cast()
    for _ in range(6):
        assert cast.browsers["owner"].get("/labs/dead-relu").status_code == 200
        visitor = cast.browsers["visitor"].post("/theme", {"theme": "dark", "next": "/"})
        assert visitor.status_code != 429


def test_somebody_who_is_signed_in_elsewhere_has_the_same_bucket(few: None) -> None:
    cast = Cast()
    mei = User.objects.get(handle="mei")
    for n in range(4):
        browser = Client()
        browser.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
        answer = browser.post(cast.url("progress:question-note"), {"text": str(n)})
        assert (answer.status_code == 429) == (n == 3)
