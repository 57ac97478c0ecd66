"""The events of one run attempt on their way to the site.

They are merged while they wait, numbered when they are first sent, sent again until acknowledged,
and kept for a while after that, in case the site has lost them (a gap).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from workers.wire import MAX_BODY, MAX_EVENTS, MAX_POINTS, Event, EventsRequest

MAX_HISTORY_BYTES = 16_000_000  # of acknowledged events, kept in case of a gap
MAX_WAITING_POINTS = 200_000  # with more, the lab has to wait
MAX_EVENT_BYTES = MAX_BODY - 1_000  # of the events of a request; the rest is for its other fields
_encode = msgspec.json.Encoder().encode


class EventsLost(Exception):
    """The site lacks events that are no longer kept."""


class Numbered(msgspec.Struct):
    """An event that has a number, and does not change: the site may have stored it."""

    event: Event
    size: int  # bytes, as JSON


class SendBuffer:
    """The events that the site has not acknowledged, and some that it has.

    Events without a number still merge with new points of the same arm and series. Numbers count
    the events of the run across its run attempts, from 1.

    Args:
        after: number of the run's last stored event; this run attempt begins with the next.
        numbered: the events after that, of a buffer that was saved (`rest`). They keep their
            numbers, since the site may have stored some of them, and its answer was lost.
    """

    def __init__(self, after: int, numbered: Iterable[Event] = ()) -> None:
        self._numbered: deque[Numbered] = deque()  # from number `_first` on
        self._first = after + 1
        self.acknowledged = after  # number of the last event that the site has
        self._waiting: dict[tuple[str, str], Event] = {}
        self._waiting_points = 0
        self._numbered_bytes = 0
        for event in numbered:
            self._append(event)

    def __bool__(self) -> bool:
        """Return whether any event is not acknowledged."""
        return bool(self._waiting) or self._last > self.acknowledged

    @property
    def is_full(self) -> bool:
        """Return whether the lab should wait until the site has taken events."""
        return self._waiting_points >= MAX_WAITING_POINTS

    @property
    def _last(self) -> int:
        return self._first + len(self._numbered) - 1

    def add(self, events: Iterable[Event]) -> None:
        """Append events, each merged with that of its arm and series that has no number yet."""
        for event in events:
            self._waiting_points += len(event.step)
            empty = Event(event.arm, event.series, [], [], [], [])
            merged = self._waiting.setdefault((event.arm, event.series), empty)
            for name in ("step", "mean", "low", "high"):
                getattr(merged, name).extend(getattr(event, name))

    def take(self) -> tuple[int, list[Event]]:
        """Return `after` and the events that follow it, as many as a request may hold.

        Returns the same again until they are acknowledged.
        """
        if self._last == self.acknowledged:  # else new events go on merging
            self._number()
        events: list[Event] = []
        bytes_left = MAX_EVENT_BYTES
        for numbered in self._unacknowledged():
            bytes_left -= numbered.size
            if len(events) == MAX_EVENTS or (bytes_left < 0 and events):
                break
            events.append(numbered.event)
        return self.acknowledged, events

    def acknowledge(self, last: int) -> None:
        """Record that the site has stored all events up to number `last`."""
        self.acknowledged = max(self.acknowledged, min(last, self._last))
        while self._numbered_bytes > MAX_HISTORY_BYTES and self._first <= self.acknowledged:
            self._numbered_bytes -= self._numbered.popleft().size
            self._first += 1

    def rewind(self, last: int) -> None:
        """Go back to the events after number `last`, the last that the site has stored.

        Raises:
            EventsLost: those events are no longer kept, or were never acknowledged.
        """
        if not self._first - 1 <= last < self.acknowledged:
            raise EventsLost(
                f"The site asks for event {last + 1}; kept are those from {self._first} on, "
                f"of which up to {self.acknowledged} are acknowledged."
            )
        self.acknowledged = last

    def rest(self) -> list[Event]:
        """Return all events that are not acknowledged, in order; all have their numbers now."""
        self._number()
        return [numbered.event for numbered in self._unacknowledged()]

    def request(self, points_done: int, points_expected: int) -> EventsRequest:
        """Return the next request; without events it is a heartbeat."""
        after, events = self.take()
        return EventsRequest(after, events, points_done, points_expected)

    def _number(self) -> None:
        """Give the waiting events their numbers, in the order in which they began to wait."""
        waiting, self._waiting, self._waiting_points = self._waiting, {}, 0
        for event in waiting.values():
            for part in _split(event):
                self._append(part)

    def _append(self, event: Event) -> None:
        size = len(_encode(event)) + 1
        self._numbered_bytes += size
        self._numbered.append(Numbered(event, size))

    def _unacknowledged(self) -> Iterator[Numbered]:
        return islice(self._numbered, self.acknowledged + 1 - self._first, None)


def _split(event: Event) -> Iterator[Event]:
    """Yield the event in parts of at most MAX_POINTS points."""
    for start in range(0, len(event.step), MAX_POINTS):
        part = slice(start, start + MAX_POINTS)
        yield Event(
            event.arm,
            event.series,
            event.step[part],
            event.mean[part],
            event.low[part],
            event.high[part],
        )
