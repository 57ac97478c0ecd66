"""Activation atlas: eleven functions, their slopes and bends, and what textbooks say of them.

Everything here is known in closed form, so nothing is trained and nothing is averaged: each number
is computed once, in double precision, and each verdict is exact. Slope and bend come from automatic
differentiation; how far the slope lies from the one written by hand, and from a quotient of
differences, is drawn beside them.

Watch where a slope has fallen below a hundredth of its peak. The sigmoid's zone begins at about 6,
that of tanh at about 3 although its peak is four times as high: it is the sigmoid at twice the
speed. ReLU has no such zone on the right.

Settings change the picture alone. What the claims speak of is always measured at their defaults, on
|x| <= 30.

Source: Ramachandran et al. (2017), https://arxiv.org/abs/1710.05941 (Swish); Misra (2019),
https://arxiv.org/abs/1908.08681 (Mish); Goodfellow et al. (2013), https://arxiv.org/abs/1302.4389
(Maxout)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from scipy import optimize
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

from workers.engine import (
    Curve,
    Point,
    Points,
    Range,
    Verdict,
    above,
    all_of,
    below,
    claim,
    exact,
    unanimous,
    within,
)

NAMES = (
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "softplus",
    "swish",
    "gelu",
    "mish",
    "maxout",
)
REACH = 30.0  # half-width of the search, whatever the picture shows
LEARNED = 0.25  # PReLU's negative slope before it learns another
FLAT = 0.01  # of the peak slope: below it a function counts as flat
STEP = 1e-5  # of the difference quotients

Function = Callable[[Tensor], Tensor]  # element by element: the result has the shape of the input


@dataclass(frozen=True)
class Config:
    functions: tuple[str, ...] = NAMES  # which curves to draw
    x_max: float = 8.0  # half-width of the picture
    leaky_slope: float = 0.01
    swish_beta: float = 1.0
    softplus_beta: float = 1.0


def maxout(x: Tensor, pieces: Sequence[tuple[float, float]]) -> Tensor:
    """Return the largest of the lines (slope, offset): a unit with two pieces has twice the weights
    of any other here.
    """
    return torch.stack([slope * x + offset for slope, offset in pieces]).amax(0)


def functions(config: Config) -> dict[str, Function]:
    """Return the functions by name, in the order of NAMES."""
    return {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": lambda x: functional.leaky_relu(x, config.leaky_slope),
        "prelu": lambda x: functional.prelu(x, x.new_tensor(LEARNED)),
        "elu": functional.elu,
        # finite bends at any beta
        "softplus": lambda x: (
            -functional.logsigmoid(-config.softplus_beta * x) / config.softplus_beta
        ),
        "swish": lambda x: x * torch.sigmoid(config.swish_beta * x),
        "gelu": functional.gelu,
        "mish": functional.mish,
        "maxout": partial(maxout, pieces=((1.0, 0.0), (-0.5, 0.0))),
    }


def slopes_by_hand(config: Config) -> dict[str, Function]:
    """Return the derivatives as one writes them on paper; at a kink, the one from the left."""
    s = torch.sigmoid
    a, b = config.swish_beta, config.softplus_beta
    normal_density = lambda x: torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)  # noqa: E731 -- the normal density, beside its use
    return {
        "sigmoid": lambda x: s(x) * (1 - s(x)),
        "tanh": lambda x: 1 - torch.tanh(x) ** 2,
        "relu": lambda x: bent(x, 0.0),
        "leaky_relu": lambda x: bent(x, config.leaky_slope),
        "prelu": lambda x: bent(x, LEARNED),
        "elu": lambda x: bent(x, torch.exp(x)),
        "softplus": lambda x: s(b * x),
        "swish": lambda x: s(a * x) + a * x * s(a * x) * (1 - s(a * x)),
        "gelu": lambda x: (1 + torch.erf(x / math.sqrt(2))) / 2 + x * normal_density(x),
        "mish": lambda x: (
            torch.tanh(functional.softplus(x))
            + x * s(x) * (1 - torch.tanh(functional.softplus(x)) ** 2)
        ),
        "maxout": lambda x: bent(x, -0.5),
    }


def bent(x: Tensor, left: Tensor | float) -> Tensor:
    """Return 1 right of zero and `left` elsewhere, as precise as x (`torch.where` of two plain
    numbers is a float32).
    """
    return torch.where(x > 0, torch.ones_like(x), left)


def run(config: Config, seeds: Sequence[int]) -> Iterator[Curve | Point]:
    """Yield the facts about all functions, then the chosen ones as curves; nothing is random, so
    seeds are not used.
    """
    beside = particulars()
    for name, f in functions(Config()).items():
        numbers = facts(f) | beside.get(name, {})
        yield Point(name, 0, {series: as_double([value]) for series, value in numbers.items()})

    x = grid(config.x_max, 400)  # an even number: none lies on the kink at 0
    for name, f in functions(config).items():
        if name in config.functions:
            slope = vmap(grad(f))(x)  # (steps,)
            quotient = (f(x + STEP) - f(x - STEP)) / (2 * STEP)
            curve = {
                "value": f(x),
                "slope": slope,
                "bend": vmap(grad(grad(f)))(x),
                "error by hand": (slopes_by_hand(config)[name](x) - slope).abs(),
                "error by differences": (quotient - slope).abs(),
            }
            yield Curve(
                name, x.tolist(), {series: values[:, None] for series, values in curve.items()}
            )


def length(config: Config, replicates: int) -> int:
    """Return how many points and curves `run` yields."""
    return len(NAMES) + len(set(config.functions) & set(NAMES))


def as_double(numbers: float | list[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def grid(reach: float, points: int) -> Tensor:
    """Return evenly spaced x (points,), in double precision; with an odd number of points zero is
    one of them.
    """
    return torch.arange(1 - points, points, 2, dtype=torch.float64) * (reach / (points - 1))


def facts(f: Function) -> dict[str, float]:
    """Return what is true of a function on |x| <= 30."""
    x, gauss = grid(REACH, 6001), grid(8.0, 4001)
    slope = vmap(grad(f))(x)
    at, peak = peak_near(float(x[slope.argmax()]), lambda v: float(grad(f)(v)))
    lowest_at, minus_lowest = peak_near(float(x[f(x).argmin()]), lambda v: -float(f(v)))
    signs = slope[slope != 0].sign()
    density = torch.exp(-(gauss**2) / 2) / math.sqrt(2 * math.pi)
    return {
        "highest slope": peak,
        "place of highest slope": at,
        "lowest value": -minus_lowest,
        "place of lowest value": lowest_at,
        "edge of the flat zone": flat_edge(f, peak),
        "slope at the end": float(slope[-1]),
        "slope at zero": float(grad(f)(as_double(0.0))),
        "turns": float((signs[1:] != signs[:-1]).sum()),
        "gap at 100": float((f(as_double(100.0)) - 100).abs()),
        # for standard normal inputs
        "mean output": float(torch.trapezoid(f(gauss) * density, gauss)),
    }


def peak_near(start: float, height: Callable[[Tensor], float]) -> tuple[float, float]:
    """Return place and height of the maximum within a grid step of `start`, found by golden
    sections; never outside the search.
    """
    bounds = max(start - 0.01, -REACH), min(start + 0.01, REACH)
    found = optimize.minimize_scalar(
        lambda v: -height(as_double(v)), bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x), float(-found.fun)


def flat_edge(f: Function, peak: float) -> float:
    """Return the smallest |x| beyond which the slope stays below a hundredth of its peak; 30 where
    it never does.
    """

    def excess(distance: float) -> float:
        return float(vmap(grad(f))(as_double([-distance, distance])).abs().max()) - FLAT * peak

    x = grid(REACH, 6001)
    steep = float(x[vmap(grad(f))(x).abs() >= FLAT * peak].abs().max())
    return REACH if steep >= REACH else float(optimize.brentq(excess, steep, steep + 0.01))


def particulars() -> dict[str, dict[str, float]]:
    """Return facts that are asked of one function only."""
    x, zero, step = grid(REACH, 6001), as_double(0.0), as_double(STEP)
    leak, line = Config.leaky_slope, (1.0, 0.0)
    return {
        "tanh": {"gap to scaled sigmoid": largest(torch.tanh(x) - (2 * torch.sigmoid(2 * x) - 1))},
        "relu": {
            "slope left of zero": float((torch.relu(zero) - torch.relu(-step)) / step),
            "slope right of zero": float((torch.relu(step) - torch.relu(zero)) / step),
            "slope at zero as maximum": float(
                grad(lambda x: torch.maximum(x, torch.zeros_like(x)))(zero)
            ),
            "slope at zero as clamp": float(grad(lambda x: x.clamp(min=0))(zero)),
            "slope at zero as where": float(grad(lambda x: torch.where(x >= 0, x, 0.0))(zero)),
        },
        "maxout": {
            "gap to relu": largest(maxout(x, [line, (0.0, 0.0)]) - torch.relu(x)),
            "gap to leaky relu": largest(
                maxout(x, [line, (leak, 0.0)]) - functional.leaky_relu(x, leak)
            ),
            "gap to absolute value": largest(maxout(x, [line, (-1.0, 0.0)]) - x.abs()),
        },
    }


def largest(differences: Tensor) -> float:
    return float(differences.abs().max())


def close(value: float, tolerance: float) -> Range:
    return within(value - tolerance, value + tolerance)


@claim("activation-atlas.sigmoid-peak")
def sigmoid_peaks_at_a_quarter(points: Points) -> Verdict:
    """Holds when the largest slope is 1/4 within 1e-8, and lies within 1e-4 of zero."""
    return all_of(
        height=exact(points.last("sigmoid", "highest slope"), holds=close(0.25, 1e-8)),
        place=exact(points.last("sigmoid", "place of highest slope"), holds=close(0, 1e-4)),
    )


@claim("activation-atlas.tanh-peak")
def tanh_peaks_at_one(points: Points) -> Verdict:
    """Holds when the largest slope is 1 within 1e-8, four times the sigmoid's within 1e-6."""
    peaks = [points.last(name, "highest slope") for name in ("tanh", "sigmoid")]
    return all_of(
        height=exact(peaks[0], holds=close(1, 1e-8)),
        ratio=exact(peaks[0] / peaks[1], holds=close(4, 1e-6)),
    )


