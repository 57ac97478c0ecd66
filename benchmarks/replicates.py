"""Training 32 replicates at once, compared with a loop over seeds.

    python -m benchmarks.replicates [pairs]

One epoch of the digits, MLPs of width 64 at depth 2 and 8, plain SGD, batch 64; the loop is plain
PyTorch with the same batches. The two of a pair take turns in an order drawn anew; the ratio is how
many times as long the loop takes.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from workers.engine import (
    Ensemble,
    batches,
    best_device,
    cross_entropy,
    device,
    seeds,
    shuffle_generators,
    warm_up,
)
from workers.labs.dead_relu import DIGITS

REPLICATES = 32


def build(depth: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(64, 64), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = (torch.as_tensor(a, device=best_device()) for a in DIGITS)
    return x.float() / 16, y


def at_once(depth: int) -> None:
    x, y = digits()
    nets = Ensemble(partial(build, depth), seeds(0, REPLICATES)).to(x.device)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    for bx, by in batches(x, y, shuffle_generators(seeds(0, REPLICATES)), size=64):
        optimizer.zero_grad()
        cross_entropy(nets(bx), by).sum().backward()
        optimizer.step()


def one_by_one(depth: int) -> None:
    x, y = digits()
    for seed in seeds(0, REPLICATES):
        torch.manual_seed(seed)
        net = build(depth).to(x.device)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).to(x.device)
        for start in range(0, len(x) - 63, 64):
            rows = order[start : start + 64]
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()


def seconds(work: Callable[[int], None], depth: int) -> float:
    start = time.perf_counter()
    work(depth)
    if best_device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def pair(depth: int) -> tuple[float, float]:
    """Return the seconds of the loop and of all at once, timed in an order drawn anew."""
    works = random.sample([one_by_one, at_once], 2)
    taken = {work: seconds(work, depth) for work in works}
    return taken[one_by_one], taken[at_once]


def main(pairs: int) -> None:
    warm_up()
    print(
        f"{device().name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}, "
        f"{REPLICATES} replicates, {pairs} pairs"
    )
    for depth in (2, 8):
        seconds(at_once, depth), seconds(one_by_one, depth)
        taken = [pair(depth) for _ in range(pairs)]
        loop, together = (statistics.median(times) for times in zip(*taken, strict=True))
        ratios = sorted(a / b for a, b in taken)
        ratio = f"{statistics.median(ratios):.2f} times (from {ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"depth {depth}: loop {loop:.3f} s, at once {together:.3f} s: {ratio}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
