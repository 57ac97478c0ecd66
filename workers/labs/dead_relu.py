"""Dead units: what switches a ReLU off for good, and does it ever come back?

A unit is *dead* when its output is zero on every training input: no example can then move its
weights. We train small networks on the 8x8 digits at five learning rates, and count dead units
after each epoch on the whole training set.

Watch the two largest learning rates: a unit dies when one step is so large that it is thrown past
all the data. Then compare the layers. The inputs of the first layer never change, so a dead unit
stays dead there; deeper down the inputs move with the layers below, and some units return.

Each learning rate is also run with leaky ReLU, which passes a hundredth of what is negative, and
one network of tanh units shows what sparsity is not.

Try: raw pixels (units die at a tenth of the learning rate), a negative bias at the start, one
hidden layer or eight.

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
    NEVER, UNDECIDED, Ensemble, Point, Points, Verdict, above, all_of, batches, below,
    best_device, claim, cross_entropy, decide, decide_ratio, exact, shuffle_generators, within,
)

LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
USUAL = 0.1  # the learning rate people would use here
LEAK = 0.01  # slope of leaky ReLU on the negative side
ACTIVATIONS = {
    "relu": torch.relu,
    "leaky": lambda z: nn.functional.leaky_relu(z, LEAK),
    "tanh": torch.tanh,
}
ARMS = [(name, lr) for lr in LEARNING_RATES for name in ("relu", "leaky")] + [("tanh", USUAL)]
BATCH = 64
TARGET = 0.5  # nats: the training loss that counts as learned
# read once, when the lab is loaded: pixels 0..16 (examples, 64) and labels (examples,)
DIGITS = load_digits(return_X_y=True)


@dataclass(frozen=True)
class Config:
    depth: int = 3  # hidden layers
    width: int = 64  # units in each
    bias: float = 0.0  # of every hidden unit, at the start
    scale: float = 1 / 16  # pixels are 0..16; 1 leaves them raw
    epochs: int = 10


class Net(nn.Module):
    """A classifier of digits that also returns the outputs of its hidden layers."""

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
        outputs = []
        for layer in self.hidden:
            x = self.activation(layer(x))
            outputs.append(x)
        return self.out(x), torch.stack(outputs, dim=1)


class DeadUnitCounter:
    """Which units are dead and which came back, counted on the whole training set."""

    def __init__(self, nets: Ensemble, x: Tensor, y: Tensor) -> None:
        self.nets, self.x, self.y = nets, x, y  # x (replicates, examples, 64), y (examples,)
        no_unit = torch.tensor(False, device=x.device)  # each is (replicates, depth, width) later
        self.dead = self.died = self.revived = self.ever_negative = no_unit

    @torch.no_grad()
    def count_dead(self) -> dict[str, Tensor]:
        """Return the values of a point, each (replicates,).

        All values of a replicate that diverged are NaN: it must not count as alive. A fraction of
        no units is NaN, too.
        """
        # logits (replicates, examples, 10), outputs (replicates, examples, depth, width)
        logits, outputs = self.nets(self.x)
        dead = (outputs == 0).all(dim=1)
        self.died = self.died | dead
        self.revived = self.revived | (self.dead & ~dead)
        self.ever_negative = self.ever_negative | (outputs <= 0).any(dim=1)
        self.dead = dead
        negative = self.ever_negative
        values = {
            "loss": cross_entropy(logits, self.y.expand(len(logits), -1)),  # nats
            "accuracy": (logits.argmax(2) == self.y).float().mean(1),
            "dead": dead.float().mean(dim=(1, 2)),  # fraction of all hidden units
            "dead in first layer": dead[:, 0].float().mean(1),
            "dead deeper": dead[:, 1:].float().mean(dim=(1, 2)),  # NaN where there is one layer
            "zeros": (outputs == 0).float().mean(dim=(1, 2, 3)),  # fraction of all hidden outputs
            # of the units that were off for some input, or that died
            "dead if ever negative": (dead & negative).sum((1, 2)) / negative.sum((1, 2)),
            "revived in first layer": self.revived[:, 0].sum(1) / self.died[:, 0].sum(1),
            "revived deeper": self.revived[:, 1:].sum((1, 2)) / self.died[:, 1:].sum((1, 2)),
        }
        finite = logits.isfinite().all(dim=(1, 2))
        return {name: value.where(finite, torch.nan) for name, value in values.items()}


def run(config: Config, seeds: Sequence[int]) -> Iterator[Point]:
    """Train each activation at each learning rate, all replicates at once.

    Yields a point before the first epoch and one after each epoch.
    """
    x, y = (torch.as_tensor(array, device=best_device()) for array in DIGITS)
    x = x.float() * config.scale  # (examples, 64)

    for activation, lr in ARMS:
        arm = f"{activation} {lr:g}"
        nets = Ensemble(partial(Net, config, activation), seeds).to(x.device)
        optimizer = torch.optim.SGD(nets.parameters(), lr)
        counter = DeadUnitCounter(nets, x.expand(len(seeds), -1, -1), y)
        yield Point(arm, 0, counter.count_dead())

        generators = shuffle_generators(seeds)
        for epoch in range(1, config.epochs + 1):
            # bx (replicates, 64, 64), by (replicates, 64)
            for bx, by in batches(x, y, generators, BATCH):
                loss = cross_entropy(nets(bx)[0], by)  # (replicates,)
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
            yield Point(arm, epoch, counter.count_dead())


def length(config: Config, replicates: int) -> int:
    """Return how many points `run` yields."""
    return len(ARMS) * (config.epochs + 1)


# ---------------------------------------------------------------- the rules of the claims

decide_fraction = partial(decide, possible=within(0, 1))  # of the units or outputs
decide_change = partial(decide, possible=within(-1, 1))  # of such a fraction


def usable_learning_rates(points: Points, activation: str) -> list[float]:
    """Return the learning rates at which at least two thirds of the replicates stay finite."""
    losses = {lr: points.last(f"{activation} {lr:g}", "loss") for lr in LEARNING_RATES}
    return [lr for lr, loss in losses.items() if np.isfinite(loss).mean() >= 2 / 3]


def largest_usable(points: Points) -> float:
    """Return ReLU's largest usable learning rate; the smallest of all where none is usable."""
    return max(usable_learning_rates(points, "relu"), default=LEARNING_RATES[0])


