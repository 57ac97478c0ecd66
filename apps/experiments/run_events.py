"""Telling the web processes what just happened to a run, over Redis. Like a wake-up: it may be
lost, the database knows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import msgspec
import redis
from django.conf import settings
from django.db import transaction

from apps.experiments import series
from apps.experiments.models import Batch, Run

log = logging.getLogger(__name__)
CHANNEL = "gradus:runs"
PAUSE_SECONDS = 10  # after a message that could not be sent
_quiet_until = 0.0


class RunEvent(msgspec.Struct, frozen=True):
    """One message: what is new about a run."""

    run: str
    since: int  # nothing is missing from here …
    last: int  # … to here, though a reset may have taken some away
    events: list[tuple[str, int, str]]  # (kind, seq, data as JSON)
    state: str
    # what the stream says of the state, as JSON; empty: ask the database (a place in the queue)
    said: str


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(RunEvent).decode


def state_json(run: Run, **place: Any) -> str:
    """Return what the stream says of a run's state, as JSON."""
    return encode(
        {
            "state": run.state,
            "ahead": 0,
            "reason": "",
            **place,
            "points_done": run.points_done,
            "points_expected": run.points_expected,
        }
    ).decode()


def run_event(run: Run, batches: Sequence[Batch], *, since: int, said: str) -> RunEvent:
    events = [(batch.kind, batch.seq, encode(series.message(batch)).decode()) for batch in batches]
    # some may have been stored after the run was read
    last = max([run.last_seq, *(batch.seq for batch in batches)])
    return RunEvent(str(run.pk), since, last, events, run.state, said)


def publish_batches(run: Run, batches: Sequence[Batch]) -> None:
    """After commit, tell of batches that were stored, the last of them `run.last_seq`."""
    said = "" if run.state == Run.State.QUEUED else state_json(run)
    message = run_event(run, batches, since=run.last_seq - len(batches), said=said)
    transaction.on_commit(partial(_publish, message), robust=True)


def publish_state(run: Run) -> None:
    """After commit, tell of a run's new state."""
    publish_batches(run, [])


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None
    )


def _publish(what: RunEvent) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        _redis().publish(CHANNEL, encode(what))
    except (redis.RedisError, OSError) as error:
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        log.warning("viewers are run_event by the database alone for a while: %s", error)
