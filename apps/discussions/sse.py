"""Watching threads live (`common.live`): how many posts were published after those that a reader
has, and which of those that they have changed, never what they say.

A message of Redis says that a thread has changed; the next poll of the database, a quarter of a
second later, reads the numbers of its newest posts. So a post that is hidden again is counted no
more. A message also names the post that was edited, hidden, restored or deleted, and that is passed
on at once to whoever has it; so is one that was approved when later ones could be read already. Who
watches a thread that is hidden or deleted is let go: who may
still see it connects again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from weakref import WeakKeyDictionary

import msgspec
from asgiref.sync import sync_to_async
from django.db.models import Q
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_safe

from apps.common import live
from apps.discussions import selectors, thread_events
from apps.discussions.models import Post, Thread

MAX_COUNTED = 200  # posts after those that a reader has; of more, the newest


@dataclass(frozen=True)
class ThreadEvent:
    """What is new in a thread. `numbers`: of its published posts after the one numbered `since`,
    ascending; None: they must be read. `changed`, `added`: number of a post that is not as it was,
    or that can be read from now on, or 0.
    """

    thread: int
    state: str = ""
    since: int = 0
    numbers: list[int] | None = None
    changed: int = 0
    added: int = 0


class Viewer(live.Viewer[int, ThreadEvent]):
    """A connection that watches one thread.

    Args:
        after: number of the last post that the reader has.
        told: number of the last post that they were told of.
        state: of the thread, as they may see it.
    """

    def __init__(self, thread: int, after: int, told: int, state: str) -> None:
        super().__init__(thread, after)
        self.state, self.told = state, told
        self._count: tuple[int, int] | None = None  # of posts, and the last; None: not read yet

    def put(self, event: ThreadEvent) -> bool:
        if 0 < event.changed <= self.after:
            self.send(f'event: change\ndata: {{"post":{event.changed}}}\n\n'.encode())
        if 0 < event.added <= self.after:  # it waited; what is newer is counted
            self.send(f'event: late\ndata: {{"post":{event.added}}}\n\n'.encode())
        if event.numbers is None or event.since > self.after:
            return True
        if event.state != self.state:
            self.end()
            return False
        fresh = [number for number in event.numbers if number > self.after]
        count = len(fresh), max(fresh, default=self.after)
        is_known = self._count is None and count[1] <= self.told  # before this stream began
        if not is_known and count != self._count:
            data = msgspec.json.encode({"posts": count[0], "last": count[1]}).decode()
            self.send(f"event: post\nid: {count[1]}\ndata: {data}\n\n".encode())
        self._count = count
        return False


class Hub(live.Hub[int, ThreadEvent]):
    """All viewers of threads in this process."""

    channel = thread_events.CHANNEL

    def decode(self, data: bytes) -> ThreadEvent:
        message = thread_events.decode(data)
        return ThreadEvent(message.thread, changed=message.changed, added=message.added)

    def key_of(self, event: ThreadEvent) -> int:
        return event.thread

    async def updates_after(self, last_known: dict[int, int]) -> list[ThreadEvent]:
        return await live.in_thread(partial(_updates_after, last_known))


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of this event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def _updates_after(last_known: dict[int, int]) -> list[ThreadEvent]:
    """Return the state of each thread, and which posts were published after the given one."""
    threads = list(
        Thread.objects.filter(pk__in=last_known).values_list("pk", "state", "last_number")
    )
    wanted = [
        Q(thread=pk, number__gt=max(last_known[pk], last - MAX_COUNTED))
        for pk, _state, last in threads
        if last > last_known[pk]
    ]
    numbers: dict[int, list[int]] = defaultdict(list)
    if wanted:
        posts = Post.objects.published().filter(reduce(or_, wanted)).order_by("number")
        for pk, number in posts.values_list("thread", "number"):
            numbers[pk].append(number)
    return [ThreadEvent(pk, state, last_known[pk], numbers[pk]) for pk, state, _last in threads]


async def watch(
    thread: Thread, after: int, told: int, may_see: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield, as server-sent events, how many posts were published after the one numbered `after`,
    whenever that changes, and which of the others changed, until `may_see` says no.
    """
    viewer, viewers = Viewer(thread.pk, after, told, thread.state), hub()
    viewers.join(viewer)
    try:
        yield live.RETRY
        for event in await viewers.updates_after({thread.pk: after}):
            viewers.tell(event)
        async for message in live.messages(viewer, may_see):
            yield message
    finally:
        viewers.leave(viewer)


@require_safe
@require_GET
async def stream_thread(request: HttpRequest, pk: int) -> HttpResponseBase:
    """`GET /threads/<id>/events?after=<number of the last post that the page shows>`.

    Each event `post` has `{"posts", "last"}`: how many posts were published after that one, and the
    number of the newest, which is the event's id. Who comes again with it (`Last-Event-ID`) is not
    told of the same posts twice; without `after`, it counts from there. An event `change` has
    `{"post"}`, the number of a post up to `after` that was edited, hidden, restored or deleted; an
    event `late` that of one that can be read since now, having waited for approval.
    """
    user = await request.auser()
    thread = await sync_to_async(selectors.thread_for)(user, pk)
    told = live.event_number(request.headers.get("Last-Event-ID", ""))
    after = live.event_number(request.GET["after"]) if "after" in request.GET else told

    def may_see() -> bool:
        again = live.read_again(request)
        try:
            selectors.thread_for(again.user, pk)
        except Http404:
            return False
        return again.user == user

    return await live.streamed(request, watch(thread, after, max(after, told), may_see))
