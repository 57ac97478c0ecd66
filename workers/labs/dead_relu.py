"""Dead units: what switches a rectifier off, and does it ever come back?

A unit is *dead* when its output is zero on every training input: no example can then move its
weights. We train small networks on the 8x8 digits at five learning rates and count dead units after
each epoch, on the whole training set.

Watch the last two rates: death needs steps so large that a unit is thrown past all the data at
once. Then compare the layers. In the first one the inputs never change, so a dead unit stays dead;
deeper down the inputs move with the layers below, and some units return.

Each rate is tried with a leaky rectifier as well, which passes a hundredth of what is negative, and
one network of tanh units shows what sparsity is not.

Try: raw inputs (death starts at a tenth of the rate), a negative bias to begin with, one layer or
eight.

Source: Lu et al. (2019), "Dying ReLU and initialization", https://arxiv.org/abs/1903.06733
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from workers.engine import (
    NEVER,
    UNDECIDED,
    Ensemble,
    Point,
    Points,
    Verdict,
    above,
    all_of,
    batches,
    below,
    best_device,
    claim,
    cross_entropy,
    decide,
    decide_ratio,
    exact,
    shuffle_generators,
    within,
)

LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
USUAL_LEARNING_RATE = 0.1  # a rate people would use here
LEAK = 0.01
ACTIVATIONS = {
    "relu": torch.relu,
    "leaky": lambda z: nn.functional.leaky_relu(z, LEAK),
    "tanh": torch.tanh,
}
ARMS = [
    (activation, learning_rate)
    for learning_rate in LEARNING_RATES
    for activation in ("relu", "leaky")
] + [("tanh", USUAL_LEARNING_RATE)]
BATCH = 64
TARGET = 0.5  # nats: the training loss that counts as learned
decide_fraction = partial(decide, possible=within(0, 1))  # of the units or outputs
# pixels 0..16 (examples, 64) and labels (examples,); read once, when the lab is loaded
DIGITS = load_digits(return_X_y=True)


@dataclass(frozen=True)
class Config:
    depth: int = 3  # hidden layers
    width: int = 64  # units in each
    bias: float = 0.0  # of every hidden unit, at the start
    scale: float = 1 / 16  # pixels are 0..16; 1 leaves them raw
    epochs: int = 10


class Net(nn.Module):
    """A classifier of digits that also shows its hidden layers."""

    def __init__(self, config: Config, activation: str) -> None:
        super().__init__()
        layers = [nn.Linear(n, m) for n, m in pairwise([64] + [config.width] * config.depth)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.constant_(layer.bias, config.bias)
        self.hidden = nn.ModuleList(layers)
        self.out = nn.Linear(config.width, 10)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, 10) and hidden outputs (batch, depth, width)."""
        shown = []
        for layer in self.hidden:
            x = self.activation(layer(x))
            shown.append(x)
        return self.out(x), torch.stack(shown, dim=1)


class DeadUnitCounter:
    """Who is dead and who came back, counted on the whole training set."""

    def __init__(self, nets: Ensemble, x: Tensor, y: Tensor) -> None:
        self.nets, self.x, self.y = nets, x, y  # x (replicates, examples, 64), y (examples,)
        self.dead = self.died = self.revived = self.ever_negative = torch.tensor(
            False, device=x.device
        )
        # from the first census on each is (replicates, depth, width)

    @torch.no_grad()
    def count_dead(self) -> dict[str, Tensor]:
        """Return what is to be shown, each (replicates,); a replicate that diverged counts as
        nothing, not as alive.
        """
        # (replicates, examples, 10) and (replicates, examples, depth, width)
        logits, outputs = self.nets(self.x)
        dead = (outputs == 0).all(dim=1)
        self.died = self.died | dead
        self.revived = self.revived | (self.dead & ~dead)
        self.ever_negative = self.ever_negative | (outputs <= 0).any(dim=1)
        self.dead = dead
        values = {
            "loss": cross_entropy(logits, self.y.expand(len(logits), -1)),  # nats
            "accuracy": (logits.argmax(2) == self.y).float().mean(1),
            "dead": dead.float().mean(dim=(1, 2)),  # fraction of all hidden units
            "dead in first layer": dead[:, 0].float().mean(1),
            # not a number where there is one layer
            "dead deeper": dead[:, 1:].float().mean(dim=(1, 2)),
            "zeros": (outputs == 0).float().mean(dim=(1, 2, 3)),  # fraction of all hidden outputs
            # fractions of the units that were ever off, or died; not a number where there are none,
            # which say nothing
            "dead if ever negative": (dead & self.ever_negative).sum((1, 2))
            / self.ever_negative.sum((1, 2)),
            "revived in first layer": self.revived[:, 0].sum(1) / self.died[:, 0].sum(1),
            "revived deeper": self.revived[:, 1:].sum((1, 2)) / self.died[:, 1:].sum((1, 2)),
        }
        finite = logits.isfinite().all(dim=(1, 2))
        return {name: value.where(finite, torch.nan) for name, value in values.items()}


