"""The worker API over HTTP: authentication, and invalid requests."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.experiments import services
from apps.experiments.models import Batch, Lab, Run, Verdict, Worker
from tests.experiments.simulated_worker import DEVICE, LEASE_REQUEST, POINT, SimulatedWorker
from workers import wire

pytestmark = [pytest.mark.attack, pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def worker(client: Client, db: None) -> SimulatedWorker:
    return SimulatedWorker(client)


@pytest.fixture
def lease(worker: SimulatedWorker, mei: User, queue_run: Any) -> dict[str, Any]:
    """Return what the worker was given: the lease of a run of Mei's."""
    queue_run(mei, "k")
    return worker.lease()


def test_a_run_goes_from_lease_to_verdict(worker: SimulatedWorker, lease: dict[str, Any]) -> None:
    assert lease["config"]["depth"] == 3 and lease["after"] == 0 and lease["replicates"] == 16
    run_attempts = f"run-attempts/{lease['run_attempt_id']}"
    answer = worker.post(
        f"{run_attempts}/events",
        {
            "after": 0,
            "events": [POINT, {**POINT, "mean": [None]}],
            "points_done": 2,
            "points_expected": 9,
        },
    )
    assert answer.json() == {"stop": False, "lease_seconds": 20.0}
    assert answer["Cache-Control"] == "private, no-store"  # a lease has a token
    verdict = {
        "claim": "dead-relu.lr-kills",
        "outcome": "holds",
        "effect": 0.5,
        "low": 0.4,
        "high": 0.6,
        "replicates": 16,
    }
    result = {
        "state": "succeeded",
        "verdicts": [verdict],
        "seconds": 1.5,
        "device": DEVICE,
        "versions": {"torch": "2"},
        "engine": 1,
    }
    for _ in range(2):
        assert worker.post(f"{run_attempts}/result", result).status_code == 200
    run = Run.objects.get(pk=lease["run"])
    assert (run.state, run.last_seq, run.points_done, run.points_expected, run.device["name"]) == (
        "succeeded",
        2,
        2,
        9,
        "test",
    )
    assert Verdict.objects.get().effect == 0.5


def test_nothing_to_do_has_no_body(worker: SimulatedWorker) -> None:
    answer = worker.post("lease", LEASE_REQUEST)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_worker_is_seen_when_it_asks(worker: SimulatedWorker) -> None:
    worker.post("lease", LEASE_REQUEST)
    worker = Worker.objects.get()
    assert worker.last_seen_at is not None and worker.capabilities["device"]["name"] == "test"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Worker",
        "Worker ",
        "Worker wrong",
        "Bearer {token}",
        "Worker \x00",
        "Worker ü",
        "Worker " + "x" * 9000,
    ],
)
def test_a_stranger_is_told_how_to_sign_in(worker: SimulatedWorker, header: str) -> None:
    answer = worker.post("lease", LEASE_REQUEST, Authorization=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "not-authorised")
    assert answer["Content-Type"] == "application/problem+json"


