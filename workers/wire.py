"""The worker protocol, version 1: how a worker leases runs from the site and reports on them.

The site and the workers import this module and `code_hash`, and nothing else of each other.

    POST /api/worker/v1/lease                       LeaseRequest  -> 200 Lease | 204
    POST /api/worker/v1/run-attempts/<id>/events    EventsRequest -> 200 EventsReply | 409 gap
    POST /api/worker/v1/run-attempts/<id>/result    Result        -> 200
    POST /api/worker/v1/run-attempts/<id>/release   Release       -> 200

Encoding. Bodies are JSON of at most MAX_BODY bytes. A number that is not finite is sent as null.
Every request carries `Authorization: Worker <token>`, the token of the worker; one about a run
attempt also carries `X-Run-Attempt-Token`, from its lease. Every text, list, mapping and whole
number that the site reads is bounded by its type below; the site refuses what lies outside, and
fields that it does not know. A worker ignores them, so that an older worker can run what a newer
site leases to it.

Refusals are problem documents (RFC 9457) with a `code`. The codes a worker acts on:

    gap                  events are missing on the site; `last` is the number of the last stored one
    stale-run-attempt    the run attempt has ended: by a result, a release or an expired lease
    not-found            there is no such run attempt

After the last two the worker kills the lab process and sends nothing more. 401 and 403 mean that
the worker's token is not valid; 408, 429, 5xx and answers without a code, that the request is to be
sent again later.

Lease. A run is leased in the order of the worker's queues, only if the worker has the lab's code
with the same hash. 204 means that nothing suitable is queued: ask again at the next wake-up (a
Celery message, see WAKE_UP_TASK), or after a few seconds. A request has a key; one without an
answer is repeated with the same key, and gets the lease that was made for it, if one was. The
worker confirms a lease at once by an EventsRequest, without events if need be: one that is not
confirmed within CONFIRM_SECONDS may be given to another worker. A lease lasts `lease_seconds`, and
each EventsRequest renews it. A run attempt that is silent for longer, while the site could have
heard it, is stalled: the site ends it and requeues the run. After three run attempts that failed
so, the run is lost; one that was never confirmed does not count.

Events are numbered from 1 within the run, across its run attempts. `after` is the number of the
last event that the site has acknowledged: those sent follow it. The site skips what it has stored,
so the request is idempotent. If `after` is beyond what it has stored, it answers 409 `gap`, and the
worker goes on from `last` + 1. An acknowledged event must not change.

Heartbeat. A worker with nothing to report sends EventsRequest without events every
`heartbeat_seconds`. The reply may ask to stop: then the worker sends SIGTERM to the lab process,
SIGKILL after `kill_seconds`, and reports `cancelled`. After `limit_seconds` of work it kills the
process and reports `limit_exceeded`.

Result. Sent once all events are acknowledged, and repeated until it is acknowledged itself (the
same result again: 200). It ends the run attempt and the run.

Release. The worker gives the run back, and the site requeues it: at a shutdown, or after a crash of
the lab process. Only with a `reason` that begins with "crashed" does it count as one of the three.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from msgspec import Meta, Struct

PREFIX = "/api/worker/v1"
MAX_BODY = 4_000_000  # bytes of one request
MAX_EVENTS = 2_000  # events of one report
MAX_POINTS = 20_000  # points of one event
MAX_QUEUES = 16  # that a worker asks
MAX_LABS = 1_000  # that a worker has
MAX_SLOTS = 1_024  # of a worker
MAX_VERDICTS = 200  # of a run
MAX_PARTS = 100  # of a verdict
RUN_ATTEMPT_HEADER = "X-Run-Attempt-Token"
CONFIRM_SECONDS = 2.0  # in which the first report of a run attempt must have come
WAKE_UP_TASK = "workers.drain"  # name of the Celery task; sent to the Celery queue of that name

Count = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Name = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$")
]  # of an arm, a series, a claim, a queue, a lab
Key = Annotated[str, Meta(max_length=128)]  # of a version or a fact
Text = Annotated[str, Meta(max_length=1_000)]
LongText = Annotated[str, Meta(max_length=100_000)]
Slots = Annotated[int, Meta(ge=0, le=MAX_SLOTS)]
Bytes = Annotated[int, Meta(ge=0, le=2**53)]
Versions = Annotated[dict[Key, Text], Meta(max_length=100)]  # python, torch, numpy, ...
Outcome = Literal["holds", "depends", "does_not_hold", "inconclusive"]
# Nothing nested: deep nesting would exhaust the stack of a recursive reader.
Fact = Text | Annotated[int, Meta(ge=-(2**53), le=2**53)] | float | bool | None
Facts = Annotated[list[Fact], Meta(max_length=1_000)]
Summary = Annotated[dict[Key, Fact | Facts], Meta(max_length=100)]
Values = Annotated[list[float | None], Meta(max_length=MAX_POINTS)]
# What a worker may report; only the site itself declares a run lost.
EndState = Literal["succeeded", "failed", "limit_exceeded", "cancelled"]


class Device(Struct, frozen=True, forbid_unknown_fields=True):
    """The hardware that a run is computed on."""

    kind: Literal["cpu", "cuda", "mps"]
    name: Text  # as the system calls it
    cores: Count = 1
    memory: Bytes = 0  #: of the GPU, else of the machine


class LeaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the worker can run now."""

    # most urgent first
    queues: Annotated[list[Name], Meta(max_length=MAX_QUEUES)]
    slots: Slots  # that are free
    all_slots: Slots  # free or not
    device: Device
    # slug to `code_hash.code_hash` of its .py
    labs: Annotated[dict[Name, Name], Meta(max_length=MAX_LABS)]
    engine: Count  # `workers.engine.VERSION`
    versions: Versions
    key: UUID | None = None  # of the request: when it is repeated, it has the same


