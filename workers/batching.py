"""From what a lab yields to the events of the protocol: mean and interval over replicates, a batch
at most every 100 ms.
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
from workers.pipe import Batch
from workers.wire import Event

PAUSE_SECONDS = 0.1  # between two batches


class Batcher:
    """Sends the first point at once, and what follows in batches; keeps the raw vectors for the
    rules in `points`.

    A thread sends what waits when its time has come, since the lab may compute for long before it
    yields again.
    """

    def __init__(self, send: Callable[[Batch], None], points_expected: int) -> None:
        self.points = Points()
        self._send = send
        self._points_done, self._points_expected = 0, points_expected
        self._events: dict[tuple[str, str], Event] = {}
        self._next = 0.0  # monotonic: when the next batch may go
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._send_in_time, daemon=True)

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what is left, also when the lab has raised."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()
        if self._events:
            self._send_batch()

    def add(self, point: Point | Curve) -> None:
        """Keep a point, and send it if it is time."""
        # Copied: a lab may go on writing into the tensor that it has shown.
        values = {name: as_numbers(value).copy() for name, value in point.values.items()}
        self.points.add(replace(point, values=values))  # type: ignore[arg-type]
        with self._changed:
            self._points_done += 1
            for name, numbers in values.items():
                self._join(point, name, numbers)
            if time.monotonic() >= self._next:
                self._send_batch()
            else:
                self._changed.notify()

    def _join(self, point: Point | Curve, name: str, values: Numbers) -> None:
        steps, rows = (
            (point.steps, values) if isinstance(point, Curve) else ([point.step], [values])
        )
        event = self._events.setdefault((point.arm, name), Event(point.arm, name, [], [], [], []))
        for step, row in zip(steps, rows, strict=True):
            mean, low, high = describe(row)
            event.step.append(float(step))
            event.mean.append(_finite(mean))
            if len(row) > 1:  # a single replicate has no interval
                event.low.append(_finite(low))
                event.high.append(_finite(high))

    def _send_in_time(self) -> None:
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
        self._next = time.monotonic() + PAUSE_SECONDS
        self._send(Batch(events, self._points_done, self._points_expected))


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
