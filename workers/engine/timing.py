"""Timing in rounds: in each round all works take turns, so that a slow moment of the machine hits
all of them alike.
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

# prepares fresh inputs, untimed, and returns what is to be timed
Work = Callable[[], Callable[[], object]]

Name = TypeVar("Name", bound=Hashable)

MIN_TURNS = 3  # turns
# seconds of one turn: shorter work is called several times in it, or the clock would be measured
# too
MIN_SECONDS = 2e-4


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
    works: Mapping[Name, Work], seed: int, *, most: int = 30, cap: float = 0.05
) -> dict[Name, float]:
    """Return the median time of one call of each work, in seconds.

    Warms up, then takes turns, in an order drawn anew for each turn, so that a slow moment hits all
    of them alike: until the relative standard error of each mean is below 1 %, `most` turns are
    done, or `cap` seconds a work are spent (three turns at least). Preparing is not timed.

    Raises:
        ValueError: fewer than three turns asked for.
    """
    if most < MIN_TURNS:
        raise ValueError(f"a median needs at least {MIN_TURNS} turns, not {most}")
    calls = {name: _calls(work) for name, work in works.items()}  # in one turn
    times: dict[Name, list[float]] = {name: [] for name in works}
    draw, turn, spent = random.Random(seed), 0, 0.0  # noqa: S311 -- no secret
    while turn < MIN_TURNS or (
        turn < most
        and spent < cap * len(works)
        and max(map(_relative_error, times.values())) > 0.01
    ):
        for name in draw.sample(list(works), len(works)):
            times[name].append(_clocked([works[name]() for _ in range(calls[name])]))
            spent += times[name][-1] * calls[name]
        turn += 1
    return {name: median(taken) for name, taken in times.items()}


class Rounds:
    """What was measured of each arm and series, round by round, as a lab yields it.

    Args:
        rounds: how many there will be; each is one replicate.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._seen: dict[tuple[str, str], list[float]] = {}

    def keep(self, arm: str, series: str, value: float) -> None:
        """Keep what this round showed."""
        self._seen.setdefault((arm, series), []).append(value)

    def time(
        self, works: Mapping[tuple[str, str], Work], seed: int, *, most: int, cap: float = 0.05
    ) -> None:
        """Time the works, named by arm and series, in turns, and keep their seconds; see
        `median_seconds`.
        """
        for (arm, series), seconds in median_seconds(works, seed, most=most, cap=cap).items():
            self.keep(arm, series, seconds)

    def values(self, arm: str, series: str) -> Tensor:
        """Return what has been seen so far (rounds,), not a number for the rounds to come."""
        seen = self._seen[arm, series]
        return torch.tensor(seen + [torch.nan] * (self._rounds - len(seen)), dtype=torch.float64)


def _calls(work: Work) -> int:
    """Return how many calls make a turn long enough; the first call warms up."""
    _clocked([work()])
    return max(1, round(MIN_SECONDS / max(_clocked([work()]), 1e-9)))


def _clocked(calls: list[Callable[[], object]]) -> float:
    """Return the mean time of the calls, in seconds."""
    _wait()
    start = time.perf_counter()
    for call in calls:
        call()
    _wait()
    return (time.perf_counter() - start) / len(calls)


def _wait() -> None:
    # its work is queued: without this only the queueing would be timed
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _relative_error(times: list[float]) -> float:
    return float(stdev(times) / len(times) ** 0.5 / fmean(times))