class Lease(Struct, frozen=True):
    """A run to begin, and the terms of the lease. The token is sent only here."""

    run: str
    run_attempt_id: int
    number: int  # of the run attempt, from 1
    token: str
    lease_seconds: float
    heartbeat_seconds: float
    kill_seconds: float  # from SIGTERM to SIGKILL
    limit_seconds: float  # that the run attempt may take
    after: int  # number of the run's last stored event: this run attempt begins with the next
    queue: str
    lab: str
    code_hash: str  # of the lab
    config: dict[str, Any]
    replicates: int
    seed: int


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Points of one arm and one series: lists of equal length, at most MAX_POINTS.

    `low` and `high` bound the 95 % interval of the mean; they are empty for a single replicate.
    """

    arm: Name
    series: Name
    step: Annotated[list[float], Meta(min_length=1, max_length=MAX_POINTS)]
    mean: Values
    low: Values = []
    high: Values = []


class EventsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Events `after` + 1, `after` + 2, ...; without events it is a heartbeat."""

    after: Count
    events: Annotated[list[Event], Meta(max_length=MAX_EVENTS)] = []
    points_done: Count = 0  # points that the lab has yielded
    points_expected: Count = 0  # and will have yielded at its end; 0: unknown


class EventsReply(Struct, frozen=True):
    """`stop`: the learner has cancelled the run; end the lab process and report `cancelled`."""

    stop: bool
    lease_seconds: float


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """The verdict on one part of a claim; `name` is a key of the lab's .toml."""

    name: Name
    outcome: Outcome
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    replicates: Count = 0


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """The verdict of a run on one claim."""

    claim: Name
    outcome: Outcome
    effect: float | None = None  # None: too few replicates are finite
    low: float | None = None  # of the 95 % interval
    high: float | None = None
    replicates: Count = 0  # finite ones
    diverged: Count = 0  # replicates without a finite value, left out
    exact: bool = False  # closed form: no replicates, no interval
    parts: Annotated[list[Part], Meta(max_length=MAX_PARTS)] = []


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """How a run attempt ended; `verdicts` only if it succeeded."""

    state: EndState
    verdicts: Annotated[list[Verdict], Meta(max_length=MAX_VERDICTS)] = []
    error: LongText = ""  # of a failed run: the exception, in one line
    detail: LongText = ""  # its traceback, for the operator
    seconds: Seconds = 0.0  # of work
    device: Device | None = None
    versions: Versions = {}
    engine: Count = 0  # version
    # facts that pages show (threads, peak memory)
    summary: Summary = {}


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """The worker gives the run back. A reason that begins with "crashed" counts as a failure."""

    reason: LongText = ""


def celery_url(url: str) -> str:
    """Return REDIS_URL in the form Celery reads: `unix:///path?db=n` becomes `redis+socket://`.

    `redis://` and `rediss://` stay as they are.

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
