"""What an exponential costs: activations timed alone, forward and backward, and inside a network.

Textbooks warn of the exponential in the sigmoid. Alone it is indeed slower than comparing with
zero, at some sizes: small tensors cost what every call costs, large ones what memory costs. In a
network the matrix products do n^2 work for every n activations, and the difference drowns.

Everything is timed on one thread. A replicate is a *round*: each round draws fresh inputs, lets
what it compares take turns up to thirty times, and keeps each median. What is judged is the ratio
within a round, so that a slow moment of the machine hits both sides. The mean over rounds narrows
while you watch.

Try: a narrow network with a large batch, where the share of the activations grows; a wide one,
where it vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.engine import (
    Point,
    Points,
    Rounds,
    Verdict,
    Work,
    above,
    below,
    best_device,
    claim,
    decide_ratio,
    one_thread,
    unanimous,
)

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)  # elements of the tensors timed alone
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    # inside the network only: the rectifier's rival, without an exponential
    "leaky": functional.leaky_relu,
}
ALONE = ("relu", "sigmoid", "tanh", "softplus")
EXPONENTIAL = ("sigmoid", "tanh", "softplus")
# of float32 against float64; softplus turns into x above 20 and is off by 2e-9 there
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Config:
    largest: int = 10_000_000  # elements of the largest tensor timed alone
    width: int = 512  # of the network
    depth: int = 4  # hidden layers
    batch: int = 256  # examples in a training step
    repeats: int = 30  # turns in a round, at most; their median counts


def sizes(config: Config) -> list[int]:
    return [size for size in SIZES if size <= config.largest]


def forward(f: Callable[[Tensor], Tensor], x: Tensor) -> Work:
    """Return work that applies f to x (elements,), recorded for a gradient as in training."""
    return lambda: lambda: f(x)


def backward(f: Callable[[Tensor], Tensor], x: Tensor) -> Work:
    """Return work that takes f back, from a gradient of ones at its output to that at x; going
    forward is not timed.
    """
    upstream = torch.ones_like(x)

    def prepare() -> Callable[[], object]:
        y = f(x)
        return lambda: torch.autograd.grad(y, x, upstream)

    return prepare


def training_step(f: Callable[[Tensor], Tensor], config: Config) -> Work:
    """Return work that takes one step of SGD on a batch of its own: forward, backward, update."""
    torch.manual_seed(0)  # the same weights for every activation
    layers = nn.ModuleList(
        nn.Linear(n, m) for n, m in pairwise([64] + [config.width] * config.depth + [10])
    ).to(best_device())
    optimizer = torch.optim.SGD(layers.parameters(), 1e-3)

    def prepare() -> Callable[[], object]:
        batch = torch.randn(config.batch, 64, device=best_device())
        labels = torch.randint(10, (config.batch,), device=best_device())

        def step() -> None:
            x = batch
            for layer in layers[:-1]:
                x = f(layer(x))  # (batch, width)
            loss = functional.cross_entropy(layers[-1](x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step

    return prepare


def error(f: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Return how far value and slope in single precision lie from those in double precision, at
    most, on 100,000 elements of x.

    Raises:
        ArithmeticError: too far: whatever was timed is not this function.
    """
    results = []
    for inputs in (x.detach()[:100_000].clone(), x.detach()[:100_000].double()):
        y = f(inputs.requires_grad_())
        results.append(torch.cat([y, *torch.autograd.grad(y.sum(), inputs)]).detach().double())
    largest = float((results[0] - results[1]).abs().max())
    if largest > TOLERANCE:
        raise ArithmeticError(f"off by {largest:.1e} from its double-precision reference")
    return largest


