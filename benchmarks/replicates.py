"""Training 32 replicates at once, compared with a loop over seeds.

    python -m benchmarks.replicates [pairs]

One epoch of the digits, MLPs of width 64 at depth 2 and 8 and a small CNN, plain SGD, batch 64; the
loop is plain PyTorch with the same batches, on one thread, which is its best setting. Ensembles use
all threads: mapped, and with stacked layers (`Ensemble(mapped=False)`). Those of a turn are timed
in an order drawn anew; a ratio is how many times as long the loop takes in the same turn.

Threads that wait for one another are set by the environment, each setting in a process of its own:
`OMP_WAIT_POLICY=PASSIVE`, and the number of turns that they spin, `GOMP_SPINCOUNT`.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

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
WAITING = (
    {"OMP_WAIT_POLICY": "PASSIVE"},
    {"GOMP_SPINCOUNT": "1000"},
    {"GOMP_SPINCOUNT": "3000"},
)
Build = Callable[[], nn.Module]


class Image(nn.Module):
    """Makes an image of 64 pixels, of however many examples."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (1, 8, 8))


def mlp(depth: int) -> nn.Module:
    hidden: list[nn.Module] = []
    for _ in range(depth):
        hidden += [nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, 10))


def cnn() -> nn.Module:
    blocks: list[nn.Module] = []
    for channels, filters in ((1, 8), (8, 16)):
        blocks += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(Image(), *blocks, nn.Flatten(-3), nn.Linear(64, 10))


NETS: dict[str, Build] = {"depth 2": partial(mlp, 2), "depth 8": partial(mlp, 8), "cnn": cnn}


def digits() -> tuple[Tensor, Tensor]:
    x, y = (torch.as_tensor(a, device=best_device()) for a in DIGITS)
    return x.float() / 16, y


def at_once(build: Build, *, mapped: bool) -> None:
    x, y = digits()
    nets = Ensemble(build, seeds(0, REPLICATES), mapped=mapped).to(x.device)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    for bx, by in batches(x, y, shuffle_generators(seeds(0, REPLICATES)), size=64):
        optimizer.zero_grad()
        cross_entropy(nets(bx), by).sum().backward()
        optimizer.step()


def one_by_one(build: Build) -> None:
    x, y = digits()
    for seed in seeds(0, REPLICATES):
        torch.manual_seed(seed)
        net = build().to(x.device)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)).to(x.device)
        for start in range(0, len(x) - 63, 64):
            rows = order[start : start + 64]
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()


WAYS: dict[str, Callable[[Build], None]] = {
    "loop": one_by_one,
    "mapped": partial(at_once, mapped=True),
    "stacked": partial(at_once, mapped=False),
}


def seconds(way: str, build: Build, threads: int) -> float:
    torch.set_num_threads(1 if way == "loop" else threads)
    start = time.perf_counter()
    WAYS[way](build)
    if best_device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(pairs: int) -> None:
    """Print the figures of this process, which waits as its environment says."""
    threads = torch.get_num_threads()
    for name, build in NETS.items():
        turns = []
        for _ in range(pairs + 1):
            order = random.sample(list(WAYS), len(WAYS))
            turns.append({way: seconds(way, build, threads) for way in order})
        figures = []
        for way in WAYS:
            median = statistics.median(turn[way] for turn in turns[1:])
            ratio = statistics.median(turn["loop"] / turn[way] for turn in turns[1:])
            figures.append(f"{way} {median:.3f} s" + (f" {ratio:.1f}x" if way != "loop" else ""))
        print(f"  {name:<8} {', '.join(figures)}", flush=True)


def main(pairs: int) -> None:
    warm_up()
    print(
        f"{device().name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}, "
        f"{REPLICATES} replicates, {pairs} pairs",
        flush=True,
    )
    for waiting in WAITING:
        print(", ".join(f"{name}={value}" for name, value in waiting.items()), flush=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_W")}
        command = [sys.executable, "-m", "benchmarks.replicates", str(pairs), "measure"]
        subprocess.run(command, env=kept | waiting, check=True)


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    measure(asked) if sys.argv[2:] == ["measure"] else main(asked)
