"""Watching runs live, over server-sent events: one Redis subscription a process, fanned out to
every viewer; the database wherever Redis leaves a gap.

A viewer is subscribed first, then sent what the database has after the batch that it knows, then
what is newer. Batches of a run are numbered without gaps, so a missing one is noticed, and the next
poll of the database, one query for all runs that are watched, brings it. No viewer holds a database
connection while it waits. Whether a viewer may still see what is sent is asked again before a
message, once a second at most. A person and a network have so many streams of a process; a visitor
is counted by network alone, since another session costs them nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_safe
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.common.errors import TooManyStreams
from apps.common.networks import Network, client_network
from apps.experiments import run_events, selectors
from apps.experiments.models import Run
from apps.experiments.reader import reader_of

T = TypeVar("T")
log = logging.getLogger(__name__)
PING_SECONDS = 15.0
# between polls of the database while Redis is away, a batch is missing, or a run is queued
POLL_SECONDS = 1.0
# without a message, until Redis is sent a PING; and again, until it counts as away
SILENCE_SECONDS = 2.0
CALM_SECONDS = 5.0  # between polls otherwise: a message may have been lost unnoticed
RECHECK_SECONDS = 1.0  # after which it is asked again whether a viewer may see a message
MAX_SEQ = 2_147_483_647  # of a batch: the largest integer of its column
MAX_RUNS_PER_STREAM = 8
MAX_STREAMS_PER_PERSON = 50
MAX_STREAMS_PER_NETWORK = 200  # such as a class behind one address
# of one viewer: one that reads too slowly is disconnected, and its browser connects again
MAX_UNREAD_MESSAGES = 1_000


class Viewer:
    """A connection that watches one run: the number of the last batch that it was sent, and the
    messages still to be sent.
    """

    def __init__(self, run: UUID, after: int) -> None:
        self.run, self.after = run, after
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: the end
        self._state_json = ""
        self._over = False

    def put(self, event: run_events.RunEvent) -> bool:
        """Put what is new of an event into the inbox. Returns whether something is missing, which
        must be read from the database.
        """
        messages = self.take(event)
        missing = event.last > self.after or not event.state_json
        if not missing and event.state_json != self._state_json:  # the state comes after its points
            self._state_json = event.state_json
            messages.append(f"event: state\ndata: {event.state_json}\n\n".encode())
        if messages and not self._over:
            self._wait(b"".join(messages))
        if not missing and event.state in Run.ENDED_STATES:
            self.end()
        return missing

    def take(self, event: run_events.RunEvent) -> list[bytes]:
        """Return what of an event is new to this viewer; nothing while a batch before it is
        missing.
        """
        if event.since > self.after:
            return []
        fresh = [(kind, seq, data) for kind, seq, data in event.events if seq > self.after]
        self.after = max(self.after, event.last)
        return [f"event: {kind}\nid: {seq}\ndata: {data}\n\n".encode() for kind, seq, data in fresh]

    def end(self) -> None:
        """Close the stream after what is in the inbox."""
        if not self._over:
            self._over = True
            self.inbox.put_nowait(None)

    def _wait(self, message: bytes) -> None:
        if self.inbox.qsize() < MAX_UNREAD_MESSAGES:
            self.inbox.put_nowait(message)
        else:  # it reads too slowly: its browser connects again, from the last batch it has
            self.inbox = asyncio.Queue()
            self.end()


class StateViewer(Viewer):
    """Watches the state of one run among several: they share an inbox, and each message names its
    run.
    """

    def __init__(self, run: UUID, inbox: asyncio.Queue[bytes | None]) -> None:
        super().__init__(run, MAX_SEQ)  # so that no batch is new to it
        self.inbox = inbox

    def put(self, event: run_events.RunEvent) -> bool:
        if (
            event.state_json
            and event.state_json != self._state_json
            and not self._over
            and self.inbox.qsize() < MAX_UNREAD_MESSAGES
        ):
            self._state_json = event.state_json
            self.inbox.put_nowait(
                f'event: state\ndata: {{"run":"{event.run}",{event.state_json[1:]}\n\n'.encode()
            )
        if event.state_json and event.state in Run.ENDED_STATES:
            self.end()
        return not event.state_json


class Stream:
    """The content of one response. It is counted among `streams` until Django closes that.

    Raises:
        TooManyStreams: its person or its network has too many.
    """

    def __init__(
        self,
        events: AsyncIterator[bytes],
        person: int | None,
        network: Network | None,
        streams: set[Stream],
    ) -> None:
        self.events, self.person, self.network, self.streams = events, person, network, streams
        of_person = sum(person is not None and person == stream.person for stream in streams)
        of_network = sum(network is not None and network == stream.network for stream in streams)
        if of_person >= MAX_STREAMS_PER_PERSON or of_network >= MAX_STREAMS_PER_NETWORK:
            raise TooManyStreams
        streams.add(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.events

    def close(self) -> None:
        self.streams.discard(self)


class Hub:
    """All viewers of this process. Its tasks run while there are any."""

    def __init__(self) -> None:
        self.viewers: dict[UUID, set[Viewer]] = defaultdict(set)
        self.streams: set[Stream] = set()  # that are open
        # watched runs in the queue: their place changes without a message
        self.queued: set[UUID] = set()
        self.connected = False
        self.gap = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def join(self, viewer: Viewer) -> None:
        self.viewers[viewer.run].add(viewer)
        if not self.tasks:
            self.tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]

    def leave(self, viewer: Viewer) -> None:
        self.viewers[viewer.run].discard(viewer)
        if not self.viewers[viewer.run]:
            del self.viewers[viewer.run]
            self.queued.discard(viewer.run)
        if not self.viewers:
            for task in self.tasks:
                task.cancel()
            self.tasks, self.connected = [], False

    def tell(self, event: run_events.RunEvent) -> None:
        """Pass an event on to those who watch its run."""
        run = UUID(event.run)
        if viewers := self.viewers.get(run):
            (self.queued.add if event.state == Run.State.QUEUED else self.queued.discard)(run)
            for viewer in viewers:
                if viewer.put(event):
                    self.gap.set()

    async def _listen(self) -> None:
        """Pass on what Redis publishes, for ever; while it is away, `_poll` serves."""
        complained = False
        while True:
            try:
                await self._subscribe()
            except (redis.RedisError, OSError) as error:
                if self.connected or not complained:
                    log.warning("live points come from the database: %s", error)
                complained = True
            except Exception:
                log.exception("the subscription failed; trying again")
            finally:
                if asyncio.current_task() in self.tasks:  # else newer tasks have taken over
                    self.connected = False
                    self.gap.set()
            await asyncio.sleep(POLL_SECONDS)

    async def _subscribe(self) -> None:
        """Subscribe, and pass on messages until Redis fails or does not answer: a connection may be
        dead without an error.

        Raises:
            RedisError, OSError.
        """
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=SILENCE_SECONDS,
            socket_connect_timeout=1,
            # else redis-py subscribes again silently, and messages published meanwhile are missed
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with client.pubsub() as subscription:
                await subscription.subscribe(run_events.CHANNEL)
                pinged = False
                while True:
                    message = await subscription.get_message(timeout=SILENCE_SECONDS)
                    if message is None and pinged:
                        raise redis.TimeoutError("Redis does not answer")
                    if message is None:
                        await subscription.ping()
                    elif message["type"] == "subscribe":
                        self.connected = True
                        self.gap.set()  # to read what was published before
                    elif message["type"] == "message":
                        self._pass_on(message["data"])
                    pinged = message is None
        finally:
            await client.aclose()

    def _pass_on(self, data: bytes) -> None:
        try:
            self.tell(run_events.decode(data))
        except (msgspec.DecodeError, ValueError) as error:  # such as one of another version
            log.warning("ignored a malformed message: %s", error)

    async def _poll(self) -> None:
        """Read what is new of all watched runs from the database: every `POLL_SECONDS` while Redis
        is away or a run is queued, else every `CALM_SECONDS`.
        """
        while True:
            self.gap.clear()
            try:
                last_known = {
                    run: min(viewer.after for viewer in viewers)
                    for run, viewers in self.viewers.items()
                }
                await self._read(last_known)
            except Exception:
                log.exception("could not read what is new; trying again")
            calm = self.connected and not self.queued
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gap.wait(), CALM_SECONDS if calm else POLL_SECONDS)
                # when one viewer misses a batch, others miss it too
                await asyncio.sleep(POLL_SECONDS / 4)

    async def _read(self, last_known: dict[UUID, int]) -> None:
        updates = await updates_after(last_known)
        for event in updates:
            self.tell(event)
        deleted = last_known.keys() - {UUID(event.run) for event in updates}
        for run in deleted:
            for viewer in self.viewers.get(run, ()):
                viewer.end()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of this event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def updates_after(last_known: dict[UUID, int]) -> list[run_events.RunEvent]:
    """Return the state of each run, and what was stored for it after the given batch."""
    return await _in_thread(partial(_updates_after, last_known))


def _updates_after(last_known: dict[UUID, int]) -> list[run_events.RunEvent]:
    runs = {run.pk: run for run in Run.objects.filter(pk__in=last_known).select_related("version")}
    batches = selectors.batches_after(
        {pk: after for pk, after in last_known.items() if pk in runs and runs[pk].last_seq > after}
    )
    return [
        run_events.run_event(
            run, batches.get(pk, []), since=last_known[pk], state_json=_state_json(run)
        )
        for pk, run in runs.items()
    ]


async def _in_thread(call: Callable[[], T]) -> T:
    """Ask the database in a thread; its connection goes back to the pool at once, so that no viewer
    holds one while it waits.
    """

    def call_and_give_back() -> T:
        try:
            return call()
        finally:
            connections.close_all()

    return await sync_to_async(call_and_give_back, thread_sensitive=False)()


def _state_json(run: Run) -> str:
    """Return a run's state as the stream sends it, with its place if it is queued."""
    if run.state != Run.State.QUEUED:
        return run_events.state_as_json(run)
    place = selectors.queue_position(run)
    return run_events.state_as_json(
        run, ahead=place.ahead, reason=place.reason, soonest=place.soonest, latest=place.latest
    )


