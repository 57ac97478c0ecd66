"""Every URL of the site in every role: no server errors, and 404 for what one may not see.

The routes come from the URL resolver: a route that is not in the table below fails, so whoever adds
one says who may see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site as admin_site
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Prediction, Run
from tests.experiments.pages_cast import loaded, measured, queued, recorded
from tests.progress.conftest import NUMERIC, make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
ROLES = ("visitor", "owner", "stranger", "staff")
IN = "302 /accounts/login/"  # sent to sign in
# of a visitor, the owner, a stranger, staff; a number, or a number and where it leads
Answers = tuple[Any, Any, Any, Any]


def same(answer: Any) -> Answers:
    return (answer,) * 4


PRIVATE: Answers = (404, 200, 404, 404)  # a run that is not shared: staff have the admin
OWN_ACTION: Answers = (IN, 302, 404, 404)
# (GET, POST with an empty form) by route name; {run}, {own} … are filled in by `filled`
MATRIX: dict[str, tuple[Answers, Answers]] = {
    "experiments:catalogue": (same(200), same(405)),
    "experiments:lab": (same(200), same(422)),
    "experiments:pending-prediction": (same(302), same(302)),
    "experiments:runs": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "experiments:run": (PRIVATE, same(405)),
    "experiments:run-panel": (PRIVATE, same(405)),
    "experiments:run-points": (PRIVATE, same(405)),
    "experiments:run-csv": (PRIVATE, same(405)),
    "experiments:run-events": (PRIVATE, same(405)),
    # it names no run; those that it may name: tests/experiments/test_sse.py
    "experiments:run-states": (same(404), same(405)),
    "experiments:run-stop": (same(405), OWN_ACTION),
    "experiments:run-visibility": (same(405), (IN, 400, 404, 404)),
    "experiments:run-rerun": (same(405), (IN, 400, 404, 404)),
    "experiments:verdict-open": (same(405), (404, 302, 404, 404)),
    "experiments:claims": (same(200), same(405)),
    "progress:today": (same(200), same(405)),
    "progress:plan": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "progress:verdict-read": (same(405), OWN_ACTION),
    "progress:run-questions": (PRIVATE, same(405)),
    "progress:question": (same(200), same(405)),
    "progress:question-check": (same(405), (400, 400, 400, 400)),
    "progress:question-hint": (same(405), (IN, 302, 302, 302)),
    "progress:question-reveal": (same(405), same(302)),
    "progress:question-grade": (same(405), (IN, 400, 400, 400)),
    "progress:question-points": (same(405), (IN, 400, 400, 400)),
    "progress:question-note": (same(405), (IN, 302, 302, 302)),
    "progress:question-bookmark": (same(405), (IN, 302, 302, 302)),
    "progress:question-suspend": (same(405), (IN, 302, 302, 302)),
    "progress:question-card": (same(405), (IN, 302, 302, 302)),
    "progress:review": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:review-start": (same(405), (IN, 409, 409, 409)),
    "progress:review-end": (same(405), (IN, 302, 302, 302)),
    "progress:review-skip": (same(405), (IN, 302, 302, 302)),
    "progress:review-undo": (same(405), (IN, 302, 302, 302)),
    "progress:progress": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:progress-csv": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:topic": (same(200), same(405)),
    "questions:questions": (same(200), same(405)),
    "questions:about": (same(200), same(405)),
    "questions:report": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:settings": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:sessions": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:activity": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "accounts:language": (same(405), same(400)),
    "accounts:theme": (same(405), same(400)),
    # nothing was kept
    "accounts:resume": ((IN, 302, 302, 302), (IN, 302, 302, 302)),
    "accounts:operator": (same(410), same(410)),
    "security-txt": (same(404), same(405)),
    "account_login": ((200, 302, 302, 302), (200, 302, 302, 302)),
    "account_logout": ((302, 200, 200, 200), same(302)),
    "account_signup": ((200, 302, 302, 302), (200, 302, 302, 302)),
    "account_inactive": (same(200), same(405)),
    "account_email_verification_sent": (same(200), same(405)),
    "account_confirm_email": (same(200), same(404)),
    # the cast have no passwords: they are sent to set one
    "account_change_password": ((IN, 302, 302, 302), (IN, 302, 302, 302)),
    "account_set_password": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "account_reset_password": (same(200), same(200)),
    "account_reset_password_done": (same(200), same(405)),
    "account_reset_password_from_key": (same(200), same(200)),
    "account_reset_password_from_key_done": (same(200), same(405)),
    "worker_api:lease": (same(401), same(401)),
    "worker_api:events": (same(401), same(401)),
    "worker_api:result": (same(401), same(401)),
    "worker_api:release": (same(401), same(401)),
}
QUESTION = {"slug": "how-long"}
# on a question
ACTIONS = (
    "question",
    "question-check",
    "question-hint",
    "question-reveal",
    "question-grade",
    "question-points",
    "question-note",
    "question-bookmark",
    "question-suspend",
    "question-card",
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{f"progress:{action}": QUESTION for action in ACTIONS},
    "progress:progress-csv": {"figure": "recall"},
    "progress:topic": {"slug": "losses"},
    "questions:about": {"claim": "dead-relu.lr-kills"},
    "questions:report": QUESTION,
    "experiments:lab": {"slug": "dead-relu"},
    "experiments:pending-prediction": {"slug": "dead-relu"},
    "accounts:operator": {"token": "x"},
    "account_confirm_email": {"key": "x"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "x"},
    "worker_api:events": {"run_attempt_id": 1},
    "worker_api:result": {"run_attempt_id": 1},
    "worker_api:release": {"run_attempt_id": 1},
}


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Yield the name of every route except those of the admin."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                space = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from routes(pattern.url_patterns, prefix + space)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern.pattern} has no name"
            yield prefix + pattern.name


class Cast:
    """A run, and browsers of a visitor, its owner, a stranger and a member of staff."""

    def __init__(self) -> None:
        mei = User.objects.create_user("mei@example.org", "mei")
        staff = User.objects.create_superuser("kay@example.org", "kay", "graph paper and pencils")
        staff.set_unusable_password()
        staff.save()
        self.run = measured(queued(mei, loaded()))
        services.open_verdict(user=mei, run=self.run)
        make_question(
            "how-long",
            kinds=["numeric"],
            numeric=NUMERIC,
            claims=["dead-relu.lr-kills"],
            labs=["dead-relu"],
        )
        people = {
            "owner": mei,
            "stranger": User.objects.create_user("sam@example.org", "sam"),
            "staff": staff,
        }
        self.browsers = {"visitor": Client(raise_request_exception=False)}
        for role, person in people.items():
            self.browsers[role] = Client(raise_request_exception=False)
            self.browsers[role].force_login(
                person, backend="django.contrib.auth.backends.ModelBackend"
            )

    def url(self, name: str) -> str:
        resolved = next(p for p in _patterns() if p[0] == name)[1]
        taken = ARGUMENTS.get(name, {"pk": self.run.pk} if "<uuid:pk>" in resolved else {})
        return reverse(name, kwargs=taken)


def _patterns(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace != "admin":
            yield from _patterns(
                pattern.url_patterns,
                prefix + (f"{pattern.namespace}:" if pattern.namespace else ""),
            )
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.name), str(pattern.pattern)


def outcome(answer: Any) -> Any:
    """Return the status; for a redirect to the sign-in page, with where that leads."""
    where = answer.headers.get("Location", "")
    return (
        IN
        if answer.status_code == 302 and where.startswith("/accounts/login/")
        else answer.status_code
    )


@pytest.fixture
def cast(woken_queues: list[str]) -> Cast:
    return Cast()


def test_every_route_is_in_the_table() -> None:
    assert set(routes()) == set(MATRIX)


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_every_role_gets_the_expected_answer(name: str, cast: Cast) -> None:
    url, (to_get, to_post) = cast.url(name), MATRIX[name]
    for method, expected in (("get", to_get), ("post", to_post)):
        # a stream that begins gives its connection back: this test's own
        if name == "experiments:run-events" and method == "get":
            assert [
                outcome(cast.browsers[role].get(url)) for role in ("visitor", "stranger", "staff")
            ] == [404] * 3
            continue
        answers = tuple(outcome(getattr(cast.browsers[role], method)(url)) for role in ROLES)
        assert answers == expected, f"{method.upper()} {url} by {ROLES}"


def test_a_shared_run_is_seen_by_all_and_changed_by_its_owner_alone(cast: Cast) -> None:
    Run.objects.update(shared=True)
    for name in ("run", "run-panel", "run-points", "run-csv"):
        # points would give the verdict away, which its owner alone has opened
        hidden = 403 if name in ("run-points", "run-csv") else 200
        assert [
            outcome(cast.browsers[role].get(cast.url(f"experiments:{name}"))) for role in ROLES
        ] == [hidden, 200, hidden, hidden]
    for name in ("run-stop", "run-visibility"):
        answers = [
            outcome(cast.browsers[role].post(cast.url(f"experiments:{name}"), {"shared": "0"}))
            for role in ROLES
        ]
        assert (
            answers == [IN, 302, 404, 404]
            if name == "run-stop"
            else answers[0] == IN and answers[2:] == [404, 404]
        )
        Run.objects.update(shared=True)


def test_the_admin_opens_to_staff_alone_and_every_page_of_it_answers(cast: Cast) -> None:
    recorded(loaded())
    assert Prediction.objects.count() == 0
    for model in admin_site._registry:
        for url in _admin_urls(model):
            answer = cast.browsers["staff"].get(url)
            assert answer.status_code in (200, 302, 403), f"{url}: {answer.status_code}"
            for role in ("visitor", "owner", "stranger"):
                turned_away = cast.browsers[role].get(url)
                assert turned_away.status_code in (302, 403, 404), (
                    f"{url} by {role}: {turned_away.status_code}"
                )
    assert cast.browsers["staff"].get("/admin/").status_code == 200


def _admin_urls(model: type[models.Model]) -> Iterator[str]:
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield reverse(f"{base}_changelist")
    yield reverse(f"{base}_changelist") + "?q=%00"
    yield reverse(f"{base}_changelist") + "?q=mei&o=-1&e=1"
    yield reverse(f"{base}_add")
    row = model._default_manager.first()
    if row is not None:
        for page in ("change", "history", "delete"):
            yield reverse(f"{base}_{page}", args=[row.pk])
    yield re.sub("/add/$", "/999999/change/", reverse(f"{base}_add"))
