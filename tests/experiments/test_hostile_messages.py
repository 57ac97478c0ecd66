"""Messages that no worker of ours sends, to the worker API: refused or harmless, and cheap."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.common.locks import limit_transaction
from apps.experiments import selectors, worker_services
from apps.experiments.models import Worker
from tests.experiments.simulated_worker import DEVICE, LEASE_REQUEST, POINT, SimulatedWorker
from tests.searching import examples
from workers import wire

pytestmark = [pytest.mark.attack, pytest.mark.django_db, pytest.mark.services]
MAX_QUERIES = 40  # of any message, whatever it holds
VERDICT = {
    "claim": "dead-relu.lr-kills",
    "outcome": "holds",
    "effect": 0.5,
    "low": 0.4,
    "high": 0.6,
    "replicates": 16,
    "parts": [{"name": "a", "outcome": "holds", "effect": 0.1}],
}
MESSAGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "lease": (wire.LeaseRequest, LEASE_REQUEST | {"versions": {"python": "3.12"}}),
    "events": (
        wire.EventsRequest,
        {"after": 0, "events": [POINT | {"low": [0.4], "high": [0.6]}], "points_done": 1},
    ),
    "result": (
        wire.Result,
        {
            "state": "succeeded",
            "verdicts": [VERDICT],
            "error": "",
            "seconds": 1.5,
            "device": DEVICE,
            "versions": {"torch": "2"},
            "engine": 1,
            "summary": {"threads": 2, "sizes": [1, 2.5, None, True, "a"]},
        },
    ),
    "release": (wire.Release, {"reason": "shutdown"}),
}
DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
HOSTILE: list[Any] = [
    None,
    True,
    -1,
    2**31,
    2**63,
    10**300,
    1.7976931348623157e308,
    -0.0,
    5e-324,
    "",
    "\x00",
    "\ud800",
    "a\x00b",
    "٣",
    "=1+1",
    "x" * 200_000,
    [],
    {},
    [None],
    [""],
    ["labs"] * 30_000,
    [0.5] * 30_000,
    [[]] * 3,
    {"a": 1},
    {str(n): "a" * 64 for n in range(5_000)},
    DEEP,
]


@pytest.fixture
def worker(client: Client, db: None) -> SimulatedWorker:
    return SimulatedWorker(client)


@pytest.fixture
def lease(worker: SimulatedWorker, mei: User, queue_run: Any) -> dict[str, Any]:
    queue_run(mei, "k")
    queue_run(mei, "another")
    return worker.lease()


def places(message: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a message."""
    yield path
    members: Any = ()
    if isinstance(message, dict):
        members = message.items()
    elif isinstance(message, list):
        members = enumerate(message)
    for name, member in members:
        yield from places(member, (*path, name))