def test_by_http_a_token_is_refused_where_https_is_asked_for(
    worker: SimulatedWorker, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = worker.post("lease", LEASE_REQUEST)
    assert answer.status_code == 401 and "make a new one" in answer.json()["detail"]


def test_a_revoked_worker_is_a_stranger(worker: SimulatedWorker) -> None:
    Worker.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert worker.post("lease", LEASE_REQUEST).status_code == 401


def test_someone_signed_in_is_no_worker(client: Client, mei: User) -> None:
    client.force_login(mei)
    assert (
        client.post(
            f"{wire.PREFIX}/lease", LEASE_REQUEST, content_type="application/json"
        ).status_code
        == 401
    )


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_are_refused(worker: SimulatedWorker, method: str) -> None:
    answer = getattr(worker.client, method)(
        f"{wire.PREFIX}/lease", headers={"Authorization": f"Worker {worker.token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


NONSENSE: list[Any] = [
    b"",
    b"{",
    b"\xff\xfe",
    b"NaN",
    b"[" * 100_000,
    [],
    "text",
    12,
    None,
    {},
    {"unknown": 1},
    {**LEASE_REQUEST, "slots": "two"},
    {**LEASE_REQUEST, "slots": -1},
    {**LEASE_REQUEST, "slots": 10**30},
    {**LEASE_REQUEST, "queues": "labs"},
    {**LEASE_REQUEST, "labs": ["dead-relu"]},
    {**LEASE_REQUEST, "labs": {"dead-relu": "\x00"}},
    {**LEASE_REQUEST, "device": {"kind": "abacus", "name": "x"}},
    {**LEASE_REQUEST, "more": 1},
    json.dumps(LEASE_REQUEST).replace('"slots": 1', '"slots": NaN').encode(),
    json.dumps(LEASE_REQUEST).replace('"slots": 1', '"slots": 1e400').encode(),
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda b: repr(b)[:40])
def test_a_lease_request_that_cannot_be_read_says_where(worker: SimulatedWorker, body: Any) -> None:
    answer = worker.post("lease", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert "LeaseRequest" in answer.json()["detail"]


BAD_EVENTS: list[Any] = [
    {"after": -1},
    {"after": 2**31},
    {"after": "0"},
    {"after": 0, "events": [{}]},
    {"after": 0, "events": [{**POINT, "arm": ""}]},
    {"after": 0, "events": [{**POINT, "arm": "x" * 129}]},
    {"after": 0, "events": [{**POINT, "arm": "a\x00b"}]},
    {"after": 0, "events": [{**POINT, "series": "\ud800"}]},
    {"after": 0, "events": [{**POINT, "mean": [1, 2]}]},
    {"after": 0, "events": [{**POINT, "low": [1, 2]}]},
    {"after": 0, "events": [{**POINT, "step": [], "mean": []}]},
    {"after": 0, "events": [{**POINT, "mean": ["0.5"]}]},
    {"after": 0, "events": [{**POINT, "step": [None]}]},
    {"after": 0, "events": [POINT, {**POINT, "mean": [1, 2]}]},
    {"after": 0, "events": [POINT] * 2001},
    {"after": 0, "events": [{**POINT, "step": [0] * 20_001, "mean": [0] * 20_001}]},
    json.dumps({"after": 0, "events": [POINT]}).replace("0.5", "NaN").encode(),
    json.dumps({"after": 0, "events": [POINT]}).replace("0.5", "Infinity").encode(),
    json.dumps({"after": 0, "events": [POINT]}).replace("0.5", "1e999").encode(),
    json.dumps({"after": 0, "events": [POINT]}).replace("0.5", "9" * 5000).encode(),
    {"after": 0, "points_done": -1},
    {"after": 0, "points_expected": 2**40},
]


@pytest.mark.parametrize("body", BAD_EVENTS, ids=lambda b: repr(b)[:60])
def test_events_that_cannot_be_used_leave_nothing_behind(
    worker: SimulatedWorker, lease: dict[str, Any], body: Any
) -> None:
    answer = worker.post(f"run-attempts/{lease['run_attempt_id']}/events", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert not Batch.objects.exists()
    assert Run.objects.get().last_seq == 0


BAD_RESULTS: list[Any] = [
    {"state": "lost"},
    {"state": "queued"},
    {"state": None},
    {"state": "succeeded", "verdicts": [{"claim": "dead-relu.unknown", "outcome": "holds"}]},
    {"state": "succeeded", "verdicts": [{"claim": "dead-relu.lr-kills", "outcome": "maybe"}]},
    {"state": "succeeded", "verdicts": [{"claim": "dead-relu.lr-kills", "outcome": "holds"}] * 2},
    {
        "state": "succeeded",
        "verdicts": [{"claim": "dead-relu.lr-kills", "outcome": "holds", "replicates": -1}],
    },
    {"state": "succeeded", "summary": []},
    {"state": "succeeded", "summary": {"a": {"b": 1}}},
    b'{"state": "succeeded", "summary": {"a": ' + b'{"b": ' * 600 + b"1" + b"}" * 602,
    {"state": "succeeded", "seconds": -1},
    {"state": "succeeded", "seconds": 1e300},
    {"state": "succeeded", "seconds": "long"},
]


@pytest.mark.parametrize("body", BAD_RESULTS, ids=lambda b: repr(b)[:80])
def test_a_result_that_cannot_be_used_leaves_the_run_running(
    worker: SimulatedWorker, lease: dict[str, Any], body: Any
) -> None:
    answer = worker.post(f"run-attempts/{lease['run_attempt_id']}/result", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert Run.objects.get().state == "running"
    assert not Verdict.objects.exists()


def test_what_a_database_cannot_hold_is_cleaned_out_of_a_result(
    worker: SimulatedWorker, lease: dict[str, Any]
) -> None:
    body = {
        "state": "failed",
        "error": "a\x00b\ud800" + "x" * 600,
        "detail": "\x00",
        "summary": {"a\x00": ["\x00", 1]},
        "versions": {"v": "\x00"},
        "engine": 3,
    }
    assert worker.post(f"run-attempts/{lease['run_attempt_id']}/result", body).status_code in (
        200,
        400,
    )
    body["error"] = "a\x00b" + "x" * 600
    assert worker.post(f"run-attempts/{lease['run_attempt_id']}/result", body).status_code == 200
    run = Run.objects.get()
    assert run.error.startswith("abxxx") and len(run.error) == 500
    assert (run.summary, run.engine) == ({"a": ["", 1]}, 3)


@pytest.mark.parametrize("path", ["events", "result", "release"])
@pytest.mark.parametrize("token", ["", "wrong", "\u00fc", "x" * 10_000])
def test_a_wrong_run_attempt_token_changes_nothing(
    worker: SimulatedWorker, lease: dict[str, Any], path: str, token: str
) -> None:
    worker.run_attempt_token = token
    body = {
        "events": {"after": 0, "events": [POINT]},
        "result": {"state": "succeeded"},
        "release": {},
    }[path]
    answer = worker.post(f"run-attempts/{lease['run_attempt_id']}/{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale-run-attempt")
    assert Run.objects.get().state == "running" and not Batch.objects.exists()


def test_a_token_of_one_run_attempt_opens_no_other(
    worker: SimulatedWorker, lease: dict[str, Any], ola: User, queue_run: Any
) -> None:
    mine = worker.run_attempt_token
    queue_run(ola, "k")
    other = worker.lease()
    worker.run_attempt_token = mine
    assert (
        worker.post(
            f"run-attempts/{other['run_attempt_id']}/events", {"after": 0, "events": [POINT]}
        ).status_code
        == 409
    )


def test_another_worker_with_the_run_attempt_token_is_refused(
    worker: SimulatedWorker, lease: dict[str, Any]
) -> None:
    worker.token = services.make_worker(name="w2", queues=["labs"])
    assert (
        worker.post(
            f"run-attempts/{lease['run_attempt_id']}/result", {"state": "succeeded"}
        ).status_code
        == 409
    )


def test_a_stolen_token_takes_runs_of_its_queues_and_opens_nothing_else(
    worker: SimulatedWorker, lab: Lab, bench: Lab, mei: User, queue_run: Any
) -> None:
    run = queue_run(mei, "b", lab=bench)
    thief = copy(worker)
    thief.token = services.make_worker(name="w2", queues=["labs"])
    both = LEASE_REQUEST | {"queues": ["bench", "labs"]}
    assert thief.post("lease", both).status_code == 204, "a run of another queue"
    lease = worker.post("lease", both).json()
    thief.run_attempt_token = lease["token"]
    bodies = {
        "events": {"after": 0, "events": [POINT]},
        "result": {"state": "succeeded"},
        "release": {},
    }
    for path, body in bodies.items():
        answer = thief.post(f"run-attempts/{lease['run_attempt_id']}/{path}", body)
        assert answer.status_code == 409, path
        assert set(answer.json()) == {"type", "title", "status", "code", "detail"}
    credentials = {"Authorization": f"Worker {thief.token}"}
    for page in ("", "/points", "/points.csv", "/events"):
        url = f"/runs/{run.pk}{page}"
        assert thief.client.get(url, headers=credentials).status_code == 404, url
    for url in ("/runs", "/admin/", "/settings"):
        assert thief.client.get(url, headers=credentials).status_code == 302, url
    run.refresh_from_db()
    assert run.state == "running" and run.run_attempts.get().worker.name == "w1"
    assert not Batch.objects.exists()


def test_where_a_token_was_used_last_is_seen(worker: SimulatedWorker) -> None:
    for host in ("192.0.2.1", "2001:db8::7"):
        worker.client.defaults["REMOTE_ADDR"] = host
        assert worker.post("lease", LEASE_REQUEST).status_code == 204
        assert Worker.objects.get().last_address == host


@pytest.mark.parametrize("run_attempt_id", ["0", "999999", "9" * 18])
def test_a_run_attempt_that_is_not_there_is_stale(
    worker: SimulatedWorker, lease: dict[str, Any], run_attempt_id: str
) -> None:
    assert worker.post(f"run-attempts/{run_attempt_id}/events", {"after": 0}).status_code == 409


@pytest.mark.parametrize("run_attempt_id", ["-1", "x", "9" * 30, "%00"])
def test_what_names_no_run_attempt_is_not_found(
    worker: SimulatedWorker, lease: dict[str, Any], run_attempt_id: str
) -> None:
    assert worker.post(f"run-attempts/{run_attempt_id}/events", {"after": 0}).status_code == 404


def test_a_gap_is_answered_with_the_last_number(
    worker: SimulatedWorker, lease: dict[str, Any]
) -> None:
    answer = worker.post(
        f"run-attempts/{lease['run_attempt_id']}/events", {"after": 7, "events": [POINT]}
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["last"]) == (409, "gap", 0)


def test_a_huge_body_is_refused(worker: SimulatedWorker, lease: dict[str, Any]) -> None:
    body = b'{"after": 0, "events": [' + b" " * wire.MAX_BODY + b"]}"
    assert worker.post(f"run-attempts/{lease['run_attempt_id']}/events", body).status_code == 413


def test_a_released_run_waits_again(worker: SimulatedWorker, lease: dict[str, Any]) -> None:
    assert (
        worker.post(
            f"run-attempts/{lease['run_attempt_id']}/release", {"reason": "shutdown"}
        ).status_code
        == 200
    )
    assert Run.objects.get().state == "queued"
    assert worker.post(f"run-attempts/{lease['run_attempt_id']}/release", {}).status_code == 409


def test_a_report_takes_few_queries(
    worker: SimulatedWorker, lease: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10):
        worker.post(
            f"run-attempts/{lease['run_attempt_id']}/events", {"after": 0, "events": [POINT] * 5}
        )