async def watch(pk: UUID, after: int, may_see: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield a run's events as server-sent events: those after batch `after`, then new ones, until
    the run has ended, or `may_see` says no.
    """
    viewer, viewers = Viewer(pk, after), hub()
    viewers.join(viewer)
    try:
        yield b"retry: 1000\n\n"
        for event in await updates_after({pk: after}):
            viewers.tell(event)
        async for message in _messages(viewer, may_see):
            yield message
    finally:
        viewers.leave(viewer)


async def watch_states(runs: Sequence[UUID], may_see: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield the states of several runs as server-sent events, each with its run's id, until all of
    them have ended, or `may_see` says no.
    """
    inbox, viewers = asyncio.Queue[bytes | None](), hub()
    watched = [StateViewer(pk, inbox) for pk in runs]
    for viewer in watched:
        viewers.join(viewer)
    viewers.gap.set()  # poll the database now
    try:
        yield b"retry: 1000\n\n"
        async for message in _messages(watched[0], may_see, ends=len(watched)):
            yield message
    finally:
        for viewer in watched:
            viewers.leave(viewer)


async def _messages(
    viewer: Viewer, may_see: Callable[[], bool], ends: int = 1
) -> AsyncIterator[bytes]:
    """Yield what comes into a viewer's inbox, and a ping every `PING_SECONDS`, until it has brought
    `ends` ends, or `may_see` says no.
    """
    checked_at = time.monotonic()
    while ends:
        message: bytes | None = b": ping\n\n"
        with contextlib.suppress(TimeoutError):
            message = await asyncio.wait_for(viewer.inbox.get(), PING_SECONDS)
        if message is None:
            ends -= 1
            continue
        if time.monotonic() - checked_at >= RECHECK_SECONDS:
            if not await _in_thread(may_see):
                return
            checked_at = time.monotonic()
        yield message


@require_safe
@require_GET
async def stream_run(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """`GET /runs/<id>/events?after=<seq>`; `Last-Event-ID` wins. Who may not see the run's verdict
    is sent its states alone.
    """
    is_shown = await sync_to_async(_shows_points)(request, pk)
    asked = request.headers.get("Last-Event-ID") or request.GET.get("after", "0")
    after = min(int(asked[:10]), MAX_SEQ) if asked.isascii() and asked.isdigit() else 0

    def may_see() -> bool:
        again = _read_again(request)
        try:
            return again.user == request.user and _shows_points(again, pk) >= is_shown
        except Http404:
            return False

    return await _streamed(request, watch(pk, after if is_shown else MAX_SEQ, may_see))


def _read_again(request: HttpRequest) -> HttpRequest:
    """Return a request of the same browser, with session and user as they are now: the session may
    have ended, by signing out or by a new password.
    """
    again = HttpRequest()
    again.session = type(request.session)(request.session.session_key)
    again.user = get_user(again)
    return again


def _shows_points(request: HttpRequest, pk: UUID) -> bool:
    run = selectors.run_for(request.user, pk)
    return selectors.shows_verdict(reader_of(request), run)


@require_safe
@require_GET
async def stream_run_states(request: HttpRequest) -> HttpResponseBase:
    """`GET /runs/events?ids=<id>,<id>`: several runs in one stream, since a browser opens six
    connections to a site.
    """
    user = await request.auser()
    runs = await sync_to_async(selectors.visible_runs)(
        user, request.GET.get("ids", "").split(",")[:MAX_RUNS_PER_STREAM]
    )

    def may_see() -> bool:
        again = _read_again(request)
        visible = Run.objects.visible_to(again.user).filter(pk__in=runs)
        return again.user == user and visible.count() == len(runs)

    return await _streamed(request, watch_states(runs, may_see))


async def _streamed(request: HttpRequest, events: AsyncIterator[bytes]) -> HttpResponseBase:
    user, network = await request.auser(), client_network(request.META["REMOTE_ADDR"])
    stream = Stream(events, user.pk, network, hub().streams)
    # before the first byte: else as many viewers as the pool has connections stop the site
    await sync_to_async(connections.close_all)()
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"], response["X-Accel-Buffering"] = "no-store", "no"
    return response
