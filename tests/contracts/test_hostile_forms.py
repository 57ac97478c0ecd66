"""Invalid input to every form and endpoint: a client error, and nothing partly written."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Batch, Prediction, Run, Verdict, Worker
from apps.progress.models import Answer, Review
from tests.contracts.test_routes import MATRIX, Cast
from tests.experiments.pages_cast import loaded, queued, started
from workers import wire

pytestmark = [pytest.mark.attack, pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
T = TypeVar("T")
FORM = "application/x-www-form-urlencoded"
FIELDS = (
    *(
        "email",
        "username",
        "password1",
        "password",
        "oldpassword",
        "login",
        "remember",
        "time_zone",
        "next",
        "language",
        "theme",
        "profile",
    ),
    *(
        "outcome",
        "confidence",
        "skip",
        "key",
        "recount",
        "drop",
        "shared",
        "replicates",
        "sketch-relu 1",
        "sketch-nobody",
    ),
    *(
        "part",
        "text",
        "choice",
        "chosen",
        "order",
        "place-a",
        "did",
        "in",
        "at",
        "shown",
        "attempt",
        "review_id",
        "rating",
    ),
    *(
        "number",
        "point",
        "note",
        "kept",
        "suspended",
        "card",
        "new",
        "topic",
        "only",
        "interview",
        "minutes",
        "retention",
    ),
    *(
        "two_buttons",
        "kind",
        "where",
        "config-depth",
        "config-width",
        "config-bias",
        "config-scale",
        "config-epochs",
        "config-nobody",
        "config-",
    ),
    *("subject", "until", "everything", "reply", "mention", "verdict"),
    *("url", "events", "description", "active"),
    *("title", "about", "value", "accepted", "how", "edits", "shown", "share", "preview"),
    *("code", "signed", "credential", "name", "everywhere", "invitation", "sessions"),
    *("action", "reason", "subject", "days", "taken", "left", "words", "thread", "post"),
)
POISONED = (  # one at a time; their number and seven have no common factor
    "key",
    "outcome",
    "confidence",
    "replicates",
    "config-depth",
    "config-bias",
    "sketch-relu 1",
    "next",
    "email",
    "username",
)
POISON = {
    "nothing": "",
    "NUL": "a\x00b",
    "NaN": "NaN",
    "infinity": "1e999",
    "a number without end": "9" * 5000,
    "a float without end": "1e-" + "9" * 400,
    "other digits": "१२३",
    "a list": "[1, 2]",
    "an object": '{"$gt": 0}',
    "text from right to left": "\u202eabc\u2066",
    "combining marks": "e" + "\u0301" * 3000,
    "not a character": "\ufffe\uffff",
    "a tag": "<script>alert(1)</script>'\"--",
    "a path": "//evil.example/../../etc/passwd",
    "a megabyte": "x" * 900_000,
}
BODIES: dict[str, tuple[bytes, str]] = {
    "lone surrogates": (b"&".join(f"{name}=".encode() + b"%ED%A0%80%ED" for name in FIELDS), FORM),
    "bytes that are no UTF-8": (
        b"&".join(f"{name}=".encode() + b"\xff\xfe\x80" for name in FIELDS),
        FORM,
    ),
    "too many fields": (urlencode([(f"f{n}", "1") for n in range(5000)]).encode(), FORM),
    "every field five times": (
        urlencode([(name, str(n)) for n in range(5) for name in FIELDS]).encode(),
        FORM,
    ),
    "more than two megabytes": (b"email=" + b"x" * 2_500_000, FORM),
    "JSON": (b'{"email": ["a"], "outcome": {}}', "application/json"),
    "broken multipart": (
        b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx',
        "multipart/form-data; boundary=b",
    ),
    "multipart without a boundary": (b"anything", "multipart/form-data"),
    "a file where text belongs": (
        (
            b'--b\r\nContent-Disposition: form-data; name="outcome"; '
            b'filename="x\x00.txt"\r\n\r\nholds\r\n--b--\r\n'
        ),
        "multipart/form-data; boundary=b",
    ),
    "another encoding": (b"outcome=+2AA-", f"{FORM}; charset=utf-7"),
    "an unknown encoding": (b"outcome=holds", f"{FORM}; charset=nobody-knows"),
}
SOME = [pytest.param(4, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
FORMS = sorted(
    name
    for name, (_get, posted) in MATRIX.items()
    if not name.startswith("worker_api") and set(posted) != {405}
)


@cache  # some of it is 50 MB
def full_of(what: str) -> bytes:
    """Return a form with a poison in every field."""
    return encode_multipart(BOUNDARY, dict.fromkeys(FIELDS, POISON[what]))


@pytest.fixture
def cast() -> Cast:
    return Cast()


def facts() -> dict[str, int]:
    return {
        table.__name__: table.objects.count()
        for table in (Run, Prediction, Batch, Verdict, Answer, Review)
    }  # type: ignore[attr-defined]


def thinned(things: Iterable[T], name: str, nth: int) -> list[T]:
    """Return every nth of what may be sent to a form, others for each form."""
    return list(things)[FORMS.index(name) % nth :: nth]


@contextmanager
def undone(browser: Client) -> Iterator[None]:
    """Undo what is written, a sign-out of the browser too: making the cast for each form takes
    longer than asking the form.
    """
    cookies = copy.deepcopy(browser.cookies)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    browser.cookies = cookies


@pytest.mark.parametrize("nth", SOME)
def test_a_form_full_of_poison_is_refused_in_words(nth: int, cast: Cast) -> None:
    before = facts()
    for name in FORMS:
        url = cast.url(name)
        for what, role in itertools.product(thinned(POISON, name, nth), ("visitor", "owner")):
            browser = cast.browsers[role]
            with undone(browser):
                answer = browser.generic("POST", url, full_of(what), content_type=MULTIPART_CONTENT)
                assert answer.status_code < 500, f"{what} to {url} by {role}: {answer.status_code}"
                assert facts() == before, f"{what} to {url} by {role} stored something"


@pytest.mark.parametrize(
    "nth",
    [pytest.param(7, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)],
)
def test_one_poisoned_field_of_a_form_is_refused_in_words(nth: int, cast: Cast) -> None:
    """The other fields are valid, so that the value itself is processed as far as possible.

    Of the pairs of a field and a poison every seventh, others for each form, or all.
    """
    good = {
        "key": "a key",
        "next": "/",
        "outcome": "holds",
        "confidence": "80",
        "replicates": "16",
        "language": "en",
        "theme": "dark",
        "login": "mei@example.org",
        "password": "x" * 12,
        "password1": "graph paper and pencils",
        "shared": "1",
        "time_zone": "UTC",
    }
    browser = cast.browsers["owner"]
    settings = ["depth", "width", "bias", "scale", "epochs"]
    for name in FORMS:
        url = cast.url(name)
        pairs = itertools.product(POISON.items(), POISONED)
        for (what, value), field in thinned(pairs, name, nth):
            with undone(browser):
                answer = browser.post(url, {**good, field: value})
                assert answer.status_code < 500, f"{what} as {field} to {url}: {answer.status_code}"
                assert Prediction.objects.count() <= Run.objects.count()
                assert not Run.objects.exclude(config__has_keys=settings).exists()


@pytest.mark.parametrize("nth", SOME)
def test_a_body_that_is_no_form_is_refused_in_words(nth: int, cast: Cast) -> None:
    before = facts()
    for name in FORMS:
        url = cast.url(name)
        for what, role in itertools.product(thinned(BODIES, name, nth), ("visitor", "owner")):
            browser, (body, kind) = cast.browsers[role], BODIES[what]
            with undone(browser):
                answer = browser.generic("POST", url, body, content_type=kind)
                assert answer.status_code < 500, f"{what} to {url} by {role}: {answer.status_code}"
                assert facts()["Prediction"] <= before["Run"] + facts()["Run"]


@pytest.mark.parametrize(
    "query",
    [
        "config-depth=%00",
        "config-depth=%ED%A0%80",
        "config-nobody=1",
        "from=%00",
        "from=1",
        "from=" + "9" * 5000,
    ],
)
def test_a_lab_is_shown_whatever_its_address_says(query: str, cast: Cast) -> None:
    assert cast.browsers["owner"].get(f"/labs/dead-relu?{query}").status_code in (200, 404)


@pytest.mark.parametrize(
    "query",
    [
        "page=%00",
        "page=-1",
        "page=NaN",
        "page=" + "9" * 400,
        "topic=%00&kind=%ED%A0%80",
        "series=%00",
        "after=%00",
    ],
)
def test_lists_and_points_answer_whatever_their_address_says(query: str, cast: Cast) -> None:
    for name in ("runs", "catalogue", "run-points"):
        assert cast.browsers["owner"].get(
            f"{cast.url(f'experiments:{name}')}?{query}"
        ).status_code in (200, 404)


# ---------------------------------------------------------------- what workers send

GOOD_EVENT: dict[str, Any] = {"arm": "relu 1", "series": "dead", "step": [0.0], "mean": [0.5]}
HOSTILE_JSON = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "NaN": b'{"after": 0, "events": [{"arm": "a", "series": "b", "step": [NaN], "mean": [1e999]}]}',
    "a huge number": b'{"after": 1e400}',
    "a huge integer": b'{"after": ' + b"9" * 4000 + b"}",
    "deep": b"[" * 100_000,
    (
        "lone surrogates"
    ): b'{"after": 0, "events": [{"arm": "\\ud800", "series": "b", "step": [0], "mean": [0]}]}',
    "NUL": b'{"after": 0, "events": [{"arm": "\\u0000", "series": "b", "step": [0], "mean": [0]}]}',
    "no UTF-8": b'{"reason": "\xff\xfe"}',
    "lengths that differ": json.dumps(
        {"after": 5, "events": [{**GOOD_EVENT, "mean": [0.1, 0.2]}]}
    ).encode(),
    "no points": json.dumps(
        {"after": 5, "events": [{**GOOD_EVENT, "step": [], "mean": []}]}
    ).encode(),
    "a field nobody knows": json.dumps({"after": 0, "nobody": 1}).encode(),
    "negative": json.dumps({"after": -1}).encode(),
    "a verdict of no claim": json.dumps(
        {"state": "succeeded", "verdicts": [{"claim": "nobody", "outcome": "holds"}]}
    ).encode(),
    "two verdicts of one claim": json.dumps(
        {
            "state": "succeeded",
            "verdicts": [{"claim": "dead-relu.lr-kills", "outcome": "holds"}] * 2,
        }
    ).encode(),
    "a state that is the site's to say": json.dumps({"state": "lost"}).encode(),
    "too large": b'{"reason": "' + b"x" * (wire.MAX_BODY + 10) + b'"}',
}


@pytest.mark.parametrize("what", sorted(HOSTILE_JSON))
def test_what_no_worker_says_is_refused_and_changes_nothing(what: str) -> None:
    mei = User.objects.create_user("mei@example.org", "mei")
    lease = started(queued(mei, loaded()))
    token = services.make_worker(name="pages", queues=["labs"])
    Worker.objects.get(name="pages")
    before = facts()
    for path in (
        "lease",
        *(
            f"run-attempts/{lease.run_attempt.pk}/{action}"
            for action in ("events", "result", "release")
        ),
    ):
        answer = Client(raise_request_exception=False).generic(
            "POST",
            f"/api/worker/v1/{path}",
            HOSTILE_JSON[what],
            content_type="application/json",
            headers={"Authorization": f"Worker {token}", wire.RUN_ATTEMPT_HEADER: lease.token},
        )
        assert 400 <= answer.status_code < 500, f"{what} to {path}: {answer.status_code}"
        problem = json.loads(answer.content)
        assert problem["code"] and problem["detail"] and problem["status"] == answer.status_code
    assert facts() == before
    assert Run.objects.get().state == "running"
