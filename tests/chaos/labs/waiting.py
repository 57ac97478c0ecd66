"""A lab that waits between its points instead of computing: a run lasts as long as its settings
say, on any machine, and leaves the processors to what is tested.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from workers.engine import Point, Points, Verdict, above, below, claim, decide

ARMS = ("one", "two")
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Config:
    points: int = 100  # of each arm


def length(config: Config, replicates: int) -> int:
    return len(ARMS) * config.points


def run(config: Config, seeds: Sequence[int]) -> Iterator[Point]:
    replicate = torch.arange(float(len(seeds)), dtype=torch.float64)  # (replicates,)
    for step in range(config.points):
        for arm in ARMS:
            yield Point(arm, step, {"value": replicate + step})
        time.sleep(PAUSE_SECONDS)


@claim("waiting.rises")
def rises(points: Points) -> Verdict:
    gain = points.last("one", "value") - points.first("one", "value")  # (replicates,)
    return decide(gain, holds=above(0.5), fails=below(0.1))
