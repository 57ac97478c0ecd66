"""The time that the engine adds to a training loop.

    python -m benchmarks.engine_overhead [pairs]

Three forms of the same training of `dead-relu` (one arm), interleaved in an order drawn anew for
each pair, as ratios:

    bare       the loop and its counts of dead units, written out flat; the counts are discarded
    engine     the lab's own run(): the same, yielding points, each stored and described (mean and
               interval) as in a lab process
    uncounted  the loop without counts, for the time that they take

All three train the same ensemble on the same device. `benchmarks.replicates` has the effect of
stacking replicates. Packing points and sending them through the pipe is not included.
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


def loop(with_counts: bool) -> None:
    x, y = (torch.as_tensor(a, device=best_device()) for a in dead_relu.DIGITS)
    x = x.float() * CONFIG.scale
    nets = Ensemble(partial(dead_relu.Net, CONFIG, "relu"), SEEDS).to(x.device)
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    counter = dead_relu.DeadUnitCounter(nets, x.expand(len(SEEDS), -1, -1), y)
    generators = shuffle_generators(SEEDS)
    for epoch in range(CONFIG.epochs + 1):
        if epoch:
            for bx, by in batches(x, y, generators, dead_relu.BATCH):
                loss = cross_entropy(nets(bx)[0], by)
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
        if with_counts:
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
    works = {"bare": partial(loop, True), "engine": engine, "uncounted": partial(loop, False)}
    warm_up()
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(pairs):
        for name in random.sample(list(works), len(works)):
            times[name].append(seconds(works[name]))
    threads = f"{torch.get_num_threads()} thread(s)"
    print(f"{device().name}, {threads}, torch {torch.__version__}, {pairs} pairs")
    for name, values in times.items():
        print(f"{name:10} median {statistics.median(values):.3f} s")
    for name in ("engine", "uncounted"):
        ratios = sorted(a / b for a, b in zip(times[name], times["bare"], strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        center = statistics.median(ratios)
        print(f"{name} / bare: median {center:.4f}, middle half {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
