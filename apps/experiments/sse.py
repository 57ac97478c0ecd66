"""Watching runs live (`common.live`).

Batches of a run are numbered without gaps, so a missing one is noticed, and the next poll of the
database brings it. Whether a viewer may still see what is sent is asked again before a message,
once a second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_safe

from apps.common import live
from apps.common.live import (
    CALM_SECONDS,
    MAX_SEQ,
    MAX_STREAMS_PER_NETWORK,
    MAX_STREAMS_PER_PERSON,
    MAX_UNREAD_MESSAGES,
    RECHECK_SECONDS,
)
from apps.experiments import queue_words, run_events, selectors
from apps.experiments.models import Run
from apps.experiments.queue_estimate import Place
from apps.experiments.reader import reader_of

MAX_RUNS_PER_STREAM = 8


class Viewer(live.Viewer[UUID, run_events.RunEvent]):
    """A connection that watches one run; its events are numbered as the run's batches are."""

    def __init__(
        self, run: UUID, after: int, inbox: asyncio.Queue[bytes | None] | None = None
    ) -> None:
        super().__init__(run, after, inbox)
        self._state_json = ""

    @property
    def run(self) -> UUID:
        return self.key

    def put(self, event: run_events.RunEvent) -> bool:
        messages = self.take(event)
        missing = event.last > self.after or not event.state_json
        if not missing and event.state_json != self._state_json:  # the state comes after its points
            self._state_json = event.state_json
            messages.append(f"event: state\ndata: {event.state_json}\n\n".encode())
        if messages:
            self.send(b"".join(messages))
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


class StateViewer(Viewer):
    """Watches the state of one run among several: they share an inbox, and each message names its
    run.
    """

    def __init__(self, run: UUID, inbox: asyncio.Queue[bytes | None]) -> None:
        super().__init__(run, MAX_SEQ, inbox)  # so that no batch is new to it

    def put(self, event: run_events.RunEvent) -> bool:
        if (
            event.state_json
            and event.state_json != self._state_json
            and self.inbox.qsize() < MAX_UNREAD_MESSAGES
        ):
            self._state_json = event.state_json
            self.send(
                f'event: state\ndata: {{"run":"{event.run}",{event.state_json[1:]}\n\n'.encode()
            )
        if event.state_json and event.state in Run.ENDED_STATES:
            self.end()
        return not event.state_json


class Hub(live.Hub[UUID, run_events.RunEvent]):
    """All viewers of runs in this process."""

    channel = run_events.CHANNEL

    def __init__(self) -> None:
        super().__init__()
        # watched runs in the queue: their place changes without a message
        self.queued: set[UUID] = set()

    @property
    def calm_seconds(self) -> float:
        return CALM_SECONDS

    @property
    def is_calm(self) -> bool:
        return self.connected and not self.queued

    def decode(self, data: bytes) -> run_events.RunEvent:
        return run_events.decode(data)

    def key_of(self, event: run_events.RunEvent) -> UUID:
        return UUID(event.run)

    async def updates_after(self, last_known: dict[UUID, int]) -> list[run_events.RunEvent]:
        return await live.in_thread(partial(_updates_after, last_known))

    def leave(self, viewer: live.Viewer[UUID, run_events.RunEvent]) -> None:
        super().leave(viewer)
        if viewer.key not in self.viewers:
            self.queued.discard(viewer.key)

    def tell(self, event: run_events.RunEvent) -> None:
        run = self.key_of(event)
        if run in self.viewers:
            (self.queued.add if event.state == Run.State.QUEUED else self.queued.discard)(run)
        super().tell(event)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of this event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def _updates_after(last_known: dict[UUID, int]) -> list[run_events.RunEvent]:
    """Return the state of each run, and what was stored for it after the given batch."""
    runs = {run.pk: run for run in Run.objects.filter(pk__in=last_known).select_related("version")}
    waiting = [run for run in runs.values() if run.state == Run.State.QUEUED]
    places = selectors.queue_positions(waiting) if waiting else {}
    batches = selectors.batches_after(
        {pk: after for pk, after in last_known.items() if pk in runs and runs[pk].last_seq > after}
    )
    return [
        run_events.run_event(
            run,
            batches.get(pk, []),
            since=last_known[pk],
            state_json=_state_json(run, places.get(pk)),
        )
        for pk, run in runs.items()
    ]


def _state_json(run: Run, place: Place | None) -> str:
    """Return a run's state as the stream sends it, with its place if it is queued. Estimates are
    rounded: who watches is sent what reads differently, not every second that passes.
    """
    if place is None:
        return run_events.state_as_json(run)
    soonest, latest = place.soonest, place.latest
    return run_events.state_as_json(
        run,
        ahead=place.ahead,
        reason=place.reason,
        passed_by=place.passed_by,
        soonest=None if soonest is None else queue_words.rounded(soonest),
        latest=None if latest is None else queue_words.rounded(latest),
    )


async def watch(pk: UUID, after: int, may_see: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield a run's events as server-sent events: those after batch `after`, then new ones, until
    the run has ended, or `may_see` says no.
    """
    viewer, viewers = Viewer(pk, after), hub()
    viewers.join(viewer)
    try:
        yield live.RETRY
        for event in await viewers.updates_after({pk: after}):
            viewers.tell(event)
        async for message in live.messages(viewer, may_see, recheck_seconds=RECHECK_SECONDS):
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
        yield live.RETRY
        async for message in live.messages(
            watched[0], may_see, ends=len(watched), recheck_seconds=RECHECK_SECONDS
        ):
            yield message
    finally:
        for viewer in watched:
            viewers.leave(viewer)


@require_safe
@require_GET
async def stream_run(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """`GET /runs/<id>/events?after=<seq>`; `Last-Event-ID` wins. Who may not see the run's verdict
    is sent its states alone.
    """
    is_shown = await sync_to_async(_shows_points)(request, pk)
    after = live.event_number(request.headers.get("Last-Event-ID") or request.GET.get("after", "0"))

    def may_see() -> bool:
        again = live.read_again(request)
        try:
            return again.user == request.user and _shows_points(again, pk) >= is_shown
        except Http404:
            return False

    return await _streamed(request, watch(pk, after if is_shown else MAX_SEQ, may_see))


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
        again = live.read_again(request)
        visible = Run.objects.visible_to(again.user).filter(pk__in=runs)
        return again.user == user and visible.count() == len(runs)

    return await _streamed(request, watch_states(runs, may_see))


async def _streamed(request: HttpRequest, events: AsyncIterator[bytes]) -> HttpResponseBase:
    return await live.streamed(
        request,
        events,
        max_per_person=MAX_STREAMS_PER_PERSON,
        max_per_network=MAX_STREAMS_PER_NETWORK,
    )