def epochs_to_target(loss: np.ndarray) -> np.ndarray:
    """Return when each replicate's loss first reaches the target, in epochs (replicates,).

    NaN where it never does. Between two epochs the logarithm of the loss is interpolated linearly.

    Args:
        loss: (epochs + 1, replicates), nats.
    """
    reached = loss <= TARGET
    after = reached.argmax(0)
    before, replicate = np.maximum(after - 1, 0), np.arange(loss.shape[1])
    fall = np.log(loss[before, replicate] / loss[after, replicate])
    needed = np.log(loss[before, replicate] / TARGET)
    part = np.divide(needed, fall, out=np.zeros_like(fall), where=fall > 0)
    return np.where(reached.any(0), before + part, np.nan)


def slope_when_on(activation: str) -> float:
    """Return the slope far on the positive side, at 100."""
    z = torch.tensor(100.0, requires_grad=True)
    return float(torch.autograd.grad(ACTIVATIONS[activation](z), z)[0])


@claim("dead-relu.lr-kills")
def large_learning_rates_kill(points: Points) -> Verdict:
    """Holds when the largest usable learning rate kills over 0.3 of the units more than the
    smallest does, and neither of the last two steps between learning rates falls.

    A step may fall by 0.05: at small learning rates, units that were dead at the start stay dead.
    """
    dead = [points.last(f"relu {lr:g}", "dead") for lr in usable_learning_rates(points, "relu")]
    if len(dead) < 2:
        return UNDECIDED
    kills = decide_change(dead[-1] - dead[0], holds=above(0.3), fails=below(0.1))
    # the last step first; a single one where two learning rates are usable
    steps = np.diff(dead[-3:], axis=0)[::-1]
    rises = [decide_change(step, holds=above(-0.05), fails=below(-0.05)) for step in steps]
    return all_of(kills=kills, **dict(zip(("last_step", "step_before"), rises, strict=False)))


