"""What a worker says to the site: one HTTP client, one method per message of `workers.wire`."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

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
logging.getLogger("httpx").setLevel(logging.WARNING)  # it says every request
TIMEOUT = httpx.Timeout(5.0, connect=3.0)  # seconds; a lease is longer
# an idle connection: less than the 5 s after which uvicorn closes it, so that none is closed as we
# write
KEEP_SECONDS = 4.0
COMPLAINT_SECONDS = 60.0  # between two log lines about the same trouble
_encode = msgspec.json.Encoder().encode


class Away(Exception):
    """The site does not answer, or not now: ask again later."""


class Refusal(Exception):
    """The site has answered no, and would again."""

    def __init__(self, status: int, code: str, detail: str, last: int = -1) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.code = code
        self.detail = detail
        self.last = last  # number of the last stored event, when events were missing

    @property
    def is_stale(self) -> bool:
        """Say whether somebody else, or nobody, speaks for the run now."""
        return self.code in ("stale-run-attempt", "not-found")


class Problem(msgspec.Struct):
    """A problem document (RFC 9457), as far as a worker reads it."""

    code: str = ""
    detail: str = ""
    last: int = -1


class Reporter:
    """The way to the site. Used by all threads of a worker."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.url
        here = urlsplit(settings.url).hostname in ("127.0.0.1", "localhost", "::1")
        self._client = httpx.Client(
            base_url=settings.url + PREFIX,
            headers={
                "Authorization": f"Worker {settings.token}",
                "Content-Type": "application/json",
            },
            timeout=TIMEOUT,
            limits=httpx.Limits(keepalive_expiry=KEEP_SECONDS),
            trust_env=not here,  # no proxy stands before this machine
        )
        self._said: dict[str, float] = {}
        self._turn = threading.Lock()

    def claim(self, request: LeaseRequest) -> Lease | None:
        """Ask for a run; None when there is nothing to do, or nobody to ask."""
        try:
            answer = self.send("/lease", request)
            return msgspec.json.decode(answer, type=Lease) if answer else None
        except (Away, Refusal, msgspec.DecodeError) as error:
            self.complain(f"No runs can be leased from {self._url}: {error}")
            return None

    def events(self, run_attempt_id: int, token: str, request: EventsRequest) -> EventsReply:
        """Report points, or that the run attempt is alive.

        Raises:
            Away, Refusal.
        """
        return _read(
            self.send(f"/run-attempts/{run_attempt_id}/events", request, token), EventsReply
        )

    def result(self, run_attempt_id: int, token: str, result: Result) -> None:
        """Report how a run attempt ended.

        Raises:
            Away, Refusal.
        """
        self.send(f"/run-attempts/{run_attempt_id}/result", result, token)

    def release(self, run_attempt_id: int, token: str, reason: str) -> None:
        """Give a run attempt back.

        Raises:
            Away, Refusal.
        """
        self.send(f"/run-attempts/{run_attempt_id}/release", Release(reason), token)

    def send(self, path: str, record: Any, token: str = "") -> bytes:
        """Post a record and return the body of the answer. All that a worker says goes through
        here.

        Raises:
            Away: no answer, a server error, a refused machine token, too many requests, or a page
                of something that stands before the site: what an operator, or time, will mend.
            Refusal: the site itself says no, with a code.
        """
        try:
            answer = self._client.post(
                path, content=_encode(record), headers={RUN_ATTEMPT_HEADER: token} if token else {}
            )
        except httpx.HTTPError as error:
            raise Away(f"{type(error).__name__}: {error}") from None
        if answer.is_success:
            return answer.content
        problem = _problem(answer)
        if answer.status_code in (401, 403):
            raise Away(
                "it refuses this machine's token "
                f"({problem.detail}). Set GRADUS_TOKEN to a valid one."
            )
        if answer.status_code in (408, 429) or answer.status_code >= 500 or not problem.code:
            raise Away(f"{answer.status_code} {problem.detail}".rstrip())
        raise Refusal(answer.status_code, problem.code, problem.detail, problem.last)

    def complain(self, trouble: str) -> None:
        """Log a trouble, the same one once a minute."""
        now = time.monotonic()
        with self._turn:
            if now - self._said.get(trouble, -COMPLAINT_SECONDS) < COMPLAINT_SECONDS:
                return
            self._said = {
                said: at for said, at in self._said.items() if now - at < COMPLAINT_SECONDS
            } | {trouble: now}
        log.warning("%s", trouble)

    def close(self) -> None:
        self._client.close()


def _read(body: bytes, kind: type[EventsReply]) -> EventsReply:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:  # a proxy's page, say
        raise Away(f"the site's answer makes no sense: {error}") from None


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(detail=answer.reason_phrase)
