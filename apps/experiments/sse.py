"""Watching runs live: one Redis subscription a process, fanned out to every viewer; the database
wherever Redis leaves a gap.

A viewer is subscribed first, then given what the database has after the number it knows, then what
is newer. Batches of a run are numbered without gaps, so a viewer that misses one knows it, and the
next reading of the database, one query for all runs that are watched, brings it. No viewer holds a
database connection while it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_safe
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.experiments import run_events, selectors
from apps.experiments.models import Run

log = logging.getLogger(__name__)
PING_SECONDS = 15.0
POLL_SECONDS = 1.0  # while Redis is away, a gap shows, or a run waits in the queue
# of Redis, until it is asked whether it is there; after as many again it is not
SILENCE_SECONDS = 2.0
CALM_SECONDS = 5.0  # else: a message may have been lost without a trace
MAX_SEQ = 2_147_483_647  # that a batch can have
MAX_RUNS_PER_STREAM = 8  # runs in one stream
# messages; a viewer that reads slower is let go, and comes back with the number it knows
MAX_UNREAD_MESSAGES = 1_000


class Viewer:
    """One reader of one run: the number of the last batch that it is given, and what waits to be
    given.
    """

    def __init__(self, run: UUID, after: int) -> None:
        self.run, self.after = run, after
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: that was all
        self._said = ""
        self._over = False

    def put(self, run_event: run_events.RunEvent) -> bool:
        """Let what is new of a message wait to be given; return whether something is missing that
        the database knows.
        """
        waits = self.take(run_event)
        missing = run_event.last > self.after or not run_event.said
        if not missing and run_event.said != self._said:  # the state waits for the points before it
            self._said = run_event.said
            waits.append(f"event: state\ndata: {run_event.said}\n\n".encode())
        if waits and not self._over:
            self._wait(b"".join(waits))
        if not missing and run_event.state in Run.OVER:
            self.end()
        return missing

    def take(self, run_event: run_events.RunEvent) -> list[bytes]:
        """Return what of a message is new to this viewer: nothing, when something before it is
        missing.
        """
        if run_event.since > self.after:
            return []
        fresh = [(kind, seq, data) for kind, seq, data in run_event.events if seq > self.after]
        self.after = max(self.after, run_event.last)
        return [f"event: {kind}\nid: {seq}\ndata: {data}\n\n".encode() for kind, seq, data in fresh]

    def end(self) -> None:
        """Close the stream when what waits has been given."""
        if not self._over:
            self._over = True
            self.inbox.put_nowait(None)

    def _wait(self, message: bytes) -> None:
        if self.inbox.qsize() < MAX_UNREAD_MESSAGES:
            self.inbox.put_nowait(message)
        # it reads too slowly: let it go, its browser comes back with the number that it knows
        else:
            self.inbox = asyncio.Queue()
            self.end()


class StateViewer(Viewer):
    """One reader of a run's state alone, among several runs: they share an inbox, and each message
    names its run.
    """

    def __init__(self, run: UUID, inbox: asyncio.Queue[bytes | None]) -> None:
        super().__init__(run, MAX_SEQ)  # no batch is new to it
        self.inbox = inbox

    def put(self, run_event: run_events.RunEvent) -> bool:
        if (
            run_event.said
            and run_event.said != self._said
            and not self._over
            and self.inbox.qsize() < MAX_UNREAD_MESSAGES
        ):
            self._said = run_event.said
            self.inbox.put_nowait(
                f'event: state\ndata: {{"run":"{run_event.run}",{run_event.said[1:]}\n\n'.encode()
            )
        if run_event.said and run_event.state in Run.OVER:
            self.end()
        return not run_event.said


class Hub:
    """All viewers of this process; at work from the first that comes to the last that goes."""

    def __init__(self) -> None:
        self.viewers: dict[UUID, set[Viewer]] = defaultdict(set)
        # watched runs that wait: their place changes without a message
        self.queued: set[UUID] = set()
        self.connected = False
        self.gap = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def join(self, viewer: Viewer) -> None:
        self.viewers[viewer.run].add(viewer)
        if not self.tasks:
            self.tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    def leave(self, viewer: Viewer) -> None:
        self.viewers[viewer.run].discard(viewer)
        if not self.viewers[viewer.run]:
            del self.viewers[viewer.run]
            self.queued.discard(viewer.run)
        if not self.viewers:
            for task in self.tasks:
                task.cancel()
            self.tasks, self.connected = [], False

    def tell(self, run_event: run_events.RunEvent) -> None:
        """Pass a message on to those who watch its run."""
        run = UUID(run_event.run)
        if viewers := self.viewers.get(run):
            (self.queued.add if run_event.state == Run.State.QUEUED else self.queued.discard)(run)
            for viewer in viewers:
                if viewer.put(run_event):
                    self.gap.set()

    async def _listen(self) -> None:
        """Pass on what Redis says, for ever; while it is away, `_look` serves."""
        complained = False
        while True:
            try:
                await self._record_heartbeat()
            except (redis.RedisError, OSError) as error:
                if self.connected or not complained:
                    log.warning("live points come from the database: %s", error)
                complained = True
            except Exception:
                log.exception("could not hear what is new; trying again")
            finally:
                if asyncio.current_task() in self.tasks:  # else others listen by now
                    self.connected = False
                    self.gap.set()
            await asyncio.sleep(POLL_SECONDS)

    async def _record_heartbeat(self) -> None:
        """Subscribe, and pass on what is said, until Redis fails or falls silent: a connection may
        be dead without an error.

        Raises:
            RedisError, OSError.
        """
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=SILENCE_SECONDS,
            socket_connect_timeout=1,
            # else redis-py subscribes again without a word, and what was said meanwhile is missed
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with client.pubsub() as subscription:
                await subscription.subscribe(run_events.CHANNEL)
                asked = False
                while True:
                    message = await subscription.get_message(timeout=SILENCE_SECONDS)
                    if message is None and asked:
                        raise redis.TimeoutError("Redis has fallen silent")
                    if message is None:
                        await subscription.ping()
                    elif message["type"] == "subscribe":
                        self.connected = True
                        self.gap.set()  # for what was said before we listened
                    elif message["type"] == "message":
                        self._pass_on(message["data"])
                    asked = message is None
        finally:
            await client.aclose()

    def _pass_on(self, data: bytes) -> None:
        try:
            self.tell(run_events.decode(data))
        except (msgspec.DecodeError, ValueError) as error:  # of a process of another version, say
            log.warning("passed over a message that makes no sense: %s", error)

    async def _look(self) -> None:
        """Read what is new of all watched runs from the database: each second while that is needed,
        else now and then.
        """
        while True:
            self.gap.clear()
            try:
                await self._read(
                    {
                        run: min(viewer.after for viewer in viewers)
                        for run, viewers in self.viewers.items()
                    }
                )
            except Exception:
                log.exception("could not read what is new; trying again")
            calm = self.connected and not self.queued
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gap.wait(), CALM_SECONDS if calm else POLL_SECONDS)
                # when one viewer misses a batch, others miss it too
                await asyncio.sleep(POLL_SECONDS / 4)

    async def _read(self, known: dict[UUID, int]) -> None:
        found = await updates_after(known)
        for run_event in found:
            self.tell(run_event)
        for run in known.keys() - {UUID(run_event.run) for run_event in found}:  # it was deleted
            for viewer in self.viewers.get(run, ()):
                viewer.end()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of this event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def updates_after(known: dict[UUID, int]) -> list[run_events.RunEvent]:
    """Return the state of each run, and what was stored for it after the batch that is known."""
    return await sync_to_async(_updates_after, thread_sensitive=False)(known)


def _updates_after(known: dict[UUID, int]) -> list[run_events.RunEvent]:
    try:
        runs = {
            run.pk: run
            for run in Run.objects.filter(pk__in=known)
            .select_related("version")
            .defer("version__source")
        }
        batches = selectors.batches_after(
            {pk: after for pk, after in known.items() if pk in runs and runs[pk].last_seq > after}
        )
        return [
            run_events.run_event(run, batches.get(pk, []), since=known[pk], said=_said(run))
            for pk, run in runs.items()
        ]
    finally:
        # back to the pool: whoever watches holds no connection while it waits
        connections.close_all()


def _said(run: Run) -> str:
    """Return what the stream says of a run's state; of a waiting one with its place."""
    if run.state != Run.State.QUEUED:
        return run_events.state_json(run)
    place = selectors.queue_position(run)
    return run_events.state_json(
        run, ahead=place.ahead, reason=place.reason, soonest=place.soonest, latest=place.latest
    )