@claim("activation-atlas.saturation-zone")
def far_from_zero_both_are_flat(points: Points) -> Verdict:
    """Holds when sigmoid and tanh are flat beyond an |x| below 8, and ReLU is as steep at 30 as
    ever; depends when some are so.
    """
    edges = {
        f: exact(points.last(f, "edge of the flat zone"), holds=below(8))
        for f in ("sigmoid", "tanh")
    }
    steepness = points.last("relu", "slope at the end") / points.last("relu", "highest slope")
    return unanimous(edges["sigmoid"], **edges, relu=exact(steepness, holds=above(1)))


@claim("activation-atlas.softplus-half")
def softplus_has_no_kink(points: Points) -> Verdict:
    """Holds when softplus has slope 1/2 at zero within 1e-9, where ReLU's is 0 from the left and 1
    from the right.
    """
    return all_of(
        softplus=exact(points.last("softplus", "slope at zero"), holds=close(0.5, 1e-9)),
        left=exact(points.last("relu", "slope left of zero"), holds=close(0, 1e-9)),
        right=exact(points.last("relu", "slope right of zero"), holds=close(1, 1e-9)),
    )


@claim("activation-atlas.framework-zero")
def relu_is_flat_at_zero(points: Points) -> Verdict:
    """Holds when the framework's own ReLU has slope 0 at exactly zero; other ways to write it are
    shown beside it.
    """
    return exact(points.last("relu", "slope at zero"), holds=within(0, 0))


