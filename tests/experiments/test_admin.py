"""Workers and runs in Django's admin: created, revoked, renewed, stopped; invalid input is refused
with a message.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.common.errors import StaleRunAttempt
from apps.experiments.models import Run, Worker
from apps.experiments.selectors import worker_with_token
from tests.common.reauthenticating import enter_password
from tests.experiments.conftest import finish

pytestmark = pytest.mark.django_db
MACHINES, RUNS = "/admin/experiments/worker/", "/admin/experiments/run/"


@pytest.fixture
def boss(client: Client, sam: User) -> Client:
    sam.is_staff = sam.is_superuser = True
    sam.save()
    enter_password(client, sam)
    return client


def token_shown(page: Any) -> str:
    return page.content.decode().partition("shown only once: ")[2].partition("<")[0].strip()


def test_a_worker_is_made_and_its_token_shown_once(boss: Client) -> None:
    page = boss.post(MACHINES + "add/", {"name": "w1", "queues": ["labs", "bench"]}, follow=True)
    worker = worker_with_token(token_shown(page))
    assert worker is not None and (worker.name, worker.queues) == ("w1", ["labs", "bench"])
    assert token_shown(boss.get(MACHINES)) == ""


def test_a_new_token_is_in_no_cookie_and_no_session(boss: Client, worker: Worker) -> None:
    renew = {"action": "renew", "_selected_action": [worker.pk]}
    for answer in (
        boss.post(MACHINES + "add/", {"name": "w2", "queues": ["labs"]}),
        boss.post(MACHINES, renew),
    ):
        token = token_shown(answer)
        assert worker_with_token(token) is not None
        assert answer["Cache-Control"] == "private, no-store"
        assert token not in answer.cookies.output() and token not in boss.cookies.output()
        assert token not in str(dict(boss.session))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "w1"},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\x00b"},
        {"queues": []},
        {"queues": ["labs", "judge"]},
        {"queues": "5"},
        {"queues": '["labs"]'},
        {"queues": "null"},
    ],
    ids=repr,
)
def test_a_worker_that_cannot_be_is_said(
    boss: Client, worker: Worker, wrong: dict[str, Any]
) -> None:
    page = boss.post(MACHINES + "add/", {"name": "w2", "queues": ["labs"], **wrong})
    assert page.status_code == 200 and page.context["errors"]
    assert list(Worker.objects.values_list("name", "queues")) == [("w1", ["labs", "bench"])]


def test_a_worker_is_revoked_and_let_in_again(boss: Client, worker: Worker) -> None:
    chosen = {"_selected_action": [worker.pk]}
    boss.post(MACHINES, {"action": "revoke", **chosen})
    worker.refresh_from_db()
    assert worker.revoked_at is not None
    page = boss.post(MACHINES, {"action": "renew", **chosen}, follow=True)
    assert worker_with_token(token_shown(page)) == worker


def test_one_press_in_the_list_revokes_a_worker_and_queues_its_runs_again(
    boss: Client, worker: Worker, mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    page = boss.get(MACHINES).content.decode()
    (url,) = re.findall(r'<button formaction="([^"]+)">Revoke</button>', page)
    assert boss.get(url).status_code == 405
    answer = boss.post(url, follow=True)
    assert "Revoked: w1." in answer.content.decode() and "formaction" not in str(answer.content)
    worker.refresh_from_db()
    run, run_attempt = Run.objects.get(), lease.run_attempt
    run_attempt.refresh_from_db()
    assert worker.revoked_at and run.state == Run.State.QUEUED
    assert run_attempt.ended_at and run_attempt.released, "it costs the run no attempt"
    with pytest.raises(StaleRunAttempt):
        finish(lease)
    boss.post(url)  # again changes nothing
    assert Run.objects.get().state == Run.State.QUEUED


def test_who_may_not_change_workers_revokes_none(client: Client, mei: User, worker: Worker) -> None:
    mei.is_staff = True
    mei.save()
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{MACHINES}{worker.pk}/revoke/").status_code == 403
    worker.refresh_from_db()
    assert worker.revoked_at is None


def test_a_run_is_stopped(boss: Client, mei: User, queue_run: Any) -> None:
    run = queue_run(mei, "k")
    boss.post(RUNS, {"action": "stop", "_selected_action": [run.pk]})
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


@pytest.mark.parametrize(
    "model",
    [
        "lab",
        "labversion",
        "worker",
        "run",
        "prediction",
        "verdict",
        "runattempt",
        "batch",
        "computeusage",
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=%00",
        "?q=x",
        "?id__exact=x",
        "?e=1",
        "?x=%00",
        "?p=x",
        "?o=9.9",
        "?owner__password=x",
    ],
)
def test_a_list_bears_what_is_typed_by_hand(boss: Client, model: str, query: str) -> None:
    assert boss.get(f"/admin/experiments/{model}/{query}", follow=True).status_code in (200, 400)


def test_filters_bear_what_no_column_can_hold(boss: Client, worker: Worker) -> None:
    for query in (
        "?state__exact=%00",
        "?queue__exact=%00",
        "?queued_at__year=x",
        "?queued_at__year=99999",
        "?at_defaults__exact=x",
    ):
        assert boss.get(RUNS + query, follow=True).status_code == 200, query


@pytest.mark.parametrize(
    "chosen", ["x", "", "\x00", "9" * 40, "00000000-0000-0000-0000-000000000000"]
)
@pytest.mark.parametrize(
    ("path", "action"),
    [(MACHINES, "renew"), (MACHINES, "revoke"), (RUNS, "stop"), (RUNS, "nothing")],
)
def test_a_row_that_cannot_be_is_passed_over(
    boss: Client, worker: Worker, path: str, action: str, chosen: str
) -> None:
    assert (
        boss.post(path, {"action": action, "_selected_action": [chosen]}, follow=True).status_code
        == 200
    )
    worker.refresh_from_db()
    assert worker.revoked_at is None


def test_every_table_of_runs_is_there() -> None:
    ours = {
        model.__name__ for model in admin.site._registry if model._meta.app_label == "experiments"
    }
    assert ours == {
        "Lab",
        "LabVersion",
        "LabWords",
        "Claim",
        "OpenedVerdict",
        "Worker",
        "Run",
        "Prediction",
        "Verdict",
        "RunAttempt",
        "Batch",
        "ComputeUsage",
    }


def test_strangers_are_sent_to_sign_in(client: Client, mei: User) -> None:
    client.force_login(mei)
    assert client.get(RUNS).status_code == 302
    assert (
        client.post(MACHINES, {"action": "revoke"})
        .headers["Location"]
        .startswith(reverse("admin:login"))
    )
