"""What the engine adds to a training loop: python -m benchmarks.engine_overhead [pairs]

Three forms of the same training of `dead-relu` (one arm), interleaved in an order drawn anew for
each pair, as ratios:

    bare       the loop and its census, written out flat; what it counts is thrown away
    engine     the lab's own run(): the same, yielding points, each kept and described (mean and
               interval) as in a lab process
    unwatched  the loop without any census, to see what watching costs

All three train the same ensemble on the same device: what stacking replicates gains or costs is in
`benchmarks.replicates`. Packing points and sending them down the pipe is not in it.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch

from workers.engine import (
    Ensemble,
    Points,
    batches,
    best_device,
    cross_entropy,
    describe,
    device,
    seeds,
    shuffle_generators,
    warm_up,
)
from workers.labs import dead_relu

CONFIG = dead_relu.Config(epochs=5)
SEEDS = seeds(0, 16)


def loop(watched: bool) -> None:
    x, y = (torch.as_tensor(a, device=best_device()) for a in dead_relu.DIGITS)
    x = x.float() * CONFIG.scale
    nets = Ensemble(partial(dead_relu.Net, CONFIG, "relu"), SEEDS).to(x.device)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    counter = dead_relu.DeadUnitCounter(nets, x.expand(len(SEEDS), -1, -1), y)
    shuffle = shuffle_generators(SEEDS)
    for epoch in range(CONFIG.epochs + 1):
        if epoch:
            for bx, by in batches(x, y, shuffle, dead_relu.BATCH):
                loss = cross_entropy(nets(bx)[0], by)
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
        if watched:
            counter.count_dead()


def engine() -> None:
    points = Points()
    for point in dead_relu.run(CONFIG, SEEDS):
        points.add(point)
        for value in point.values.values():
            describe(value)


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    if best_device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main(pairs: int) -> None:
    dead_relu.ARMS = [("relu", 0.1)]
    works = {"bare": partial(loop, True), "engine": engine, "unwatched": partial(loop, False)}
    warm_up()
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(pairs):
        for name in random.sample(list(works), len(works)):
            taken[name].append(seconds(works[name]))
    print(
        f"{device().name}, {torch.get_num_threads()} "
        f"thread(s), torch {torch.__version__}, {pairs} pairs"
    )
    for name, times in taken.items():
        print(f"{name:10} median {statistics.median(times):.3f} s")
    for name in ("engine", "unwatched"):
        ratios = sorted(a / b for a, b in zip(taken[name], taken["bare"], strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        print(
            f"{name} / bare: median {statistics.median(ratios):.4f}, "
            f"middle half {low:.4f} to {high:.4f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
