"""A lab that yields `points` points, and does `action` at point `at`.

It never sleeps: the action "gate" waits for a FIFO that the test opens.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from workers.engine import Point, Points, Verdict, above, below, claim, decide


@dataclass(frozen=True)
class Config:
    points: int = 3
    action: str = ""
    at: int = 1
    gate: str = ""
    values: tuple[float | str, ...] = ()


def length(config: Config, replicates: int) -> int:
    return config.points


def run(config: Config, seeds: Sequence[int]) -> Iterator[Point]:
    steps = torch.arange(float(len(seeds)))  # (replicates,)
    for step in range(config.points):
        if step == config.at:
            do(config)
        pid = torch.full((len(seeds),), float(os.getpid()), dtype=torch.float64)
        yield Point("arm", step, {"count": steps + step, "pid": pid})
    if config.values:
        values = torch.tensor([float(value) for value in config.values], dtype=torch.float64)
        yield Point("poison", 0, {"value": values})


def do(config: Config) -> None:
    match config.action:
        case "raise":
            raise ValueError("the lab\nwas told to\0raise \ud800")
        case "exit":
            sys.exit(3)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "ignore":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()
        case "fork":
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.pause()
            signal.pause()
        case "compute":
            sum(range(10**12))  # one call into C that no Python signal handler can interrupt
        case "print":
            print("x" * 200_000, flush=True)
            print(sorted(os.environ), flush=True)
        case "gate":
            Path(config.gate).read_text()


@claim("odd.counts")
def it_counts(points: Points) -> Verdict:
    return decide(points.last("arm", "count"), holds=above(0.0), fails=below(0.0))


@claim("odd.raises")
def it_raises(points: Points) -> Verdict:
    raise RuntimeError("this rule is broken")


@claim("elsewhere.claim")
def it_is_another_labs(points: Points) -> Verdict:
    raise AssertionError("only the rules of its own lab are evaluated")
