"""Events on their way: merged while they wait, numbered when sent, kept in case of a gap."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import send_buffer as module
from workers import wire
from workers.send_buffer import Lost, SendBuffer


def event(series: str, *steps: float) -> wire.Event:
    return wire.Event(
        "arm", series, list(steps), [1.0] * len(steps), [0.0] * len(steps), [2.0] * len(steps)
    )


def test_points_of_one_series_are_merged_until_they_have_a_number() -> None:
    box = SendBuffer(after=4)
    box.add([event("a", 0), event("b", 0)])
    box.add([event("a", 1)])
    assert box.take() == (4, [event("a", 0, 1), event("b", 0)])
    box.add([event("a", 2)])
    assert box.take() == (4, [event("a", 0, 1), event("b", 0)])  # the same until it is acknowledged
    box.acknowledge(6)
    assert box.take() == (6, [event("a", 2)])
    box.acknowledge(7)
    assert not box


def test_requests_obey_every_limit_of_the_wire() -> None:
    box = SendBuffer(after=0)
    box.add([event(f"series {n}", n) for n in range(wire.MAX_EVENTS + 5)])
    box.add([event("long", *(n / 7 for n in range(200_000)))])
    numbers = 0
    while box:
        request = box.request(points_done=1, points_expected=2)
        body = msgspec.json.encode(request)
        msgspec.json.decode(body, type=wire.EventsRequest)  # which checks the number of events
        assert len(body) <= wire.MAX_BODY
        assert all(len(e.step) <= wire.MAX_POINTS for e in request.events)
        numbers += len(request.events)
        box.acknowledge(request.after + len(request.events))
    assert numbers == wire.MAX_EVENTS + 5 + 10


def test_a_full_box_says_so_until_it_is_emptied() -> None:
    box = SendBuffer(after=0)
    box.add([event("a", *range(module.FULL_POINTS))])
    assert box.is_full
    box.take()
    box.acknowledge(module.FULL_POINTS)
    assert not box.is_full


def test_it_cannot_go_back_to_what_it_no_longer_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_BYTES", 100)
    box = SendBuffer(after=0)
    for step in range(20):
        box.add([event("a", step)])
        box.acknowledge(box.take()[0] + 1)
    with pytest.raises(Lost, match="asks for event 1;"):
        box.rewind(0)
    box.rewind(19)
    assert box.take() == (19, [event("a", 19)])


def test_a_gap_that_is_none_is_not_believed() -> None:
    box = SendBuffer(after=3)
    box.add([event("a", 0)])
    box.take()
    with pytest.raises(Lost):
        box.rewind(3)


@given(
    st.lists(
        st.sampled_from(["add", "send", "lose the request", "lose the reply", "forget"]),
        max_size=60,
    ),
    st.integers(0, 9),
)
def test_whatever_is_lost_on_the_way_every_point_arrives_once_and_in_order(
    deeds: list[str], after: int
) -> None:
    box, stored, step = SendBuffer(after), [], 0

    def post(keep: bool, answer: bool) -> None:
        number, events = box.take()
        if number > after + len(stored):
            box.rewind(after + len(stored))
            return
        if keep:
            stored.extend(events[after + len(stored) - number :])
        if answer:
            box.acknowledge(number + len(events))

    for deed in deeds:
        if deed == "add":
            box.add([event("a", step), event("b", step)])
            step += 1
        elif deed == "forget":
            del stored[len(stored) // 2 :]
        else:
            post(keep=deed != "lose the request", answer=deed == "send")
    box.add([event("end", step)])
    while box or len(stored) < box.acknowledged - after:
        post(keep=True, answer=True)
        if not box:
            box.add([event("end", step)])  # a beat, so that a last loss is noticed
            post(keep=True, answer=True)
    for series in ("a", "b"):
        assert [s for e in stored if e.series == series for s in e.step] == list(range(step))
