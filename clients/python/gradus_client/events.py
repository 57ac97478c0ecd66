"""Server-sent events of a run: read, and taken up again where they were cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import msgspec

from gradus_client.errors import Away, ConnectionFailed, NotUnderstood, TooMany
from gradus_client.models import Curve, Model, RunDetail
from gradus_client.transport import MAX_PAUSE_SECONDS, PAUSE_SECONDS, Transport, segment
from gradus_client.words import tr

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


Event = PointsCame | PointsReset | StateChanged


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
    waited, pause = 0.0, PAUSE_SECONDS
    while True:
        cut: Exception | None = None
        wait = pause
        try:
            headers = {"Last-Event-ID": str(last)} if last else {}
            with transport.stream(path, headers, SILENCE_SECONDS) as answer:
                for kind, number, data in parse(answer.iter_lines()):
                    event = _event(kind, number, data)
                    if event is None:
                        continue
                    waited, pause, wait = 0.0, PAUSE_SECONDS, PAUSE_SECONDS
                    if isinstance(event, StateChanged):
                        yield event
                        if event.is_over:
                            return
                    elif event.number > last:
                        last = event.number
                        yield event
        except httpx.TransportError as error:
            cut = error
        except (TooMany, Away) as error:
            if error.retry_after is None:
                raise
            cut, wait = error, error.retry_after
        if cut is None:
            # the stream came to its end without the run's: say why, if the run may not be seen any
            # more, or is over
            detail = transport.read(RunDetail, "GET", f"runs/{segment(run)}")
            if detail.state in ENDED_STATES and (detail.is_folded or last >= detail.last_batch):
                yield state_of(detail)
                return
        if waited + wait > PATIENCE_SECONDS:
            raise ConnectionFailed(
                tr("{url} is not answering any more.").format(url=transport.url)
            ) from cut
        transport.sleep(wait)
        waited += wait
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


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
    try:
        body: Any = msgspec.json.decode(data)
        if kind == "state":
            return msgspec.convert(body, StateChanged)
        if kind == "reset":
            return PointsReset(number=int(number), keep=int(body["keep"]))
        return PointsCame(number=int(number), curve=msgspec.convert(body, Curve))
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise NotUnderstood(
            tr(
                "The site's answer is not what this client expects ({reason}). Update "
                "gradus-client."
            ).format(reason=error)
        ) from error
