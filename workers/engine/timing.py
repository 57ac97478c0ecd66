"""Timing in rounds, in which all that is compared takes turns.

A slow moment of the machine then hits all of it alike.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from statistics import fmean, median, stdev
from typing import TypeVar

import torch
from torch import Tensor

Work = Callable[[], Callable[[], object]]  # prepares inputs, untimed; returns the call to time
Name = TypeVar("Name", bound=Hashable)

MIN_TURNS = 3
MIN_TURN_SECONDS = 2e-4  # shorter work is called several times in a turn, to outweigh the clock
PRECISION = 0.01  # relative standard error of a mean, below which no more turns are needed


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def median_seconds(
    works: Mapping[Name, Work], seed: int, *, max_turns: int = 30, max_seconds: float = 0.05
) -> dict[Name, float]:
    """Return the median time of one call of each work, in seconds.

    After a warm-up the works take turns, in an order drawn anew for each turn, so that a slow
    moment of the machine hits all of them alike. Preparing is not timed. Turns end when the
    relative standard error of each mean is below 1 %, but after three turns at the earliest.

    Args:
        seed: of the orders.
        max_turns: the latest end.
        max_seconds: another end: that many seconds are spent, on average, on each work.
    Raises:
        ValueError: `max_turns` is below three.
    """
    if max_turns < MIN_TURNS:
        raise ValueError(f"a median needs at least {MIN_TURNS} turns, not {max_turns}")
    calls = {name: _calls_per_turn(work) for name, work in works.items()}
    times: dict[Name, list[float]] = {name: [] for name in works}
    generator = random.Random(seed)  # noqa: S311 -- no secret
    budget, turns = max_seconds * len(works), 0

    def is_precise() -> bool:
        return max(map(_relative_error, times.values())) <= PRECISION

    while turns < MIN_TURNS or (turns < max_turns and budget > 0 and not is_precise()):
        for name in generator.sample(list(works), len(works)):
            times[name].append(_mean_seconds([works[name]() for _ in range(calls[name])]))
            budget -= times[name][-1] * calls[name]
        turns += 1
    return {name: median(seconds) for name, seconds in times.items()}


class Rounds:
    """The measurements of each arm and series, round by round, as a lab yields them.

    Args:
        rounds: how many there will be; each is one replicate.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._measured: dict[tuple[str, str], list[float]] = {}

    def keep(self, arm: str, series: str, value: float) -> None:
        """Append the value that this round measured."""
        self._measured.setdefault((arm, series), []).append(value)

    def time(
        self,
        works: Mapping[tuple[str, str], Work],
        seed: int,
        *,
        max_turns: int,
        max_seconds: float = 0.05,
    ) -> None:
        """Time works, named by arm and series, and keep their seconds: see `median_seconds`."""
        medians = median_seconds(works, seed, max_turns=max_turns, max_seconds=max_seconds)
        for (arm, series), seconds in medians.items():
            self.keep(arm, series, seconds)

    def values(self, arm: str, series: str) -> Tensor:
        """Return the values measured so far (rounds,); NaN for the rounds to come."""
        measured = self._measured[arm, series]
        to_come = [torch.nan] * (self._rounds - len(measured))
        return torch.tensor(measured + to_come, dtype=torch.float64)


def _calls_per_turn(work: Work) -> int:
    """Return how many calls make a turn long enough; a first call warms up."""
    _mean_seconds([work()])
    return max(1, round(MIN_TURN_SECONDS / max(_mean_seconds([work()]), 1e-9)))


def _mean_seconds(calls: list[Callable[[], object]]) -> float:
    """Return the mean time of the calls, in seconds."""
    _finish_queued_work()
    start = time.perf_counter()
    for call in calls:
        call()
    _finish_queued_work()
    return (time.perf_counter() - start) / len(calls)


def _finish_queued_work() -> None:
    # CUDA computes asynchronously: without this only the queueing would be timed.
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _relative_error(times: list[float]) -> float:
    return float(stdev(times) / len(times) ** 0.5 / fmean(times))
