"""The points of one run attempt on their way to the site: merged while they wait, numbered when
first sent, kept in case of a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from workers.wire import MAX_BODY, MAX_EVENTS, MAX_POINTS, Event, EventsRequest

HISTORY_BYTES = 16_000_000  # of acknowledged events, kept in case the site asks for them again
FULL_POINTS = 200_000  # waiting: then the lab is made to wait
ROOM = MAX_BODY - 1_000  # for what stands around the events
_encode = msgspec.json.Encoder().encode


class Lost(Exception):
    """The site misses events that are no longer kept."""


class Numbered(msgspec.Struct):
    """An event that has its number: it never changes again, since the site may have stored it."""

    event: Event
    size: int  # bytes, as JSON


class SendBuffer:
    """Points wait, merged by arm and series, until they are sent. Event n is the n-th of the run,
    whatever try it belongs to.
    """

    def __init__(self, after: int, events: Iterable[Event] = ()) -> None:
        self._kept: deque[Numbered] = deque()  # numbered from `_first`
        self._first = after + 1
        self.acknowledged = after
        self._waiting: dict[tuple[str, str], Event] = {}
        self._points = 0
        self._bytes = 0
        self.add(events)

    def __bool__(self) -> bool:
        """Say whether anything is not acknowledged yet."""
        return bool(self._waiting) or self._last > self.acknowledged

    @property
    def is_full(self) -> bool:
        return self._points >= FULL_POINTS

    @property
    def _last(self) -> int:
        return self._first + len(self._kept) - 1

    def add(self, events: Iterable[Event]) -> None:
        """Let events wait; one joins the last of its arm and series that has no number yet."""
        for event in events:
            self._points += len(event.step)
            kept = self._waiting.get((event.arm, event.series))
            if kept is None:
                kept = self._waiting[event.arm, event.series] = Event(
                    event.arm, event.series, [], [], [], []
                )
            for name in ("step", "mean", "low", "high"):
                getattr(kept, name).extend(getattr(event, name))

    def take(self) -> tuple[int, list[Event]]:
        """Return `after` and the events that follow it, as many as one request may hold; the same
        again until acknowledged.
        """
        # else go on with what has numbers: what waits goes on merging
        if self._last == self.acknowledged:
            self._number()
        taken: list[Event] = []
        room = ROOM
        for numbered in self._unacknowledged():
            room -= numbered.size
            if len(taken) == MAX_EVENTS or (room < 0 and taken):
                break
            taken.append(numbered.event)
        return self.acknowledged, taken

    def acknowledge(self, last: int) -> None:
        """Note that the site has stored everything up to number `last`."""
        self.acknowledged = max(self.acknowledged, min(last, self._last))
        while self._bytes > HISTORY_BYTES and self._first <= self.acknowledged:
            self._bytes -= self._kept.popleft().size
            self._first += 1

    def rewind(self, last: int) -> None:
        """Go back to what follows number `last`: the site has no more than that.

        Raises:
            Lost: those events are no longer kept, or were never missing.
        """
        if not self._first - 1 <= last < self.acknowledged:
            raise Lost(
                f"The site asks for event {last + 1}; those from {self._first} are kept, up "
                f"to {self.acknowledged} acknowledged."
            )
        self.acknowledged = last

    def rest(self) -> list[Event]:
        """Return all that is not acknowledged, in order."""
        self._number()
        return [numbered.event for numbered in self._unacknowledged()]

    def request(self, points_done: int, points_expected: int) -> EventsRequest:
        """Return what to send next; without events it is a beat."""
        after, events = self.take()
        return EventsRequest(after, events, points_done, points_expected)

    def _number(self) -> None:
        waiting, self._waiting, self._points = self._waiting, {}, 0
        for event in waiting.values():
            for part in _split(event):
                size = len(_encode(part)) + 1
                self._bytes += size
                self._kept.append(Numbered(part, size))

    def _unacknowledged(self) -> Iterator[Numbered]:
        return islice(self._kept, self.acknowledged + 1 - self._first, None)


def _split(event: Event) -> Iterator[Event]:
    """Yield the event in pieces of at most MAX_POINTS points."""
    for start in range(0, len(event.step), MAX_POINTS):
        piece = slice(start, start + MAX_POINTS)
        yield Event(
            event.arm,
            event.series,
            event.step[piece],
            event.mean[piece],
            event.low[piece],
            event.high[piece],
        )
