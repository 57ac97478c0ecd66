"""The cast: Mei works alone, Ola queues many runs or shares, Sam is a stranger. A small lab of
made-up words, and a worker that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import services, worker_services
from apps.experiments.loading import store_words
from apps.experiments.models import Lab, LabVersion, Run, RunAttempt, Worker
from apps.experiments.signals import run_over
from tests.experiments.watching import site, watch  # noqa: F401 - fixtures
from workers import wire

HASH = "a" * 64
LABS = {"dead-relu": HASH, "activation-cost": HASH[:-1] + "b"}
BOTH = {"en": "words", "zh": "文字"}
WORDS: dict[str, Any] = {
    "topic": "activation-functions",
    "kind": "training",
    "queue": "labs",
    "title": BOTH,
    "question": BOTH,
    "shows": BOTH,
    "model": BOTH,
    "data": BOTH,
    "figures": [{"kind": "curves", "series": "dead", "arms": "relu *", "title": BOTH, "x": BOTH}],
    "predict": {
        "claim": "dead-relu.lr-kills",
        "form": "bars",
        "series": "dead",
        "arms": ["relu 0.01", "relu 1"],
        "range": [0, 1],
    },
    "profile": {
        "quick": {"replicates": 3, "config": {}},
        "standard": {"replicates": 16, "seconds": 16},
    },
    "config": {
        "depth": {"type": "int", "default": 3, "range": [1, 8], **BOTH},
        "scale": {"type": "float", "default": 0.0625, "choices": [0.0625, 1.0], **BOTH},
        "leaky": {"type": "bool", "default": False, **BOTH},
        "sizes": {"type": "list[int]", "default": [10, 100], "choices": [10, 100, 1000], **BOTH},
    },
    "series": {"dead": {"unit": BOTH, **BOTH}, "loss": {"unit": BOTH, **BOTH}},
    "claims": {
        name: {
            **BOTH,
            "why": BOTH,
            "effect": ".0%",
            "sentences": dict.fromkeys(
                ("holds", "depends", "does_not_hold", "inconclusive", "none"), BOTH
            ),
            "predictions": dict.fromkeys(("holds", "depends", "does_not_hold"), BOTH),
        }
        for name in ("dead-relu.lr-kills", "dead-relu.leaky-fixes")
    },
}


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei")


@pytest.fixture
def ola(db: None) -> User:
    return User.objects.create_user("ola@example.org", "ola")


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "sam")


def make_lab(slug: str, code_hash: str, queue: str = "labs") -> Lab:
    lab = Lab.objects.create(slug=slug, topic="activation-functions", kind="training", queue=queue)
    make_version(lab, code_hash)
    return lab


def make_version(
    lab: Lab, code_hash: str, words: dict[str, Any] = WORDS, source: str = "print('a lab')\n"
) -> LabVersion:
    """Give a lab other code: a version that is its current one."""
    version = LabVersion.objects.create(lab=lab, code_hash=code_hash)
    store_words(version, words, source)
    lab.current = version
    lab.save()
    return version


@pytest.fixture
def lab(db: None) -> Lab:
    return make_lab("dead-relu", LABS["dead-relu"])


@pytest.fixture
def bench(db: None) -> Lab:
    return make_lab("activation-cost", LABS["activation-cost"], "bench")


@pytest.fixture
def worker(db: None) -> Worker:
    services.make_worker(name="w1", queues=["labs", "bench"])
    return Worker.objects.get(name="w1")


@pytest.fixture(autouse=True)
def no_broker(woken_queues: list[str]) -> None:
    """Send no wake-ups in any of these tests."""


@pytest.fixture
def ended_states() -> Iterator[list[str]]:
    """Return the states in which runs were said to be over."""
    states: list[str] = []

    def listen(run: Run, **kwargs: object) -> None:
        states.append(run.state)

    run_over.connect(listen)
    yield states
    run_over.disconnect(listen)


@pytest.fixture
def queue_run(lab: Lab) -> Callable[..., Run]:
    def queue_run(owner: User, key: str, **more: Any) -> Run:
        return services.queue_run(**{"owner": owner, "lab": lab, "config": {}, "key": key, **more})

    return queue_run


@pytest.fixture
def lease_if_any(worker: Worker) -> Callable[..., worker_services.Lease | None]:
    def lease_if_any(*queues: str) -> worker_services.Lease | None:
        lease = worker_services.lease_run(worker=worker, queues=queues or ["labs"], labs=LABS)
        if lease:  # which a worker confirms at once
            RunAttempt.objects.filter(pk=lease.run_attempt.pk).update(is_confirmed=True)
        return lease

    return lease_if_any


@pytest.fixture
def lease_run(
    lease_if_any: Callable[..., worker_services.Lease | None],
) -> Callable[..., worker_services.Lease]:
    def lease_run(*queues: str) -> worker_services.Lease:
        lease = lease_if_any(*queues)
        assert lease is not None
        return lease

    return lease_run


def event(mean: float = 1.0, **more: Any) -> wire.Event:
    return wire.Event(
        **{
            "arm": "relu 1",
            "series": "dead",
            "step": [0.0],
            "mean": [mean],
            "low": [mean],
            "high": [mean],
            **more,
        }
    )


def report(
    lease: worker_services.Lease, *events: wire.Event, after: int | None = None, **more: Any
) -> bool:
    """Send events of a run attempt, from the batch that its lease named unless `after` is given.
    Returns whether it should stop.
    """
    sent = wire.EventsRequest(
        after=lease.run.last_seq if after is None else after, events=list(events), **more
    )
    return worker_services.store_events(
        worker=lease.run_attempt.worker,
        run_attempt_id=lease.run_attempt.pk,
        token=lease.token,
        report=sent,
    )


def finish(lease: worker_services.Lease, state: str = "succeeded", **more: Any) -> Run:
    result = wire.Result(state=state, **more)
    return worker_services.finish_run(
        worker=lease.run_attempt.worker,
        run_attempt_id=lease.run_attempt.pk,
        token=lease.token,
        result=result,
    )


def step_clock(seconds: float) -> None:
    """Step the protocol's clock, within the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gradus.clock_offset', %s, true)", [str(seconds)])


def fall_silent() -> None:
    """Have every worker report nothing for longer than a lease."""
    RunAttempt.objects.update(last_heartbeat_at=Clock() - timedelta(minutes=1))
