"""No GET of the site writes, nor of its API: a member with a row in every table reads every route.

Writes to sessions and to the cache do not count, nor that a token was used, which is noted once a
minute.
"""

from __future__ import annotations

import itertools
import re
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.archives.models import Export, Import
from apps.experiments.models import Run
from apps.progress import services
from apps.progress.models import UnreadVerdict
from apps.progress.services.attempts import FormState
from apps.questions import services as bank
from apps.questions.models import Question
from tests.api.conftest import Program
from tests.contracts.api_matrix import API, PUBLIC
from tests.contracts.test_routes import MATRIX, Cast, cast  # noqa: F401 - a fixture
from tests.progress.conftest import make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
WRITE = re.compile(
    r'^\s*(?:WITH .*)?(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+"?(\w+)', re.I | re.S
)
NOT_OF_THE_DOMAIN = {"accounts_session", "cache"}
# a stream gives this test's connection back
STREAMS = {
    "experiments:run-events",
    "experiments:run-states",
    "experiments_api:run-events",
    "discussions:thread-events",
    "discussions_api:thread-events",
}
# once a minute; `apps/api/services.py: note_use`
NOTED_USE = ("UPDATE", "api_apitoken")
UPLOADED = {"name": "x.apkg", "size_bytes": 1}
QUERIES = ("", "?reveal=1", "?back=/questions/how-long", "?at={attempt}", "?from={run}", "?page=2")


def written(queries: CaptureQueriesContext) -> list[tuple[str, str]]:
    matches = (WRITE.match(query["sql"]) for query in queries)
    return [
        (match[1], match[2]) for match in matches if match and match[2] not in NOT_OF_THE_DOMAIN
    ]


@pytest.fixture
def studied(cast: Cast) -> dict[str, Any]:  # noqa: F811
    """Give the owner one of everything; return the values for queries."""
    mei, question = cast.run.owner, Question.objects.get(slug="how-long")
    services.plans.change_plan(
        user=mei, interview=None, minutes=30, retention=90, two_buttons=False
    )
    services.plans.write_note(user=mei, question=question, text="mine")
    services.plans.set_bookmark(user=mei, question=question, is_set=True)
    answered = services.answers.check_answer(
        user=mei, question=question, part="1", fields={"text": "1"}, key=uuid.uuid4()
    )
    services.answers.reveal(user=mei, question=question, seen=FormState(answered.attempt.pk))
    services.reviews.add_card(user=mei, question=make_question("is-due"))
    session = services.reviews.start_session(user=mei)
    services.answers.check_answer(
        user=mei,
        question=Question.objects.get(slug="is-due"),
        part="written",
        fields={"text": "x"},
        key=uuid.uuid4(),
        session=session,
    )
    assert question.current is not None
    bank.report_mistake(
        reporter=mei, revision=question.current, about="fact", text="x", language="en", key="k"
    )
    assert UnreadVerdict.objects.filter(run=cast.run).exists()
    assert Run.objects.get(pk=cast.run.pk).state == Run.State.SUCCEEDED
    return {"attempt": answered.attempt.pk, "run": cast.run.pk}


def test_the_member_has_one_of_everything(studied: dict[str, Any]) -> None:
    empty = {
        model.__name__
        for model in apps.get_app_config("progress").get_models()
        if not model.objects.exists()
    }
    assert empty == set()


def test_a_get_writes_nothing(cast: Cast, studied: dict[str, Any]) -> None:  # noqa: F811
    for name, query in itertools.product(sorted(set(MATRIX) - STREAMS), QUERIES):
        url = cast.url(name) + query.format(**studied)
        for role, htmx in (("owner", {}), ("owner", {"hx-request": "true"}), ("superuser", {})):
            with CaptureQueriesContext(connection) as queries:
                cast.browsers[role].get(url, headers=htmx)
            assert written(queries) == [], f"{name} {url} by {role}"


def api_urls(cast: Cast, studied: dict[str, Any]) -> dict[str, bool]:  # noqa: F811
    """Return the address of every GET of the API, and whether it is of something that is there."""
    mei = cast.run.owner
    export, upload = Export.objects.create(owner=mei), Import.objects.create(owner=mei, **UPLOADED)
    arguments: dict[str, dict[str, Any]] = {
        "progress_api:attempt": {"pk": studied["attempt"]},
        "questions_api:revision": {"pk": Question.objects.get(slug="how-long").current_id},
        "archives_api:export": {"key": export.key},
        "archives_api:import": {"key": upload.key},
    }
    urls = {reverse(name, kwargs=values): True for name, values in arguments.items()}
    for name, methods in API.items():
        if "get" in methods and name not in arguments:
            urls[cast.url(name)] = 200 in methods["get"]
    return urls | {cast.url(name): True for name in PUBLIC - STREAMS}


def test_a_get_of_the_api_writes_nothing(cast: Cast, studied: dict[str, Any]) -> None:  # noqa: F811
    mei, superuser = Program(cast.run.owner), Program(User.objects.get(handle="superuser"))
    for url, is_there in api_urls(cast, studied).items():
        statuses = []
        for program in (mei, superuser):
            with CaptureQueriesContext(connection) as queries:
                statuses.append(program.get(url).status_code)
            assert set(written(queries)) <= {NOTED_USE}, url
        assert not is_there or 200 in statuses, (url, statuses)


def test_what_writes_is_seen(cast: Cast, studied: dict[str, Any]) -> None:  # noqa: F811
    with CaptureQueriesContext(connection) as queries:
        cast.browsers["owner"].post(cast.url("progress:verdict-read"))
    assert written(queries) == [("DELETE FROM", "progress_unreadverdict")]