def run(config: Config, seeds: Sequence[int]) -> Iterator[Point]:
    """Train each activation at each rate, all replicates at once; yield a point before the first
    epoch and after each.
    """
    x, y = (torch.as_tensor(a, device=best_device()) for a in DIGITS)
    x = x.float() * config.scale  # (examples, 64)

    for activation, learning_rate in ARMS:
        arm = f"{activation} {learning_rate:g}"
        nets = Ensemble(partial(Net, config, activation), seeds).to(x.device)
        optimizer = torch.optim.SGD(nets.parameters(), learning_rate)
        counter = DeadUnitCounter(nets, x.expand(len(seeds), -1, -1), y)
        yield Point(arm, 0, counter.count_dead())

        shuffle = shuffle_generators(seeds)
        for epoch in range(1, config.epochs + 1):
            # (replicates, 64, 64) and (replicates, 64)
            for bx, by in batches(x, y, shuffle, BATCH):
                loss = cross_entropy(nets(bx)[0], by)  # (replicates,)
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
            yield Point(arm, epoch, counter.count_dead())


def length(config: Config, replicates: int) -> int:
    """Return how many points `run` yields."""
    return len(ARMS) * (config.epochs + 1)


def usable_learning_rates(points: Points, activation: str) -> list[float]:
    """Return the rates at which at least two thirds of the replicates stay finite."""
    return [
        r
        for r in LEARNING_RATES
        if np.isfinite(points.last(f"{activation} {r:g}", "loss")).mean() >= 2 / 3
    ]


def harshest(points: Points) -> float:
    """Return the largest usable rate, at which most networks stay finite; the smallest of all where
    none is.
    """
    return max(usable_learning_rates(points, "relu"), default=LEARNING_RATES[0])


def epochs_to_target(loss: np.ndarray) -> np.ndarray:
    """Return when each replicate's loss first reaches the target, in epochs (replicates,); not a
    number where it never does.

    Args:
        loss: (epochs + 1, replicates), nats. Between two epochs its logarithm is taken as a
            straight line.
    """
    reached = loss <= TARGET
    after = reached.argmax(0)
    before, each = np.maximum(after - 1, 0), np.arange(loss.shape[1])
    fall = np.log(loss[before, each] / loss[after, each])
    part = np.divide(
        np.log(loss[before, each] / TARGET), fall, out=np.zeros_like(fall), where=fall > 0
    )
    return np.where(reached.any(0), before + part, np.nan)


def slope_when_on(activation: str) -> float:
    """Return the slope far on the positive side, at 100."""
    z = torch.tensor(100.0, requires_grad=True)
    return float(torch.autograd.grad(ACTIVATIONS[activation](z), z)[0])


