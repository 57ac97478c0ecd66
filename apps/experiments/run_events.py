"""Messages over Redis that tell the web processes of a run's new points and state. One may be lost:
what it says is in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from django.db import transaction

from apps.common import live_messages
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.experiments import selectors, series
from apps.experiments.models import Batch, Run

CHANNEL = "gradus:runs"
_redis = live_messages.client
breaker = CircuitBreaker(REDIS_PAUSE_SECONDS)


class RunEvent(msgspec.Struct, frozen=True):
    """One message: what is new about a run."""

    run: str
    since: int  # number of the batch before `events`
    last: int  # number of the last batch; a reset may have discarded some between
    events: list[tuple[str, int, str]]  # (kind, seq, data as JSON)
    state: str
    # as the stream sends it; empty: read it from the database (a place in the queue)
    state_json: str


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(RunEvent).decode


def state_as_json(run: Run, **place: Any) -> str:
    """Return a run's state as the stream sends it; `place` is that in the queue."""
    running = selectors.running_place(run)
    return encode(
        {
            "state": run.state,
            "ahead": 0,
            "reason": running.reason if running else "",
            **place,
            "points_done": run.points_done,
            "points_expected": run.points_expected,
        }
    ).decode()


def run_event(run: Run, batches: Sequence[Batch], *, since: int, state_json: str) -> RunEvent:
    events = [(batch.kind, batch.seq, encode(series.message(batch)).decode()) for batch in batches]
    # some may have been stored after the run was read
    last = max([run.last_seq, *(batch.seq for batch in batches)])
    return RunEvent(str(run.pk), since, last, events, run.state, state_json)


def publish_batches(run: Run, batches: Sequence[Batch]) -> None:
    """After commit, publish batches that were stored, the last of them `run.last_seq`."""
    state_json = "" if run.state == Run.State.QUEUED else state_as_json(run)
    message = run_event(run, batches, since=run.last_seq - len(batches), state_json=state_json)
    transaction.on_commit(partial(_publish, message), robust=True)


def publish_state(run: Run) -> None:
    """After commit, publish a run's new state."""
    publish_batches(run, [])


def _publish(message: RunEvent) -> None:
    live_messages.publish(_redis(), CHANNEL, encode(message), breaker)
