"""The HTTP client of a worker: one method for each request of `workers.wire`."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import msgspec

from workers.settings import Settings
from workers.wire import (
    PREFIX,
    RUN_ATTEMPT_HEADER,
    EventsReply,
    EventsRequest,
    Lease,
    LeaseRequest,
    Release,
    Result,
)

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request
TIMEOUT = httpx.Timeout(5.0, connect=3.0)  # seconds; a lease is longer
# Idle connections are dropped before the site closes them (after 10 s), perhaps during a request.
KEEPALIVE_SECONDS = 4.0
WARNING_PAUSE_SECONDS = 60.0  # between two equal log lines
_encode = msgspec.json.Encoder().encode


class SiteUnavailable(Exception):
    """No usable answer from the site: send the request again later."""


class Refusal(Exception):
    """The site has refused the request, and would refuse it again.

    `code` and `detail` are those of the problem document.
    """

    def __init__(self, status: int, code: str, detail: str, last: int = -1) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.code = code
        self.detail = detail
        self.last = last  # of code "gap": number of the last event that the site has stored

    @property
    def is_stale(self) -> bool:
        """Return whether the run attempt is over for the site: nothing more is to be sent."""
        return self.code in ("stale-run-attempt", "not-found")


class Problem(msgspec.Struct):
    """The fields of a problem document (RFC 9457) that a worker reads."""

    code: str = ""
    detail: str = ""
    last: int = -1


class Reporter:
    """Sends requests to the site. All threads of a worker share one."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.url
        is_local = urlsplit(settings.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._client = httpx.Client(
            base_url=settings.url + PREFIX,
            headers={
                "Authorization": f"Worker {settings.token}",
                "Content-Type": "application/json",
            },
            timeout=TIMEOUT,
            limits=httpx.Limits(keepalive_expiry=KEEPALIVE_SECONDS),
            trust_env=not is_local,  # no proxy between a machine and itself
        )
        self._lease_key: UUID | None = None  # of a request for a lease without an answer
        self._warned_at: dict[str, float] = {}  # monotonic, by message
        self._lock = threading.Lock()

    def lease(self, request: LeaseRequest) -> Lease | None:
        """Lease a run; None when nothing suitable is queued, or the site does not answer: then the
        next call asks for the same lease. One thread at a time.
        """
        self._lease_key = self._lease_key or uuid4()
        try:
            body = self.send("/lease", msgspec.structs.replace(request, key=self._lease_key))
            lease = msgspec.json.decode(body, type=Lease) if body else None
        except (SiteUnavailable, msgspec.DecodeError) as error:
            self.warn_once_a_minute(f"No runs can be leased from {self._url}: {error}")
            return None
        except Refusal as error:
            self.warn_once_a_minute(f"No runs can be leased from {self._url}: {error}")
            lease = None
        self._lease_key = None
        return lease

    def events(self, run_attempt_id: int, token: str, request: EventsRequest) -> EventsReply:
        """Send points; without any it is a heartbeat.

        Raises:
            SiteUnavailable, Refusal.
        """
        body = self.send(f"/run-attempts/{run_attempt_id}/events", request, token)
        try:
            return msgspec.json.decode(body, type=EventsReply)
        except msgspec.DecodeError as error:  # the page of a proxy, say
            raise SiteUnavailable(f"the site's answer cannot be read: {error}") from None

    def result(self, run_attempt_id: int, token: str, result: Result) -> None:
        """Send the result of a run attempt. Idempotent.

        Raises:
            SiteUnavailable, Refusal.
        """
        self.send(f"/run-attempts/{run_attempt_id}/result", result, token)

    def release(self, run_attempt_id: int, token: str, reason: str) -> None:
        """Release a run attempt: the site requeues the run.

        Raises:
            SiteUnavailable, Refusal.
        """
        self.send(f"/run-attempts/{run_attempt_id}/release", Release(reason), token)

    def send(self, path: str, record: Any, token: str = "") -> bytes:
        """Post a record and return the body of the answer. Every request goes through here.

        Raises:
            SiteUnavailable: no answer, a server error, a refused worker token, too many requests,
                or the page of a proxy: what time or an operator will fix.
            Refusal: a problem document of the site, with a code.
        """
        headers = {RUN_ATTEMPT_HEADER: token} if token else {}
        try:
            answer = self._client.post(path, content=_encode(record), headers=headers)
        except httpx.HTTPError as error:
            raise SiteUnavailable(f"{type(error).__name__}: {error}") from None
        if answer.is_success:
            return answer.content
        problem = _problem(answer)
        if answer.status_code in (401, 403):
            refused = f"it refuses this worker's token ({problem.detail})"
            raise SiteUnavailable(f"{refused}. Set GRADUS_TOKEN to a valid one.")
        if answer.status_code in (408, 429) or answer.status_code >= 500 or not problem.code:
            raise SiteUnavailable(f"{answer.status_code} {problem.detail}".rstrip())
        raise Refusal(answer.status_code, problem.code, problem.detail, problem.last)

    def warn_once_a_minute(self, message: str) -> None:
        """Log a warning, unless the same one was logged within a minute."""
        now = time.monotonic()
        with self._lock:
            recent = {
                m: at for m, at in self._warned_at.items() if now - at < WARNING_PAUSE_SECONDS
            }
            self._warned_at = {message: now} | recent
        if message not in recent:
            log.warning("%s", message)

    def close(self) -> None:
        self._client.close()


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(detail=answer.reason_phrase)
