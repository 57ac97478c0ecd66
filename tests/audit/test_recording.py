"""Events are cleaned, cut and counted: nobody breaks an action by strange values, or fills the disk
by trying.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.audit import kinds, origin, services
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.audit.origin import network_of
from apps.experiments.models import Worker
from tests.experiments.simulated_worker import LEASE_REQUEST, SimulatedWorker

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "Mei", "seven quiet herons")


def guess(times: int, address: str = "203.0.113.7", login: str = "mei@example.org") -> None:
    client = Client(REMOTE_ADDR=address)
    for _ in range(times):
        client.post("/accounts/login/", {"login": login, "password": "no"})


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_an_address_is_kept_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_strange_values_are_cleaned_and_cut() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    services.record(
        Kind.ROLE_CHANGED,
        subject="a\x00\ud800" + "x" * 9_999,
        details={
            "\x00a": "\ud800" + "y" * 9_999,
            "numbers": [math.nan, math.inf, 10**5000, -1, 0.5, True],
            "deep": deep,
            "many": list(range(100_000)),
            "day": date(2026, 1, 2),
        },
    )
    event = AuditEvent.objects.get()
    assert event.subject == "a?" + "x" * 198
    assert event.details["a"] == "?" + "y" * 199
    assert event.details["numbers"] == [None, None, None, -1, 0.5, True]
    assert len(event.details["many"]) == services.MAX_MEMBERS
    assert event.details["day"] == "2026-01-02"
    assert len(str(event.details["deep"])) < 2 * services.MAX_VALUE_CHARS


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/settings/sessions", {"password": "no"}),
        ("/accounts/password/change/", {"oldpassword": "no"}),
        ("/accounts/reauthenticate/", {"password": "no"}),
    ],
)
def test_a_wrong_password_is_recorded_wherever_one_is_asked_for(
    mei: User, address: str, form: dict[str, str]
) -> None:
    client = Client()
    client.force_login(mei)
    client.post(address, form)
    failures = AuditEvent.objects.filter(kind=Kind.SIGN_IN_FAILED)
    assert [event.person for event in failures] == [mei]


def test_a_hostile_browser_cannot_prevent_what_it_is_recorded_for(mei: User) -> None:
    client = Client(HTTP_USER_AGENT="\x00\ud800" + "z" * 9_999, REMOTE_ADDR="unix:")
    form = {"login": "mei@example.org", "password": "seven quiet herons"}
    assert client.post("/accounts/login/", form).status_code == 302
    event = AuditEvent.objects.get()
    assert event.agent == "?" + "z" * 199 and event.network == ""


def test_failures_of_a_network_are_kept_one_by_one_and_then_by_their_number(
    mei: User, rf: RequestFactory
) -> None:
    for host in range(120):
        with origin.of(rf.get("/", REMOTE_ADDR=f"203.0.113.{host}")):
            services.record(Kind.SIGN_IN_FAILED, person=mei)
    failures = AuditEvent.objects.filter(kind=Kind.SIGN_IN_FAILED).order_by("pk")
    assert [event.details for event in failures] == [{}] * 20 + [{"count": 100}]


def test_refused_attempts_are_told_once_and_then_by_their_number(mei: User) -> None:
    guess(5 + 12)
    refused = AuditEvent.objects.filter(kind=Kind.SIGN_IN_REFUSED).order_by("pk")
    assert [event.details for event in refused] == [{}, {"count": 10}]


def test_many_networks_together_do_not_fill_the_disk(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_OF_SITE", 5)
    for network in range(12):
        guess(1, f"203.0.{network}.7")
    failures = AuditEvent.objects.filter(kind=Kind.SIGN_IN_FAILED).order_by("pk")
    assert [event.details for event in failures] == [{}] * 5 + [{"count": 10}]
    stands_for_many = failures.last()
    assert stands_for_many and (stands_for_many.person, stands_for_many.network) == (None, "")


def test_who_signs_in_and_out_in_a_loop_is_recorded_as_often_as_anybody_does(mei: User) -> None:
    limit = kinds.LIMITS[Kind.SIGNED_OUT].events
    for _ in range(limit + 5):
        services.record(Kind.SIGNED_OUT, person=mei)
    assert AuditEvent.objects.filter(kind=Kind.SIGNED_OUT).count() == limit


def test_known_and_unknown_addresses_are_recorded_with_the_same_queries(mei: User) -> None:
    counts = []
    for login in ("mei@example.org", "nobody@example.org"):
        with CaptureQueriesContext(connection) as queries:
            guess(1, login=login)
        counts.append(sum("audit_" in query["sql"] for query in queries))
    assert counts == [3, 3]


# ---------------------------------------------------------------- places of a worker's token


def test_each_new_place_of_a_token_is_recorded_once(client: Client) -> None:
    worker = SimulatedWorker(client)
    for address in ("203.0.113.7", "203.0.113.8", "198.51.100.1", "203.0.113.7"):
        client.defaults["REMOTE_ADDR"] = address
        assert worker.post("lease", LEASE_REQUEST).status_code == 204
    events = AuditEvent.objects.filter(kind=Kind.WORKER_TOKEN_USED).order_by("pk")
    assert [(event.network, event.subject) for event in events] == [
        ("203.0.113.0/24", "w1"),
        ("198.51.100.0/24", "w1"),
    ]
    worker.token = SimulatedWorker(client).token  # a new token is known nowhere yet
    worker.post("lease", LEASE_REQUEST)
    assert AuditEvent.objects.filter(kind=Kind.WORKER_TOKEN_USED).count() == 3


def test_a_token_that_wanders_is_recorded_a_hundred_times_at_most(client: Client) -> None:
    worker = SimulatedWorker(client)
    everywhere = [f"10.0.{k}.0/24" for k in range(Worker.MAX_NETWORKS)]
    Worker.objects.update(networks=everywhere)
    assert worker.post("lease", LEASE_REQUEST).status_code == 204
    assert not AuditEvent.objects.filter(kind=Kind.WORKER_TOKEN_USED).exists()


def test_a_known_place_takes_no_query(client: Client) -> None:
    worker = SimulatedWorker(client)
    worker.post("lease", LEASE_REQUEST)
    with CaptureQueriesContext(connection) as queries:
        worker.post("lease", LEASE_REQUEST | {"slots": 0})
    statements = [query["sql"] for query in queries]
    assert len(statements) == 2, statements  # the worker by its token, and that it is online
    assert not any("audit_" in statement for statement in statements)
