"""Not waiting again and again for a service that does not answer."""

from __future__ import annotations

import time

# each part that sends to Redis has a breaker of its own, with this pause
REDIS_PAUSE_SECONDS = 10.0


class CircuitBreaker:
    """Whether a service is worth a call: not for `pause_seconds` after one that failed, so that a
    service that hangs delays few requests.

        if breaker.is_closed:
            try: call()
            except …: breaker.open()

    Threads may share one. Of calls at the same moment each may still be made.
    """

    def __init__(self, pause_seconds: float) -> None:
        self.pause_seconds = pause_seconds
        self._open_until = 0.0

    @property
    def is_closed(self) -> bool:
        return time.monotonic() >= self._open_until

    def open(self) -> None:
        """Make no call for a while: one has failed."""
        self._open_until = time.monotonic() + self.pause_seconds
