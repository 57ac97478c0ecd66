"""Server-sent events of a run or a thread: read, and taken up again where they were cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
import msgspec

from gradus_client.errors import Away, Refused, TooMany
from gradus_client.models import Curve, Model, RunDetail, ThreadDetail
from gradus_client.transport import Patience, Transport, not_understood, segment

Kind = TypeVar("Kind")
ENDED_STATES = ("succeeded", "failed", "limit_exceeded", "cancelled", "lost")
SILENCE_SECONDS = 45.0  # the site sends a ping each 15
PATIENCE_SECONDS = 300.0  # without any news, before a site that is away is given up


class PointsCame(Model, kw_only=True, frozen=True):
    """A batch of points."""

    number: int
    curve: Curve


class PointsReset(Model, kw_only=True, frozen=True):
    """A later attempt of the run goes on after batch `keep`: what came after it is discarded."""

    number: int
    keep: int


class StateChanged(Model, kw_only=True, frozen=True):
    """What a run is doing."""

    state: str
    points_done: int = 0
    points_expected: int = 0
    ahead: int = 0  # runs before it in the queue
    reason: str = ""  # for which it waits

    @property
    def is_over(self) -> bool:
        return self.state in ENDED_STATES


class PostsCame(Model, kw_only=True, frozen=True):
    """Posts that were published after the last one that is known."""

    posts: int  # how many
    last: int  # number of the newest


class PostChanged(Model, kw_only=True, frozen=True):
    """A post was edited, hidden, restored or deleted."""

    post: int  # its number


class PostAppeared(Model, kw_only=True, frozen=True):
    """A post between others can be read since now: it had waited for approval."""

    post: int  # its number


Event = PointsCame | PointsReset | StateChanged
ThreadEvent = PostsCame | PostChanged | PostAppeared
OF_THREADS: dict[str, type[ThreadEvent]] = {
    "post": PostsCame,
    "change": PostChanged,
    "late": PostAppeared,
}


def parse(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield kind, id and data of each event that comes to its end."""
    kind, number, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield kind or "message", number, "\n".join(data)
            kind, number, data = "", "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "id":
            number = value
        elif name == "data":
            data.append(value)


def watch(transport: Transport, run: str, after: int = 0) -> Iterator[Event]:
    """Yield the events of a run after a batch until it is over. What was cut goes on after the last
    batch that came, so that nothing is missing and nothing comes twice.

    Raises:
        ConnectionFailed: the site stays away.
        Refused: as any request.
    """
    path, last = f"runs/{segment(run)}/events", after
    patience = Patience(transport, PATIENCE_SECONDS)
    while True:
        cut: httpx.TransportError | Refused | None = None
        try:
            with _stream(transport, path, last) as stream:
                for kind, number, data in stream:
                    event = _event(kind, number, data)
                    if event is None:
                        continue
                    patience.renew()
                    if isinstance(event, StateChanged):
                        yield event
                        if event.is_over:
                            return
                    elif event.number > last:
                        last = event.number
                        yield event
        except (httpx.TransportError, TooMany, Away) as error:
            cut = error
        if cut is None:
            # the stream came to its end without the run's: say why, if the run may not be seen any
            # more, or is over
            detail = transport.read(RunDetail, "GET", f"runs/{segment(run)}")
            if detail.state in ENDED_STATES and (detail.is_folded or last >= detail.last_batch):
                yield state_of(detail)
                return
        patience.wait(cut)


def watch_thread(transport: Transport, thread: str, after: int = 0) -> Iterator[ThreadEvent]:
    """Yield what is new in a thread after a post, for ever.

    Raises:
        ConnectionFailed: the site stays away.
        Refused: as any request; `NotFound` once it is hidden or deleted.
    """
    path, last = f"threads/{segment(thread)}", after
    patience = Patience(transport, PATIENCE_SECONDS)
    while True:
        cut: httpx.TransportError | Refused | None = None
        has_ended = False
        try:
            with _stream(transport, f"{path}/events", last) as stream:
                for kind, _number, data in stream:
                    patience.renew()
                    if kind not in OF_THREADS:
                        continue
                    event = _converted(data, OF_THREADS[kind])
                    yield event
                    if isinstance(event, PostsCame) and event.last > last:
                        last = event.last
                        break  # another stream tells of changes of these, too
                else:
                    has_ended = True
        except (httpx.TransportError, TooMany, Away) as error:
            cut, has_ended = error, True
        if has_ended:
            if cut is None:  # it may not be seen any more: the refusal says so
                transport.read(ThreadDetail, "GET", path)
            patience.wait(cut)


@contextmanager
def _stream(transport: Transport, path: str, last: int) -> Iterator[Iterator[tuple[str, str, str]]]:
    """Open the events of a stream after the one numbered `last` (0: from its beginning)."""
    headers = {"Accept": "text/event-stream, application/problem+json"}
    if last:
        headers["Last-Event-ID"] = str(last)
    with transport.stream(path, headers, SILENCE_SECONDS) as answer:
        yield parse(answer.iter_lines())


def state_of(detail: RunDetail) -> StateChanged:
    return StateChanged(
        state=detail.state,
        points_done=detail.points_done,
        points_expected=detail.points_expected,
    )


def _event(kind: str, number: str, data: str) -> Event | None:
    """Return an event; None for a kind that this client does not know."""
    if kind not in ("points", "reset", "state"):
        return None
    if kind == "state":
        return _converted(data, StateChanged)
    if not (number.isascii() and number.isdigit()):
        raise not_understood(f"id: {number}")
    if kind == "reset":
        return PointsReset(number=int(number), keep=_converted(data, _Reset).keep)
    return PointsCame(number=int(number), curve=_converted(data, Curve))


class _Reset(Model, kw_only=True, frozen=True):
    keep: int


def _converted(data: str, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise not_understood(error) from error
