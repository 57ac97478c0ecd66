"""What an exponential costs: activations timed alone, forward and backward, and inside a network.

Textbooks warn of the exponential in the sigmoid. Timed alone it is indeed slower than a comparison
with zero, at some sizes: the time of a small tensor is that of the call, the time of a large one
that of memory. In a network the matrix products do n^2 work for every n activations, and the
difference disappears in them.

Everything is timed on one thread. A replicate is a *round*: each round draws fresh inputs, lets
what it compares take turns up to thirty times, and keeps the median of each. The claims are about
the ratio within a round, since a slow moment of the machine hits both of its sides. The interval of
the mean over rounds narrows while you watch.

Try: a narrow network with a large batch, in which activations take a larger part of the time; a
wide one, in which they take almost none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.engine import (
    Point, Points, Rounds, Verdict, Work,
    above, below, best_device, claim, decide_ratio, one_thread, unanimous,
)

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)  # elements of the tensors timed alone
Function = Callable[[Tensor], Tensor]  # element by element
ACTIVATIONS: dict[str, Function] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    "leaky": functional.leaky_relu,  # in the network only: ReLU's rival without an exponential
}
ALONE = ("relu", "sigmoid", "tanh", "softplus")
EXPONENTIAL = ("sigmoid", "tanh", "softplus")
# float32 against float64; softplus returns x itself above 20, which is off by 2e-9
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Config:
    largest: int = 10_000_000  # elements of the largest tensor timed alone
    width: int = 512  # of the network
    depth: int = 4  # hidden layers
    batch: int = 256  # examples in a training step
    repeats: int = 30  # turns in a round, at most; the median counts


def sizes(config: Config) -> list[int]:
    """Return the sizes timed alone (elements)."""
    return [size for size in SIZES if size <= config.largest]


def forward(f: Function, x: Tensor) -> Work:
    """Return work that applies f to x (elements,), recorded for a gradient as in training."""
    return lambda: lambda: f(x)


def backward(f: Function, x: Tensor) -> Work:
    """Return work that computes the gradient at x (elements,) from one of ones at f(x).

    The forward pass before it is not timed.
    """
    upstream = torch.ones_like(x)

    def prepare() -> Callable[[], object]:
        y = f(x)
        return lambda: torch.autograd.grad(y, x, upstream)

    return prepare


def training_step(f: Function, config: Config) -> Work:
    """Return work that takes one step of SGD on a batch of its own: forward, backward, update."""
    torch.manual_seed(0)  # the same weights for every activation
    widths = [64] + [config.width] * config.depth + [10]
    layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(widths)).to(best_device())
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


def max_error(f: Function, x: Tensor) -> float:
    """Return the largest error of values and slopes in single against double precision.

    It is taken over the first 100,000 elements of x.

    Raises:
        ArithmeticError: it exceeds TOLERANCE, so what would be timed is not this function.
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
    """Time all arms in each round, one round for each seed; yield all arms after each round.

    The values of a point are vectors over rounds: NaN for the rounds to come.
    """
    with one_thread():
        rounds = Rounds(len(seeds))
        networks = {
            (f"network {name}", "step"): training_step(f, config) for name, f in ACTIVATIONS.items()
        }
        for rounds_done, seed in enumerate(seeds, 1):
            torch.manual_seed(seed)
            rounds.time(networks, seed, max_turns=config.repeats, max_seconds=0.15)
            for name in ACTIVATIONS:
                yield Point(f"network {name}", rounds_done, values_in_network(rounds, name))

            for size in sizes(config):
                x = torch.randn(size, device=best_device(), requires_grad=True)
                works = {}
                for name in ALONE:
                    f = ACTIVATIONS[name]
                    rounds.keep(f"{name} {size}", "error", max_error(f, x))
                    works[f"{name} {size}", "forward"] = forward(f, x)
                for name in ALONE:
                    works[f"{name} {size}", "backward"] = backward(ACTIVATIONS[name], x)
                rounds.time(works, seed, max_turns=config.repeats)
                for name in ALONE:
                    yield Point(f"{name} {size}", rounds_done, values_alone(rounds, name, size))


def length(config: Config, replicates: int) -> int:
    """Return how many points `run` yields."""
    return replicates * (len(ACTIVATIONS) + len(ALONE) * len(sizes(config)))


def values_in_network(rounds: Rounds, name: str) -> dict[str, Tensor]:
    """Return milliseconds of a training step, and their ratio to ReLU's, each (rounds,)."""
    seconds, relu = (rounds.values(f"network {f}", "step") for f in (name, "relu"))
    return {"step": 1e3 * seconds, "step ratio": seconds / relu}


def values_alone(rounds: Rounds, name: str, size: int) -> dict[str, Tensor]:
    """Return nanoseconds per element of an activation, and ratios to ReLU's, each (rounds,)."""
    forward, backward = (rounds.values(f"{name} {size}", way) for way in ("forward", "backward"))
    relu_forward, relu_backward = (
        rounds.values(f"relu {size}", way) for way in ("forward", "backward")
    )
    return {
        "forward": 1e9 * forward / size,
        "backward": 1e9 * backward / size,
        "forward ratio": forward / relu_forward,
        "backward ratio": backward / relu_backward,
        "ratio": (forward + backward) / (relu_forward + relu_backward),
        "error": rounds.values(f"{name} {size}", "error"),
    }


# ---------------------------------------------------------------- the rules of the claims


@claim("activation-cost.exp-slower-alone")
def exponentials_are_slower_alone(points: Points) -> Verdict:
    """Holds when forward and backward together take over 1.1 times ReLU's time for each function
    with an exponential at each size; fails when for none at any size; else depends.
    """
    measured = [size for size in SIZES if (f"relu {size}", "ratio") in points]
    pairs = [(name, size) for name in EXPONENTIAL for size in measured]
    ratios = {f"{name}_{size}": points.last(f"{name} {size}", "ratio") for name, size in pairs}
    # the geometric mean over functions and sizes, of each round
    mean = np.exp(np.mean([np.log(ratio) for ratio in ratios.values()], axis=0))
    slower = partial(decide_ratio, holds=above(1.1), fails=below(1.1))
    return unanimous(slower(mean), **{part: slower(ratio) for part, ratio in ratios.items()})


@claim("activation-cost.exp-matters-in-net")
def an_exponential_matters_in_a_network(points: Points) -> Verdict:
    """Holds when a training step takes over 1.20 times as long with the sigmoid as with ReLU; fails
    when it takes under 1.05 times as long.
    """
    ratio = points.last("network sigmoid", "step ratio")
    return decide_ratio(ratio, holds=above(1.20), fails=below(1.05))


@claim("activation-cost.relu-cheap-backward")
def relu_is_cheaper_both_ways(points: Points) -> Verdict:
    """Holds when ReLU takes under 0.9 of the sigmoid's time both forward and backward, at a million
    elements; depends when it does so one way only.
    """
    cheaper = partial(decide_ratio, holds=below(0.9), fails=above(0.9))
    parts = {
        way: cheaper(1 / points.last("sigmoid 1000000", f"{way} ratio"))
        for way in ("forward", "backward")
    }
    return unanimous(parts["backward"], **parts)