def run(config: Config, seeds: Sequence[int]) -> Iterator[Point]:
    """Time all arms in each round, a round for each seed; yield after each round all that was
    measured so far.

    The values are vectors over rounds, not a number for the rounds to come.
    """
    with one_thread():
        rounds = Rounds(len(seeds))
        networks = {
            (f"network {name}", "step"): training_step(f, config) for name, f in ACTIVATIONS.items()
        }
        for done, seed in enumerate(seeds, 1):
            torch.manual_seed(seed)
            rounds.time(networks, seed, most=config.repeats, cap=0.15)
            for name in ACTIVATIONS:
                yield Point(f"network {name}", done, in_network(rounds, name))

            for size in sizes(config):
                x = torch.randn(size, device=best_device(), requires_grad=True)
                for name in ALONE:
                    rounds.keep(f"{name} {size}", "error", error(ACTIVATIONS[name], x))
                forwards = {
                    (f"{name} {size}", "forward"): forward(ACTIVATIONS[name], x) for name in ALONE
                }
                backwards = {
                    (f"{name} {size}", "backward"): backward(ACTIVATIONS[name], x) for name in ALONE
                }
                rounds.time(forwards | backwards, seed, most=config.repeats)
                for name in ALONE:
                    yield Point(f"{name} {size}", done, alone(rounds, name, size))


def length(config: Config, replicates: int) -> int:
    """Return how many points `run` yields."""
    return replicates * (len(ACTIVATIONS) + len(ALONE) * len(sizes(config)))


def in_network(rounds: Rounds, name: str) -> dict[str, Tensor]:
    """Return what to show of a network, each (rounds,): milliseconds of a step, and how many times
    ReLU's.
    """
    seconds, relu = (rounds.values(f"network {each}", "step") for each in (name, "relu"))
    return {"step": 1e3 * seconds, "step ratio": seconds / relu}


def alone(rounds: Rounds, name: str, size: int) -> dict[str, Tensor]:
    """Return what to show of an activation, each (rounds,): nanoseconds per element, and how many
    times ReLU's.
    """
    on, back, relu_on, relu_back = (
        rounds.values(f"{n} {size}", way) for n in (name, "relu") for way in ("forward", "backward")
    )
    return {
        "forward": 1e9 * on / size,
        "backward": 1e9 * back / size,
        "forward ratio": on / relu_on,
        "backward ratio": back / relu_back,
        "ratio": (on + back) / (relu_on + relu_back),
        "error": rounds.values(f"{name} {size}", "error"),
    }


@claim("activation-cost.exp-slower-alone")
def exponentials_are_slower_alone(points: Points) -> Verdict:
    """Holds when forward and backward together take over 1.1 times ReLU's time at every size; fails
    when at none; else depends.
    """
    measured = [size for size in SIZES if (f"relu {size}", "ratio") in points]
    ratios = {
        f"{name}_{size}": points.last(f"{name} {size}", "ratio")
        for name in EXPONENTIAL
        for size in measured
    }
    # of each round, over functions and sizes
    mean = np.exp(np.mean([np.log(ratio) for ratio in ratios.values()], axis=0))
    parts = {
        part: decide_ratio(ratio, holds=above(1.1), fails=below(1.1))
        for part, ratio in ratios.items()
    }
    return unanimous(decide_ratio(mean, holds=above(1.1), fails=below(1.1)), **parts)


@claim("activation-cost.exp-matters-in-net")
def an_exponential_matters_in_a_network(points: Points) -> Verdict:
    """Holds when a training step takes over 1.20 times as long with the sigmoid as with ReLU; fails
    when under 1.05 times.
    """
    return decide_ratio(
        points.last("network sigmoid", "step ratio"), holds=above(1.20), fails=below(1.05)
    )


@claim("activation-cost.relu-cheap-backward")
def relu_is_cheaper_both_ways(points: Points) -> Verdict:
    """Holds when ReLU takes under 0.9 of the sigmoid's time forward and backward, at a million
    elements; depends when one way.
    """
    ways = {
        way: 1 / points.last("sigmoid 1000000", f"{way} ratio") for way in ("forward", "backward")
    }
    parts = {
        way: decide_ratio(ratio, holds=below(0.9), fails=above(0.9)) for way, ratio in ways.items()
    }
    return unanimous(parts["backward"], **parts)