@claim("activation-atlas.swish-mish-shape")
def swish_and_mish_dip_once(points: Points) -> Verdict:
    """Holds when each has its known minimum within 1e-4, turns once, and is x itself at 100 within
    1e-3.
    """
    lowest = {"swish": -0.27846, "mish": -0.30884}
    return all_of(
        **{
            f"{f}_lowest": exact(points.last(f, "lowest value"), holds=close(value, 1e-4))
            for f, value in lowest.items()
        },
        **{f"{f}_turns": exact(points.last(f, "turns"), holds=within(1, 1)) for f in lowest},
        **{f"{f}_far": exact(points.last(f, "gap at 100"), holds=below(1e-3)) for f in lowest},
    )


@claim("activation-atlas.maxout-generalises")
def maxout_is_more_general(points: Points) -> Verdict:
    """Holds when two lines give ReLU, leaky ReLU and the absolute value without any difference."""
    gaps = {
        "relu": "gap to relu",
        "leaky": "gap to leaky relu",
        "absolute": "gap to absolute value",
    }
    return all_of(
        **{
            part: exact(points.last("maxout", series), holds=within(0, 0))
            for part, series in gaps.items()
        }
    )


@claim("activation-atlas.tanh-is-scaled-sigmoid")
def tanh_is_a_scaled_sigmoid(points: Points) -> Verdict:
    """Holds when tanh(x) and 2 sigmoid(2x) - 1 differ by less than 1e-12."""
    return exact(points.last("tanh", "gap to scaled sigmoid"), holds=below(1e-12))


@claim("activation-atlas.zero-centred")
def only_tanh_is_centred(points: Points) -> Verdict:
    """Holds when standard normal inputs give a mean of 0 for tanh, 0.5 for the sigmoid, 0.399 for
    ReLU, each within 1e-3.
    """
    means = {"tanh": 0.0, "sigmoid": 0.5, "relu": 0.399}
    return all_of(
        **{
            f: exact(points.last(f, "mean output"), holds=close(mean, 1e-3))
            for f, mean in means.items()
        }
    )