@claim("dead-relu.one-negative-kills")
def one_negative_input_kills(points: Points) -> Verdict:
    """Holds when over 0.9 of the units that were off for some input are dead at the end, at the
    usual learning rate; fails when under 0.2 are.
    """
    dead = points.last(f"relu {USUAL:g}", "dead if ever negative")
    return decide_fraction(dead, holds=above(0.9), fails=below(0.2))


@claim("dead-relu.death-is-permanent")
def death_is_permanent(points: Points) -> Verdict:
    """Holds when under 0.01 of the units that died return; fails when those of the first layer do;
    depends when only deeper ones do. In a network of one layer, the first decides alone.
    """
    arm = f"relu {largest_usable(points):g}"
    first, deeper = (points.last(arm, f"revived {where}") for where in ("in first layer", "deeper"))
    parts = {"first_layer": decide_fraction(first, holds=below(0.01), fails=above(0.01))}
    if np.isfinite(points.first(arm, "dead deeper")).any():
        parts["deeper"] = decide_fraction(deeper, holds=below(0.01), fails=NEVER)
    return all_of(**parts)


@claim("dead-relu.leaky-fixes")
def a_leak_removes_death(points: Points) -> Verdict:
    """Holds when under 0.01 of the leaky units are dead at a learning rate that kills over 0.3 of
    the ReLU units; where it kills fewer, it depends: there was little to remove.
    """
    lr = largest_usable(points)
    leaky, relu = (points.last(f"{name} {lr:g}", "dead") for name in ("leaky", "relu"))
    return all_of(
        leaky=decide_fraction(leaky, holds=below(0.01), fails=above(0.05)),
        relu=decide_fraction(relu, holds=above(0.3), fails=NEVER),
    )


@claim("dead-relu.half-sparse")
def relu_is_sparse(points: Points) -> Verdict:
    """Holds when 0.3 to 0.95 of ReLU's outputs are zero before and after training, and under 0.01
    of tanh's after it.

    Fails when under 0.05 of ReLU's are. Between 0.05 and 0.3, or above 0.95, it depends: there are
    few zeros, or hardly anything else.
    """
    relu, tanh = f"relu {USUAL:g}", f"tanh {USUAL:g}"
    about_half = partial(decide_fraction, holds=within(0.3, 0.95), fails=below(0.05))
    return all_of(
        start=about_half(points.first(relu, "zeros")),
        end=about_half(points.last(relu, "zeros")),
        tanh=decide_fraction(points.last(tanh, "zeros"), holds=below(0.01), fails=above(0.01)),
    )


@claim("dead-relu.leaky-keeps-everything")
def a_leak_keeps_everything(points: Points) -> Verdict:
    """Holds when a leaky network keeps over 0.9 of ReLU's exact zeros, needs under 1.1 times its
    epochs to the target loss, and has the same slope where it is on, within 0.1.
    """
    relu, leaky = f"relu {USUAL:g}", f"leaky {USUAL:g}"
    zeros = points.last(leaky, "zeros") / points.last(relu, "zeros")
    epochs = {arm: epochs_to_target(points.series(arm, "loss")) for arm in (relu, leaky)}
    return all_of(
        zeros=decide(zeros, holds=above(0.9), fails=below(0.1)),
        speed=decide_ratio(epochs[leaky] / epochs[relu], holds=below(1.1), fails=above(1.1)),
        slope=exact(slope_when_on("leaky") / slope_when_on("relu"), holds=within(0.9, 1.1)),
    )