@claim("dead-relu.lr-kills")
def too_large_a_rate_kills(points: Points) -> Verdict:
    """Holds when the largest usable rate kills over 0.3 of the units more than the smallest, and
    the last two steps rise.

    A step may fall by 0.05: at rates that are too small, units that were dead from the start stay
    so.
    """
    # each (replicates,)
    dead = [
        points.last(f"relu {learning_rate:g}", "dead")
        for learning_rate in usable_learning_rates(points, "relu")
    ]
    if len(dead) < 2:
        return UNDECIDED
    # the last one first; one only where two rates are usable
    steps = np.diff(dead[-3:], axis=0)[::-1]
    rises = [
        decide(step, holds=above(-0.05), fails=below(-0.05), possible=within(-1, 1))
        for step in steps
    ]
    return all_of(
        kills=decide(
            dead[-1] - dead[0], holds=above(0.3), fails=below(0.1), possible=within(-1, 1)
        ),
        **dict(zip(("last_step", "step_before"), rises, strict=False)),
    )


@claim("dead-relu.one-negative-kills")
def one_negative_input_kills(points: Points) -> Verdict:
    """Holds when most units that are ever negative on some input end dead, at a rate people would
    use.
    """
    return decide_fraction(
        points.last(f"relu {USUAL_LEARNING_RATE:g}", "dead if ever negative"),
        holds=above(0.9),
        fails=below(0.2),
    )


@claim("dead-relu.death-is-permanent")
def death_is_permanent(points: Points) -> Verdict:
    """Holds when under 0.01 of what died returns; depends when only deeper ones do; fails when the
    first layer's do.

    A network of one layer has no deeper ones: there the first decides alone.
    """
    arm = f"relu {harshest(points):g}"
    parts = {
        "first_layer": decide_fraction(
            points.last(arm, "revived in first layer"), holds=below(0.01), fails=above(0.01)
        )
    }
    if np.isfinite(points.first(arm, "dead deeper")).any():
        parts["deeper"] = decide_fraction(
            points.last(arm, "revived deeper"), holds=below(0.01), fails=NEVER
        )
    return all_of(**parts)


@claim("dead-relu.leaky-fixes")
def a_leak_removes_death(points: Points) -> Verdict:
    """Holds when under 0.01 of the leaky units are dead at a rate that kills over 0.3 of the
    rectifiers.

    Where it kills fewer, it depends: there was little to remove.
    """
    learning_rate = harshest(points)
    return all_of(
        leaky=decide_fraction(
            points.last(f"leaky {learning_rate:g}", "dead"), holds=below(0.01), fails=above(0.05)
        ),
        relu=decide_fraction(
            points.last(f"relu {learning_rate:g}", "dead"), holds=above(0.3), fails=NEVER
        ),
    )


@claim("dead-relu.half-sparse")
def rectifiers_are_sparse(points: Points) -> Verdict:
    """Holds when 0.3 to 0.95 of a rectifier's outputs are zero before and after training, and under
    0.01 of tanh's.

    It fails where under 0.05 are: between that and 0.3, or above 0.95, there are zeros, but few, or
    hardly anything else.
    """
    arm = f"relu {USUAL_LEARNING_RATE:g}"
    return all_of(
        start=decide_fraction(
            points.first(arm, "zeros"), holds=within(0.3, 0.95), fails=below(0.05)
        ),
        end=decide_fraction(points.last(arm, "zeros"), holds=within(0.3, 0.95), fails=below(0.05)),
        tanh=decide_fraction(
            points.last(f"tanh {USUAL_LEARNING_RATE:g}", "zeros"),
            holds=below(0.01),
            fails=above(0.01),
        ),
    )


@claim("dead-relu.leaky-keeps-everything")
def a_leak_keeps_everything(points: Points) -> Verdict:
    """Holds when a leaky network keeps over 0.9 of the exact zeros, learns as fast within 0.1, and
    is as steep when on.
    """
    relu, leaky = f"relu {USUAL_LEARNING_RATE:g}", f"leaky {USUAL_LEARNING_RATE:g}"
    taken = [epochs_to_target(points.series(arm, "loss")) for arm in (leaky, relu)]
    return all_of(
        zeros=decide(
            points.last(leaky, "zeros") / points.last(relu, "zeros"),
            holds=above(0.9),
            fails=below(0.1),
        ),
        speed=decide_ratio(taken[0] / taken[1], holds=below(1.1), fails=above(1.1)),
        slope=exact(slope_when_on("leaky") / slope_when_on("relu"), holds=within(0.9, 1.1)),
    )
