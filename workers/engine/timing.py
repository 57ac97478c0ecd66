"""Timing in rounds: every work once a round, in an order of its own, so that a slow moment hits all of them alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import fmean, median, stdev

import torch
from torch import Tensor

Work = Callable[[], Callable[[], object]]  # prepares fresh inputs, untimed, and returns what is to be timed

LEAST = 3  # timed repetitions in a round
SHORTEST = 2e-4  # seconds of one repetition: shorter work is called several times in it, or the clock would be measured too


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def median_seconds(work: Work, *, most: int = 30, cap: float = 0.05) -> float:
    """Return the median time of one call, in seconds.

    Calls once to warm up, then repeats until the relative standard error of the mean is below 1 %, `most` repetitions are
    done, or `cap` seconds are spent (with at least three repetitions). Preparing is not timed.

    Raises:
        ValueError: fewer than three repetitions asked for.
    """
    if most < LEAST:
        raise ValueError(f"a median needs at least {LEAST} repetitions, not {most}")
    _clocked([work()])
    calls = max(1, round(SHORTEST / max(_clocked([work()]), 1e-9)))
    times: list[float] = []
    while len(times) < LEAST or (len(times) < most and sum(times) * calls < cap and _relative_error(times) > 0.01):
        times.append(_clocked([work() for _ in range(calls)]))
    return median(times)


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

    def time(self, works: Mapping[tuple[str, str], Work], seed: int, *, most: int, cap: float = 0.05) -> None:
        """Time every work, named by arm and series, once, in an order drawn from the seed, and keep its seconds."""
        order = list(works)
        random.Random(seed).shuffle(order)  # noqa: S311 -- no secret
        for arm, series in order:
            self.keep(arm, series, median_seconds(works[arm, series], most=most, cap=cap))

    def values(self, arm: str, series: str) -> Tensor:
        """Return what has been seen so far (rounds,), not a number for the rounds to come."""
        seen = self._seen[arm, series]
        return torch.tensor(seen + [torch.nan] * (self._rounds - len(seen)), dtype=torch.float64)


def _clocked(calls: list[Callable[[], object]]) -> float:
    """Return the mean time of the calls, in seconds."""
    _wait()
    start = time.perf_counter()
    for call in calls:
        call()
    _wait()
    return (time.perf_counter() - start) / len(calls)


def _wait() -> None:
    if torch.cuda.is_available():  # its work is queued: without this only the queueing would be timed
        torch.cuda.synchronize()


def _relative_error(times: list[float]) -> float:
    return float(stdev(times) / len(times) ** 0.5 / fmean(times))
