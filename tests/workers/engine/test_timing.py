"""Timing tells slow from fast, in turns, and counts what it does."""

import math

import pytest
import torch

from workers.engine import Rounds, Work, device, median_seconds, one_thread, timing, warm_up


class Clock:
    """A clock that moves only when work is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.done = 0.0, list[str]()
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def work(self, name: str, seconds: list[float]) -> Work:
        """Return work that takes these times in turn, the last again and again."""
        left = list(seconds)

        def prepare():
            def call() -> None:
                self.done.append(name)
                self.now += left.pop(0) if len(left) > 1 else left[0]

            return call

        return prepare


def test_the_median_forgives_a_slow_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    work = clock.work("a", [9.0, 1.0, 1.0, 7.0, 1.0, 1.0])  # the first two warm up
    assert median_seconds({"a": work}, 0, max_turns=5, max_seconds=100) == {"a": 1.0}


def test_it_stops_when_the_mean_is_sure_or_the_turns_are_done_or_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def turns(seconds: list[float], **limits: float) -> int:
        clock = Clock(monkeypatch)
        median_seconds({"a": clock.work("a", seconds)}, 0, **limits)
        return len(clock.done) - 2

    unsure = [1.0, 2.0] * 50
    assert turns([1.0], max_turns=30, max_seconds=1000) == 3
    assert turns(unsure, max_turns=30, max_seconds=1000) == 30
    assert turns(unsure, max_turns=30, max_seconds=10) == 7  # 10.5 s
    assert turns(unsure, max_turns=30, max_seconds=0) == 3


def test_works_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    works = {name: clock.work(name, [1.0, 2.0] * 50) for name in "abc"}
    median_seconds(works, 0, max_turns=10, max_seconds=1000)
    timed = clock.done[6:]
    rounds = [timed[n : n + 3] for n in range(0, len(timed), 3)]
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    assert len({tuple(names) for names in rounds}) > 1


def test_short_work_is_called_often_enough_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert median_seconds({"a": clock.work("a", [1e-6])}, 0)["a"] == pytest.approx(1e-6)
    assert len(clock.done) == 2 + 3 * 200


def test_two_turns_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 3 turns"):
        median_seconds({}, 0, max_turns=2)


def test_a_round_is_a_replicate_and_those_to_come_are_not_numbers() -> None:
    rounds = Rounds(3)
    rounds.keep("a", "s", 1.0)
    rounds.keep("a", "s", 2.0)
    seen = rounds.values("a", "s").tolist()
    assert seen[:2] == [1.0, 2.0] and math.isnan(seen[2])


def test_real_work_ten_times_as_long_takes_longer() -> None:
    x = torch.randn(20_000)

    def ratio() -> float:
        seconds = median_seconds(
            {n: (lambda n=n: lambda: [torch.exp(x) for _ in range(n)]) for n in (1, 10)}, 0
        )
        return seconds[10] / seconds[1]

    assert any(3 < ratio() < 30 for _ in range(5)), (
        "other programs may disturb one measurement, not five"
    )


def test_one_thread_is_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_the_device_is_described() -> None:
    here = device()
    assert here.kind in ("cpu", "cuda") and here.name and here.cores >= 1 and here.memory > 2**28


def test_warming_up_leaves_no_trace_but_random_numbers() -> None:
    warm_up()
    assert torch.get_default_dtype() == torch.float32
