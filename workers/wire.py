"""The records of the worker protocol, written once: the site and the workers import this module,
and nothing else of each other.

Sent as JSON. A number that is not finite is sent as null. Every write carries `Authorization:
Worker <token>`; every write about a run attempt carries `X-Run-Attempt-Token` too. Refusals
are problem documents (RFC 9457) with a `code`. The site refuses fields that it does not know; a
worker passes over them, so that a newer site does not lose the runs that it gives to older workers.

    POST /api/worker/v1/lease      LeaseRequest -> 200 Lease, 204 nothing to do
    POST /api/worker/v1/run-attempts/<id>/...
        events     EventsRequest -> 200 EventsReply, 409 gap (with `last`)
        result     Result        -> 200 (again: 200)
        release    Release       -> 200
    each of the three -> 409 stale-run-attempt, once the run attempt was given up
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Meta, Struct

PREFIX = "/api/worker/v1"
MAX_BODY = 4_000_000  # bytes of one request
MAX_EVENTS = 2_000  # events of one report
MAX_POINTS = 20_000  # points of one event
RUN_ATTEMPT_HEADER = "X-Run-Attempt-Token"
WAKE_UP_TASK = "workers.drain"  # the Celery task that a wake-up names; its queue is the queue

Count = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Name = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$")
]  # of an arm, a series, a claim
Outcome = Literal["holds", "depends", "does_not_hold", "inconclusive"]
# nothing nested: what is deep enough overruns every stack that walks it
Fact = str | int | float | bool | None
# what a worker may report; `lost` is the site's to say
EndState = Literal["succeeded", "failed", "limit_exceeded", "cancelled"]


class Device(Struct, frozen=True, forbid_unknown_fields=True):
    """What a run was, or would be, measured on."""

    kind: Literal["cpu", "cuda", "mps"]
    name: str  # as the system calls it
    cores: int = 1
    memory: int = 0  # bytes: of the GPU, else of the machine


class LeaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """May I have a run?"""

    queues: list[str]  # most urgent first
    slots: Count  # free ones
    all_slots: Count  # free or not
    device: Device
    labs: dict[str, Name]  # slug to the SHA-256 of its .py
    engine: str  # SHA-256 of workers/engine
    versions: dict[str, str]  # python, torch, numpy, ...


class Lease(Struct, frozen=True):
    """A run to begin. The token is shown this once."""

    run: str
    run_attempt_id: int
    number: int  # of the run attempt, from 1
    token: str
    lease_seconds: float
    heartbeat_seconds: float
    kill_seconds: float  # from SIGTERM to SIGKILL
    limit_seconds: float  # the longest that the run attempt may take
    after: int  # number of the run's last stored batch: the run attempt's own begin with the next
    queue: str
    lab: str
    lab_hash: str
    config: dict[str, Any]
    replicates: int
    seed: int


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Points of one arm and one series. `low` and `high` bound the 95 % interval of the mean; empty
    for a single replicate.
    """

    arm: Name
    series: Name
    step: list[float]
    mean: list[float | None]
    low: list[float | None] = []
    high: list[float | None] = []


class EventsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What happened since. Event number = `after` + its place, from 1. No events: a beat."""

    after: Count
    events: Annotated[list[Event], Meta(max_length=MAX_EVENTS)] = []
    points_done: Count = 0  # points that the lab has yielded
    points_expected: Count = 0  # and will have yielded at its end; 0 when it cannot say


class EventsReply(Struct, frozen=True):
    """`stop`: end the lab process, then report `cancelled`."""

    stop: bool
    lease_seconds: float


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One condition of a claim that has several; `name` is a key of the lab's words."""

    name: Name
    outcome: Outcome
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    replicates: Count = 0


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """What a run says of one claim."""

    claim: Name
    outcome: Outcome
    effect: float | None = None  # None: too few replicates stayed finite to say anything
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    replicates: Count = 0  # finite ones
    diverged: Count = 0  # left out
    exact: bool = False  # closed form: no replicates, no interval
    parts: list[Part] = []


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """How a run attempt ended. Sent after the last events; repeated until acknowledged."""

    state: EndState
    verdicts: list[Verdict] = []
    error: str = ""  # of a failed run: the exception, in one line
    detail: str = ""  # its traceback, for the operator
    seconds: Seconds = 0.0  # of work
    device: Device | None = None
    versions: dict[str, str] = {}
    engine: str = ""
    # small facts of the run that pages show (threads, clock, ...)
    summary: dict[str, Fact | list[Fact]] = {}


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """The worker is going away: give the run back to the queue. Costs no run attempt."""

    reason: str = ""


def celery_url(url: str) -> str:
    """Return Celery's form of REDIS_URL: `redis://` and `rediss://` as they are,
    `unix:///path?db=n` as `redis+socket://`.

    Raises:
        ValueError: another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss"):
        return url
    if parts.scheme != "unix":
        raise ValueError(
            f"REDIS_URL must begin with redis://, rediss:// or unix://, not {parts.scheme}://"
        )
    options = {
        "virtual_host" if name == "db" else name: value for name, value in parse_qsl(parts.query)
    }
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{login}{parts.path}" + (f"?{urlencode(options)}" if options else "")