def with_value(message: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the message with another value at a path."""
    if not path:
        return value
    changed = copy.deepcopy(message)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return changed


def post(worker: SimulatedWorker, lease: dict[str, Any], kind: str, body: Any) -> Any:
    path = "lease" if kind == "lease" else f"run-attempts/{lease['run_attempt_id']}/{kind}"
    return worker.post(path, body)


def hostile_values() -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    return st.sampled_from(HOSTILE) | st.recursive(
        plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
    )


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_hostile_value_anywhere_in_a_message_is_refused_or_harmless(
    worker: SimulatedWorker, lease: dict[str, Any], data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(sorted(MESSAGES)))
    message = MESSAGES[kind][1]
    path = data.draw(st.sampled_from(list(places(message))))
    body = with_value(message, path, data.draw(hostile_values()))
    with CaptureQueriesContext(connection) as queries, rolled_back():
        answer = post(worker, lease, kind, body)
        assert answer.status_code in (200, 204, 400, 409, 413), answer.content[:300]
        if answer.status_code >= 400:
            assert answer.json()["code"] in ("bad-request", "too-large", "gap", "key-reused")
    assert len(queries) <= MAX_QUERIES


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_the_message_that_is_made_hostile_is_valid(
    worker: SimulatedWorker, lease: dict[str, Any], kind: str
) -> None:
    assert post(worker, lease, kind, MESSAGES[kind][1]).status_code in (200, 204)


class rolled_back:
    """Undo what the block writes, so that each example begins with the same run."""

    def __enter__(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def __exit__(self, *error: Any) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(*error)


def unbounded(kind: Any, path: str) -> Iterator[str]:
    """Yield the places in a type of message that have no bounds of their own."""
    info = msgspec.inspect
    match kind:
        case info.StructType():
            for field in kind.fields:
                yield from unbounded(field.type, f"{path}.{field.name}")
        case info.StrType() if kind.max_length is None:
            yield path
        case info.IntType() if kind.ge is None or kind.le is None:
            yield path
        case info.ListType():
            yield from [path] if kind.max_length is None else []
            yield from unbounded(kind.item_type, f"{path}[]")
        case info.DictType():
            yield from [path] if kind.max_length is None else []
            yield from unbounded(kind.key_type, f"{path}.keys")
            yield from unbounded(kind.value_type, f"{path}.values")
        case info.UnionType():
            for one in kind.types:
                yield from unbounded(one, path)
        case info.AnyType() | info.RawType():
            yield path


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_field_that_the_site_reads_is_bounded_by_its_type(kind: str) -> None:
    record = MESSAGES[kind][0]
    assert list(unbounded(msgspec.inspect.type_info(record), record.__name__)) == []


def test_a_lease_request_with_very_many_queues_is_refused_before_any_lock(
    worker: SimulatedWorker, lease: dict[str, Any]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = worker.post("lease", LEASE_REQUEST | {"queues": ["labs"] * 300_000})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert "queues" in answer.json()["detail"]
    assert not [query for query in queries if "advisory" in query["sql"]]


def test_a_queue_that_is_named_often_is_asked_once(
    worker: SimulatedWorker, lab: Any, django_assert_max_num_queries: Any
) -> None:
    most = worker.post("lease", LEASE_REQUEST)
    assert most.status_code == 204
    with CaptureQueriesContext(connection) as once:
        worker.post("lease", LEASE_REQUEST)
    with django_assert_max_num_queries(len(once)):
        worker.post("lease", LEASE_REQUEST | {"queues": ["labs"] * wire.MAX_QUEUES})


def test_slots_that_no_worker_has_are_refused(worker: SimulatedWorker) -> None:
    answer = worker.post("lease", LEASE_REQUEST | {"all_slots": 2**31 - 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert "all_slots" in answer.json()["detail"]


def test_slots_that_were_stored_before_they_were_bounded_are_cut(
    mei: User, ola: User, queue_run: Any, worker: SimulatedWorker
) -> None:
    worker.post("lease", LEASE_REQUEST | {"slots": 0})
    stored = Worker.objects.get()
    Worker.objects.update(capabilities=stored.capabilities | {"all_slots": 2**31 - 1})
    queue_run(ola, "k")
    run = queue_run(mei, "k")
    assert [connected.slots for connected in selectors.connected_workers()] == [wire.MAX_SLOTS]
    assert selectors.queue_position(run).reason == "starting"


@pytest.fixture
def transaction_timeout(db: None) -> None:
    """Skip a test where the server has no time limit for transactions."""
    if connection.pg_version < 170_000:  # type: ignore[attr-defined]
        pytest.skip("transaction_timeout came with PostgreSQL 17")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transaction_timeout")
def test_the_lock_of_all_leases_is_not_held_for_ever(
    worker: SimulatedWorker, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many short statements together take longer than the transaction may."""
    monkeypatch.setattr(worker_services, "LEASE_TIMEOUT_SECONDS", 0.2)

    def endless(*args: Any) -> None:
        with connection.cursor() as cursor:
            for _ in range(1_000):
                cursor.execute("SELECT pg_sleep(0.01)")

    monkeypatch.setattr(worker_services, "_lease_from", endless)
    worker.client.raise_request_exception = False
    answer = worker.post("lease", LEASE_REQUEST)
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert int(answer["Retry-After"]) > 0
    connection.close()
    monkeypatch.undo()
    assert worker.post("lease", LEASE_REQUEST).status_code == 204


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transaction_timeout")
def test_only_the_transaction_that_asked_for_a_limit_has_one() -> None:
    def limit() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_timeout")
            return str(cursor.fetchone()[0])

    with transaction.atomic():
        limit_transaction(5.0)
        assert limit() == "5s"
    assert limit() == "0"
    with transaction.atomic(), transaction.atomic():
        limit_transaction(5.0)
        assert limit() == "0"
