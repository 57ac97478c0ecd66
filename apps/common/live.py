"""Pages that are watched live, over server-sent events: streams of this process, one Redis
subscription for all of them, fanned out to every viewer; the database wherever Redis leaves a gap.

A `Hub` is what one kind of thing needs that is watched (runs, threads): which channel of Redis
tells of it, and how the database is asked what is new. A viewer joins first, is then sent what the
database has, then what is newer; what a message lacks is read by the next poll, one for all things
of a kind. No viewer holds a database connection while it waits. A person and a network have so many
streams of a process, whatever they watch; a visitor is counted by network alone, since another
session costs them nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakKeyDictionary

import msgspec
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.common.errors import TooManyStreams
from apps.common.networks import Network, client_network

Key = TypeVar("Key", bound=Hashable)  # of what is watched
Event = TypeVar("Event")  # what is new about it
T = TypeVar("T")
log = logging.getLogger(__name__)
PING_SECONDS = 15.0
# between polls of the database while Redis is away, or something is missing
POLL_SECONDS = 1.0
# without a message, until Redis is sent a PING; and again, until it counts as away
SILENCE_SECONDS = 2.0
CALM_SECONDS = 5.0  # between polls otherwise: a message may have been lost unnoticed
RECHECK_SECONDS = 1.0  # after which it is asked again whether a viewer may see a message
MAX_SEQ = 2_147_483_647  # number of an event: the largest integer of its column
MAX_STREAMS_PER_PERSON = 50
MAX_STREAMS_PER_NETWORK = 200  # such as a class behind one address
# of one viewer: one that reads too slowly is disconnected, and its browser connects again
MAX_UNREAD_MESSAGES = 1_000
RETRY = b"retry: 1000\n\n"  # milliseconds: how a stream begins


class Viewer(ABC, Generic[Key, Event]):
    """A connection that watches one thing: the number of the last event that it was sent, and the
    messages still to be sent.
    """

    def __init__(
        self, key: Key, after: int, inbox: asyncio.Queue[bytes | None] | None = None
    ) -> None:
        self.key, self.after = key, after
        # None: the end
        self.inbox = asyncio.Queue[bytes | None]() if inbox is None else inbox
        self._over = False

    @abstractmethod
    def put(self, event: Event) -> bool:
        """Put what is new of an event into the inbox. Returns whether something is missing, which
        must be read from the database.
        """

    def send(self, message: bytes) -> None:
        """Put a message into the inbox."""
        if self._over:
            return
        if self.inbox.qsize() < MAX_UNREAD_MESSAGES:
            self.inbox.put_nowait(message)
        else:  # it reads too slowly: its browser connects again, from the last event it has
            self.inbox = asyncio.Queue()
            self.end()

    def end(self) -> None:
        """Close the stream after what is in the inbox."""
        if not self._over:
            self._over = True
            self.inbox.put_nowait(None)


class Hub(ABC, Generic[Key, Event]):
    """All viewers of one kind of thing in this process. It polls while there are any.

    A kind sets `channel`, and says what a message means, and what the database has.
    """

    channel: ClassVar[str]  # of Redis

    def __init__(self) -> None:
        self.viewers: dict[Key, set[Any]] = defaultdict(set)
        self.gap = asyncio.Event()
        self._subscription = Subscription()  # of the loop, once somebody has joined
        self._polling: asyncio.Task[None] | None = None

    def __init_subclass__(cls) -> None:
        CHANNELS.add(cls.channel)

    @abstractmethod
    def decode(self, data: bytes) -> Event:
        """Return what a message of the channel says.

        Raises:
            DecodeError, ValueError: it is malformed, such as one of another version.
        """

    @abstractmethod
    def key_of(self, event: Event) -> Key: ...

    @abstractmethod
    async def updates_after(self, last_known: dict[Key, int]) -> Sequence[Event]:
        """Return what the database has of each thing after the given event. What is not among it is
        gone: its viewers are let go.
        """

    @property
    def calm_seconds(self) -> float:
        return CALM_SECONDS

    @property
    def is_calm(self) -> bool:
        """Return whether messages tell of everything that is new."""
        return self.connected

    @property
    def connected(self) -> bool:
        return self._subscription.connected

    def join(self, viewer: Viewer[Key, Event]) -> None:
        self.viewers[viewer.key].add(viewer)
        if self._polling is None:
            self._subscription = subscription()
            self._subscription.add(self)
            self._polling = asyncio.create_task(self._poll())

    def leave(self, viewer: Viewer[Key, Event]) -> None:
        self.viewers[viewer.key].discard(viewer)
        if not self.viewers[viewer.key]:
            del self.viewers[viewer.key]
        if not self.viewers and self._polling is not None:
            self._polling.cancel()
            self._polling = None
            self._subscription.remove(self)

    def tell(self, event: Event) -> None:
        """Pass an event on to those who watch what it is about."""
        for viewer in self.viewers.get(self.key_of(event), ()):
            if viewer.put(event):
                self.gap.set()

    async def _poll(self) -> None:
        """Read what is new of everything that is watched from the database: every `POLL_SECONDS`
        unless all is calm, else every `calm_seconds`.
        """
        while True:
            self.gap.clear()
            try:
                last_known = {
                    key: min(viewer.after for viewer in viewers)
                    for key, viewers in self.viewers.items()
                }
                await self._read(last_known)
            except Exception:
                log.exception("could not read what is new; trying again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self.gap.wait(), self.calm_seconds if self.is_calm else POLL_SECONDS
                )
                # when one viewer misses something, others miss it too
                await asyncio.sleep(POLL_SECONDS / 4)

    async def _read(self, last_known: dict[Key, int]) -> None:
        updates = await self.updates_after(last_known)
        for event in updates:
            self.tell(event)
        for key in last_known.keys() - {self.key_of(event) for event in updates}:
            for viewer in self.viewers.get(key, ()):
                viewer.end()


CHANNELS: set[str] = set()  # of all kinds


class Subscription:
    """What Redis publishes for the hubs of an event loop. It listens while one of them has viewers,
    to the channels of all of them.
    """

    def __init__(self) -> None:
        self.hubs: dict[str, Hub[Any, Any]] = {}  # with viewers, by channel
        self.connected = False
        self._listening: asyncio.Task[None] | None = None

    def add(self, hub: Hub[Any, Any]) -> None:
        self.hubs[hub.channel] = hub
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    def remove(self, hub: Hub[Any, Any]) -> None:
        self.hubs.pop(hub.channel, None)
        if not self.hubs and self._listening is not None:
            self._listening.cancel()
            self._listening, self.connected = None, False

    async def _listen(self) -> None:
        """Pass on what Redis publishes, for ever; while it is away, the hubs poll more often."""
        complained = False
        while True:
            try:
                await self._subscribe()
            except (redis.RedisError, OSError) as error:
                if self.connected or not complained:
                    log.warning("what is live comes from the database: %s", error)
                complained = True
            except Exception:
                log.exception("the subscription failed; trying again")
            finally:
                if asyncio.current_task() is self._listening:  # else a newer task has taken over
                    self._connect(False)
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
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(*sorted(CHANNELS))
                pinged, subscribed = False, set()
                while True:
                    message = await pubsub.get_message(timeout=SILENCE_SECONDS)
                    if message is None and pinged:
                        raise redis.TimeoutError("Redis does not answer")
                    if message is None:
                        await pubsub.ping()
                    elif message["type"] == "subscribe":
                        subscribed.add(message["channel"])
                        if len(subscribed) == len(CHANNELS):
                            self._connect(True)  # to read what was published before
                    elif message["type"] == "message":
                        self._pass_on(message["channel"].decode(), message["data"])
                    pinged = message is None
        finally:
            await client.aclose()

    def _connect(self, connected: bool) -> None:
        """Note whether Redis is there, and have the hubs poll the database now."""
        self.connected = connected
        for hub in self.hubs.values():
            hub.gap.set()

    def _pass_on(self, channel: str, data: bytes) -> None:
        hub = self.hubs.get(channel)
        if hub is None:  # nobody watches anything of the kind
            return
        try:
            hub.tell(hub.decode(data))
        except (msgspec.DecodeError, ValueError) as error:  # such as one of another version
            log.warning("ignored a malformed message: %s", error)


_subscriptions: WeakKeyDictionary[asyncio.AbstractEventLoop, Subscription] = WeakKeyDictionary()


def subscription() -> Subscription:
    """Return the subscription of this event loop."""
    return _subscriptions.setdefault(asyncio.get_running_loop(), Subscription())


# ---------------------------------------------------------------- streams


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
        *,
        max_per_person: int,
        max_per_network: int,
    ) -> None:
        self.events, self.person, self.network, self.streams = events, person, network, streams
        of_person = sum(person is not None and person == stream.person for stream in streams)
        of_network = sum(network is not None and network == stream.network for stream in streams)
        if of_person >= max_per_person or of_network >= max_per_network:
            raise TooManyStreams
        streams.add(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.events

    def close(self) -> None:
        self.streams.discard(self)


# that are open, by event loop
_streams: WeakKeyDictionary[asyncio.AbstractEventLoop, set[Stream]] = WeakKeyDictionary()


async def streamed(
    request: HttpRequest,
    events: AsyncIterator[bytes],
    *,
    max_per_person: int | None = None,
    max_per_network: int | None = None,
) -> HttpResponseBase:
    """Return the response that sends these events.

    Args:
        max_per_person: streams at once, of whatever kind; None: MAX_STREAMS_PER_PERSON.
        max_per_network: likewise.

    Raises:
        TooManyStreams: its person or its network has too many.
    """
    user, network = await request.auser(), client_network(request.META["REMOTE_ADDR"])
    stream = Stream(
        events,
        user.pk,
        network,
        _streams.setdefault(asyncio.get_running_loop(), set()),
        max_per_person=MAX_STREAMS_PER_PERSON if max_per_person is None else max_per_person,
        max_per_network=MAX_STREAMS_PER_NETWORK if max_per_network is None else max_per_network,
    )
    # before the first byte: else as many viewers as the pool has connections stop the site
    await sync_to_async(connections.close_all)()
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"], response["X-Accel-Buffering"] = "no-store", "no"
    return response


async def messages(
    viewer: Viewer[Any, Any],
    may_see: Callable[[], bool],
    ends: int = 1,
    recheck_seconds: float | None = None,
) -> AsyncIterator[bytes]:
    """Yield what comes into a viewer's inbox, and a ping every `PING_SECONDS`, until it has brought
    `ends` ends, or `may_see` says no: asked before a message, at most every `recheck_seconds`
    (None: RECHECK_SECONDS).
    """
    if recheck_seconds is None:
        recheck_seconds = RECHECK_SECONDS
    checked_at = time.monotonic()
    while ends:
        message: bytes | None = b": ping\n\n"
        with contextlib.suppress(TimeoutError):
            message = await asyncio.wait_for(viewer.inbox.get(), PING_SECONDS)
        if message is None:
            ends -= 1
            continue
        if time.monotonic() - checked_at >= recheck_seconds:
            if not await in_thread(may_see):
                return
            checked_at = time.monotonic()
        yield message


def event_number(text: str) -> int:
    """Return the number of an event as a browser sends it; 0 for what is none."""
    return min(int(text[:10]), MAX_SEQ) if text.isascii() and text.isdigit() else 0


async def in_thread(call: Callable[[], T]) -> T:
    """Ask the database in a thread; its connection goes back to the pool at once, so that no viewer
    holds one while it waits.
    """

    def call_and_give_back() -> T:
        try:
            return call()
        finally:
            connections.close_all()

    return await sync_to_async(call_and_give_back, thread_sensitive=False)()


def read_again(request: HttpRequest) -> HttpRequest:
    """Return a request of the same browser, with session and user as they are now: the session may
    have ended, by signing out or by a new password. Of a program: with whose its token is now.
    """
    again = HttpRequest()
    if user_again := getattr(request, "user_again", None):  # set by `apps.api.streams`
        again.session, again.user = type(request.session)(), user_again()
        return again
    again.session = type(request.session)(request.session.session_key)
    again.user = get_user(again)
    return again
