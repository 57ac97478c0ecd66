"""Watching a run live while things break: a broker that is frozen or talks nonsense, a run that is
gone, a reader that sleeps.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings

from apps.accounts.models import User
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.experiments import run_events, services, sse
from tests.experiments.conftest import event, finish, report
from tests.experiments.watching import own_broker, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told_by_redis_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is read when someone joins, and then not again."""
    monkeypatch.setattr(sse, "CALM_SECONDS", 3600)


@pytest.fixture
def broker(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with own_broker(tmp_path, settings, monkeypatch) as pid:
        yield pid


def listening(expected: int) -> Callable[[], bool]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    return lambda: client.pubsub_numsub(run_events.CHANNEL)[0][1] == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nonsense",
        b"\xff",
        b"{}",
        b'{"run":"x","since":0,"last":0,"events":[],"state":"","state_json":""}',
    ],
)
def test_nonsense_on_the_channel_is_passed_over(
    nonsense: bytes,
    mei: User,
    queue_run: Any,
    lease_run: Any,
    watch: Any,
    broker: int,
    told_by_redis_alone: None,
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    until(listening(1))
    redis.Redis.from_url(settings.REDIS_URL).publish(run_events.CHANNEL, nonsense)
    report(lease, event())
    until(lambda: reader.numbers() == [1])
    assert listening(1)()
    finish(lease)
    until(lambda: reader.over)


def test_points_come_while_redis_is_frozen_and_after(
    mei: User,
    queue_run: Any,
    lease_run: Any,
    watch: Any,
    broker: int,
    told_by_redis_alone: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    until(listening(1))
    [here] = [hub for hub in sse._hubs.values() if run.pk in hub.viewers]
    os.kill(broker, signal.SIGSTOP)
    until(lambda: not here.connected)
    report(lease, event())
    until(lambda: reader.numbers() == [1])
    os.kill(broker, signal.SIGCONT)
    until(listening(1))
    # who tells has given it ten seconds of rest
    monkeypatch.setattr(run_events, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
    report(lease, event(), after=1)
    until(lambda: reader.numbers() == [1, 2])
    finish(lease)
    until(lambda: reader.over)


def test_who_watches_a_run_that_is_gone_is_let_go(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sse, "CALM_SECONDS", 0.2)
    run = queue_run(mei, "k")
    lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    run.delete()
    until(lambda: reader.over)


@pytest.mark.parametrize("number", ["9" * 5000, "0x1", "9" * 11])
def test_a_number_that_no_batch_can_have_is_no_error(
    mei: User, queue_run: Any, watch: Any, number: str
) -> None:
    run = queue_run(mei, "k")
    services.request_cancel(run=run)
    reader = watch(mei, run, **{"Last-Event-ID": number})
    until(lambda: reader.over)
    assert (reader.status, reader.states()) == (200, ["cancelled"])


def test_a_stream_cannot_be_asked_for_its_head_alone(mei: User, queue_run: Any, site: str) -> None:
    run = queue_run(mei, "k")
    services.set_run_visibility(run=run, shared=True)
    assert httpx.head(f"{site}/runs/{run.pk}/events", timeout=60).status_code == 405


def test_what_a_reader_has_not_read_is_kept_once() -> None:
    """However often the database is read meanwhile; a reader that stays away is let go."""
    viewer = sse.Viewer(uuid.uuid4(), after=0)
    run_event = run_events.RunEvent(
        str(viewer.run),
        0,
        2,
        [("points", 1, "{}"), ("points", 2, "{}")],
        "running",
        '{"state":"running"}',
    )
    for _ in range(100):
        assert not viewer.put(run_event)
    assert viewer.inbox.qsize() == 1
    for i in range(2, sse.MAX_UNREAD_MESSAGES + 10):
        viewer.put(
            run_events.RunEvent(
                str(viewer.run),
                i,
                i + 1,
                [("points", i + 1, "{}")],
                "running",
                run_event.state_json,
            )
        )
    assert viewer.inbox.qsize() == 1 and viewer.inbox.get_nowait() is None


def test_a_message_before_which_one_is_missing_is_not_given() -> None:
    viewer = sse.Viewer(uuid.uuid4(), after=0)
    over = run_events.RunEvent(
        str(viewer.run), 1, 2, [("points", 2, "{}")], "succeeded", '{"state":"succeeded"}'
    )
    assert viewer.put(over) and viewer.inbox.empty()
    whole = run_events.RunEvent(
        str(viewer.run),
        0,
        2,
        [("points", 1, "{}"), ("points", 2, "{}")],
        "succeeded",
        over.state_json,
    )
    assert not viewer.put(whole)
    assert b"succeeded" in (viewer.inbox.get_nowait() or b"") and viewer.inbox.get_nowait() is None


def test_a_loop_that_ended_leaves_nothing_to_the_next() -> None:
    async def come() -> None:
        sse.hub().join(sse.Viewer(uuid.uuid4(), after=0))

    async def look() -> int:
        return len(sse.hub().viewers)

    # a browser's test leaves a loop running in this thread
    with ThreadPoolExecutor(1) as elsewhere:
        for _ in range(5):  # a new loop is often where the last one was
            elsewhere.submit(lambda: asyncio.run(come())).result()
            assert elsewhere.submit(lambda: asyncio.run(look())).result() == 0
