"""Events are merged while they wait, numbered when they are sent, and kept in case of a gap."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import send_buffer as module
from workers import wire
from workers.send_buffer import EventsLost, SendBuffer


def event(series: str, *steps: float) -> wire.Event:
    return wire.Event(
        "arm", series, list(steps), [1.0] * len(steps), [0.0] * len(steps), [2.0] * len(steps)
    )


def test_points_of_one_series_are_merged_until_they_have_a_number() -> None:
    buffer = SendBuffer(after=4)
    buffer.add([event("a", 0), event("b", 0)])
    buffer.add([event("a", 1)])
    assert buffer.take() == (4, [event("a", 0, 1), event("b", 0)])
    buffer.add([event("a", 2)])
    assert buffer.take() == (
        4,
        [event("a", 0, 1), event("b", 0)],
    )  # the same until it is acknowledged
    buffer.acknowledge(6)
    assert buffer.take() == (6, [event("a", 2)])
    buffer.acknowledge(7)
    assert not buffer


def test_requests_keep_to_the_limits_of_the_protocol() -> None:
    buffer = SendBuffer(after=0)
    buffer.add([event(f"series {n}", n) for n in range(wire.MAX_EVENTS + 5)])
    buffer.add([event("long", *(n / 7 for n in range(200_000)))])
    numbers = 0
    while buffer:
        request = buffer.request(points_done=1, points_expected=2)
        body = msgspec.json.encode(request)
        msgspec.json.decode(body, type=wire.EventsRequest)  # which checks the number of events
        assert len(body) <= wire.MAX_BODY
        assert all(len(e.step) <= wire.MAX_POINTS for e in request.events)
        numbers += len(request.events)
        buffer.acknowledge(request.after + len(request.events))
    assert numbers == wire.MAX_EVENTS + 5 + 10


def test_a_buffer_is_full_until_its_events_are_acknowledged() -> None:
    buffer = SendBuffer(after=0)
    buffer.add([event("a", *range(module.MAX_WAITING_POINTS))])
    assert buffer.is_full
    buffer.take()
    buffer.acknowledge(module.MAX_WAITING_POINTS)
    assert not buffer.is_full


def test_it_cannot_go_back_to_events_that_are_no_longer_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_HISTORY_BYTES", 100)
    buffer = SendBuffer(after=0)
    for step in range(20):
        buffer.add([event("a", step)])
        buffer.acknowledge(buffer.take()[0] + 1)
    with pytest.raises(EventsLost, match="asks for event 1;"):
        buffer.rewind(0)
    buffer.rewind(19)
    assert buffer.take() == (19, [event("a", 19)])


def test_a_gap_without_missing_events_is_an_error() -> None:
    buffer = SendBuffer(after=3)
    buffer.add([event("a", 0)])
    buffer.take()
    with pytest.raises(EventsLost):
        buffer.rewind(3)


def test_what_was_saved_keeps_its_numbers_as_the_site_may_have_some_of_it() -> None:
    buffer = SendBuffer(after=0)
    buffer.add([event("a", 0), event("b", 0)])
    assert buffer.take() == (0, [event("a", 0), event("b", 0)])  # stored; the answer is lost
    buffer.add([event("a", 1), event("b", 1)])
    saved = SendBuffer(buffer.acknowledged, buffer.rest())
    assert saved.take() == (0, [event("a", 0), event("b", 0), event("a", 1), event("b", 1)])


@given(
    st.lists(
        st.sampled_from(["add", "send", "lose the request", "lose the reply", "forget", "save"]),
        max_size=60,
    ),
    st.integers(0, 9),
)
def test_whatever_is_lost_on_the_way_every_point_arrives_once_and_in_order(
    actions: list[str], after: int
) -> None:
    buffer, stored, step = SendBuffer(after), [], 0
    unsaved = 0  # how many of the stored events no buffer has any more

    def post(keep: bool, answer: bool) -> None:
        number, events = buffer.take()
        if number > after + len(stored):
            buffer.rewind(after + len(stored))
            return
        if keep:
            stored.extend(events[after + len(stored) - number :])
        if answer:
            buffer.acknowledge(number + len(events))

    for action in actions:
        if action == "add":
            buffer.add([event("a", step), event("b", step)])
            step += 1
        elif action == "forget":
            del stored[max(len(stored) // 2, unsaved) :]
        elif action == "save":  # another process goes on; it has what was not acknowledged
            if after + len(stored) >= buffer.acknowledged:
                buffer = SendBuffer(buffer.acknowledged, buffer.rest())
                unsaved = buffer.acknowledged - after
        else:
            post(keep=action != "lose the request", answer=action == "send")
    buffer.add([event("end", step)])
    while buffer or len(stored) < buffer.acknowledged - after:
        post(keep=True, answer=True)
        if not buffer:
            buffer.add([event("end", step)])  # a last report, in which a last loss is noticed
            post(keep=True, answer=True)
    for series in ("a", "b"):
        assert [s for e in stored if e.series == series for s in e.step] == list(range(step))
