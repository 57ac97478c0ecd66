"""Wake-ups and messages while Redis is frozen: a connection is taken, and no answer comes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from apps.common import wakeup
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.common.wakeup import wake_workers
from apps.experiments import run_events
from tests.experiments.watching import own_broker
from workers.wire import celery_url


@pytest.fixture
def broker(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A broker of the test's own, for wake-ups and messages; yields its process id."""
    with own_broker(tmp_path, settings, monkeypatch) as pid:
        celery = Celery(
            "gradus",
            broker=celery_url(settings.REDIS_URL),
            broker_transport_options=wakeup.TRANSPORT_OPTIONS,
        )
        copied = ("task_ignore_result", "broker_connection_retry", "broker_pool_limit")
        celery.conf.update({name: wakeup.celery.conf[name] for name in copied})
        monkeypatch.setattr(wakeup, "celery", celery)
        monkeypatch.setattr(wakeup, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
        yield pid


def publish() -> None:
    run_events._publish(run_events.RunEvent("r", 0, 0, [], "running", "{}"))


def send_wakeup() -> None:
    wake_workers("labs")


def seconds(action: Callable[[], None], times: int = 1) -> float:
    """Return how long it takes `times` threads that do it at once."""
    with ThreadPoolExecutor(times) as pool:
        began = time.monotonic()
        for done in [pool.submit(action) for _ in range(times)]:
            done.result()
        return time.monotonic() - began


def at_best(
    action: Callable[[], None], times: int, enough: float, monkeypatch: pytest.MonkeyPatch
) -> float:
    """Return the shortest of a few attempts, each by who does not know yet: a machine that is busy
    just then proves nothing.
    """
    took = []
    while len(took) < 5 and (not took or took[-1] >= enough):
        for module in (wakeup, run_events):
            monkeypatch.setattr(module, "breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
        took.append(seconds(action, times))
    return min(took)


@pytest.mark.parametrize("action", [publish, send_wakeup])
@pytest.mark.parametrize("warm", [True, False], ids=["connected before", "never connected"])
@pytest.mark.parametrize("threads", [1, 30])
def test_a_frozen_redis_costs_a_second_once(
    broker: int,
    action: Callable[[], None],
    warm: bool,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if warm:
        seconds(action, threads)
    os.kill(broker, signal.SIGSTOP)
    assert at_best(action, threads, 2.5, monkeypatch) < 2.5  # in turns it would be three
    assert min(seconds(action, threads) for _ in range(3)) < 0.5


def test_wakeups_that_were_sent_are_there(broker: int, settings: Any) -> None:
    for _ in range(3):
        send_wakeup()
    assert redis.Redis.from_url(settings.REDIS_URL).llen("labs") == 3