async def watch(pk: UUID, after: int) -> AsyncIterator[bytes]:
    """Yield a run's events as server-sent events: what came after batch `after`, then what comes,
    until the run is over.
    """
    viewer, here = Viewer(pk, after), hub()
    here.join(viewer)
    try:
        yield b"retry: 1000\n\n"
        for run_event in await updates_after({pk: after}):
            here.tell(run_event)
        async for waits in _given(viewer):
            yield waits
    finally:
        here.leave(viewer)


async def watch_states(runs: Sequence[UUID]) -> AsyncIterator[bytes]:
    """Yield the states of several runs as server-sent events, each with its run's id, until all of
    them are over.
    """
    inbox, here = asyncio.Queue[bytes | None](), hub()
    glances = [StateViewer(pk, inbox) for pk in runs]
    for each in glances:
        here.join(each)
    here.gap.set()  # the database is read now
    try:
        yield b"retry: 1000\n\n"
        async for waits in _given(glances[0], ends=len(glances)):
            yield waits
    finally:
        for each in glances:
            here.leave(each)


async def _given(viewer: Viewer, ends: int = 1) -> AsyncIterator[bytes]:
    """Yield what waits for a viewer, and a sign of life now and then, until so many ends came."""
    while ends:
        try:
            waits = await asyncio.wait_for(viewer.inbox.get(), PING_SECONDS)
        except TimeoutError:
            yield b": ping\n\n"
            continue
        if waits is None:
            ends -= 1
        else:
            yield waits


@require_safe
@require_GET
async def stream_run(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """`GET /runs/<id>/events?after=<seq>`; `Last-Event-ID` wins."""
    user = await request.auser()
    run = await sync_to_async(selectors.run_for)(user, pk)
    asked = request.headers.get("Last-Event-ID") or request.GET.get("after", "0")
    after = min(int(asked[:10]), MAX_SEQ) if asked.isascii() and asked.isdigit() else 0
    return await _streamed(watch(run.pk, after))


@require_safe
@require_GET
async def stream_run_states(request: HttpRequest) -> HttpResponseBase:
    """`GET /runs/events?ids=<id>,<id>`: several runs in one stream, for a browser allows six
    connections to a site.
    """
    user = await request.auser()
    runs = await sync_to_async(selectors.visible_runs)(
        user, request.GET.get("ids", "").split(",")[:MAX_RUNS_PER_STREAM]
    )
    return await _streamed(watch_states(runs))


async def _streamed(events: AsyncIterator[bytes]) -> HttpResponseBase:
    # before the first byte: else as many viewers as the pool holds stop the site
    await sync_to_async(connections.close_all)()
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"], response["X-Accel-Buffering"] = "no-store", "no"
    return response
