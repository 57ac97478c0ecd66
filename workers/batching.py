"""Turns the points that a lab yields into events of the protocol.

An event has mean and interval over replicates; a batch of events goes out at most every
`REPORT_SECONDS`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from workers.engine import Curve, Point, Points, describe
from workers.engine.points import Numbers, as_numbers
from workers.pipe import REPORT_SECONDS, Batch
from workers.wire import Event


class Batcher:
    """Sends the first point at once and later points in batches; keeps all vectors in `points`.

    The rules of the claims read `points`. A thread sends a batch when it is due, since the lab may
    compute for long before it yields again.

    Args:
        send: called with each batch, from the lab's thread or the sending thread, one at a time.
        points_expected: how many points the lab will yield; 0 when it cannot tell.
    """

    def __init__(self, send: Callable[[Batch], None], points_expected: int) -> None:
        self.points = Points()
        self._send = send
        self._points_done, self._points_expected = 0, points_expected
        self._events: dict[tuple[str, str], Event] = {}
        self._next = 0.0  # monotonic: when the next batch is due
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._send_when_due, daemon=True)

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send the rest, even if the lab has raised."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()
        if self._events:
            self._send_batch()

    def add(self, point: Point | Curve) -> None:
        """Append a point, and send it if a batch is due."""
        # Copied: a lab may go on writing into the tensor that it has yielded.
        values = {name: as_numbers(value).copy() for name, value in point.values.items()}
        self.points.add(replace(point, values=values))  # type: ignore[arg-type]
        with self._changed:
            self._points_done += 1
            for name, numbers in values.items():
                self._add_to_event(point, name, numbers)
            if time.monotonic() >= self._next:
                self._send_batch()
            else:
                self._changed.notify()

    def _add_to_event(self, point: Point | Curve, name: str, values: Numbers) -> None:
        if isinstance(point, Curve):
            steps, rows = point.steps, list(values)
        else:
            steps, rows = [point.step], [values]
        event = self._events.setdefault((point.arm, name), Event(point.arm, name, [], [], [], []))
        for step, row in zip(steps, rows, strict=True):
            mean, low, high = describe(row)
            event.step.append(float(step))
            event.mean.append(_finite(mean))
            if len(row) > 1:  # a single replicate has no interval
                event.low.append(_finite(low))
                event.high.append(_finite(high))

    def _send_when_due(self) -> None:
        with self._changed:
            while not self._over:
                if not self._events:
                    self._changed.wait()
                elif (left := self._next - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._send_batch()

    def _send_batch(self) -> None:
        events, self._events = list(self._events.values()), {}
        self._next = time.monotonic() + REPORT_SECONDS
        self._send(Batch(events, self._points_done, self._points_expected))


def _finite(number: float | None) -> float | None:
    """Return the number; None if it is not finite, as the protocol has it."""
    return number if number is not None and math.isfinite(number) else None
