"""Activation atlas: eleven functions, their slopes and curvatures, and what textbooks say of them.

Everything here is known in closed form: each number is computed once, in double precision, and each
verdict is exact. Slope and bend (the second derivative) come from automatic differentiation; beside
them stands how far the slope lies from the one written by hand, and from a difference quotient.

Watch where a slope has fallen below a hundredth of its peak. For the sigmoid that zone begins at
|x| of about 6, for tanh at about 3, although its peak is four times as high: tanh is the sigmoid at
twice the speed. ReLU has no such zone on the right.

Settings change the picture alone. The claims are always measured at the defaults, on |x| <= 30.

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
from torch.nn.functional import elu, gelu, leaky_relu, logsigmoid, mish, prelu, softplus

from workers.engine import (
    Curve, Point, Points, Range, Verdict, above, all_of, below, claim, exact, unanimous, within,
)

NAMES = (
    "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu",
    "softplus", "swish", "gelu", "mish", "maxout",
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
    """Return the largest of the lines (slope, offset): twice the weights, if a unit has two."""
    return torch.stack([slope * x + offset for slope, offset in pieces]).amax(0)


def functions(config: Config) -> dict[str, tuple[Function, Function]]:
    """Return each function with its derivative as written on paper; at a kink, from the left."""
    s, tanh = torch.sigmoid, torch.tanh
    leak, a, b = config.leaky_slope, config.swish_beta, config.softplus_beta
    lines = (1.0, 0.0), (-0.5, 0.0)
    return {
        "sigmoid": (s, lambda x: s(x) * (1 - s(x))),
        "tanh": (tanh, lambda x: 1 - tanh(x) ** 2),
        "relu": (torch.relu, lambda x: slope_with_kink(x, 0.0)),
        "leaky_relu": (lambda x: leaky_relu(x, leak), lambda x: slope_with_kink(x, leak)),
        "prelu": (lambda x: prelu(x, x.new_tensor(LEARNED)), lambda x: slope_with_kink(x, LEARNED)),
        "elu": (elu, lambda x: slope_with_kink(x, torch.exp(x))),
        # softplus written so that its bend is finite at any beta
        "softplus": (lambda x: -logsigmoid(-b * x) / b, lambda x: s(b * x)),
        "swish": (lambda x: x * s(a * x), lambda x: s(a * x) + a * x * s(a * x) * (1 - s(a * x))),
        "gelu": (gelu, lambda x: (1 + torch.erf(x / math.sqrt(2))) / 2 + x * normal_density(x)),
        "mish": (mish, lambda x: tanh(softplus(x)) + x * s(x) * (1 - tanh(softplus(x)) ** 2)),
        "maxout": (partial(maxout, pieces=lines), lambda x: slope_with_kink(x, -0.5)),
    }


def slope_with_kink(x: Tensor, left: Tensor | float) -> Tensor:
    """Return 1 right of zero and `left` elsewhere, in the precision of x."""
    return torch.where(x > 0, torch.ones_like(x), left)  # two plain numbers would be float32


def normal_density(x: Tensor) -> Tensor:
    return torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def run(config: Config, seeds: Sequence[int]) -> Iterator[Curve | Point]:
    """Yield the facts about all functions, then the chosen ones as curves; no seed is used."""
    facts_of_one = facts_of_one_function()
    for name, (f, _) in functions(Config()).items():
        numbers = facts(f) | facts_of_one.get(name, {})
        yield Point(name, 0, {series: as_double([float(n)]) for series, n in numbers.items()})

    x = grid(config.x_max, 400)  # an even number: no point lies on the kink at 0
    for name, (f, slope_by_hand) in functions(config).items():
        if name in config.functions:
            slope = vmap(grad(f))(x)  # (steps,)
            quotient = (f(x + STEP) - f(x - STEP)) / (2 * STEP)
            values = {
                "value": f(x),
                "slope": slope,
                "bend": vmap(grad(grad(f)))(x),
                "error by hand": (slope_by_hand(x) - slope).abs(),
                "error by differences": (quotient - slope).abs(),
            }
            yield Curve(name, x.tolist(), {series: v[:, None] for series, v in values.items()})


def length(config: Config, replicates: int) -> int:
    """Return how many points and curves `run` yields."""
    return len(NAMES) + len(set(config.functions) & set(NAMES))


def as_double(numbers: float | list[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def grid(reach: float, points: int) -> Tensor:
    """Return evenly spaced x (points,) in double precision; zero is one if `points` is odd."""
    return torch.arange(1 - points, points, 2, dtype=torch.float64) * (reach / (points - 1))


def facts(f: Function) -> dict[str, float | Tensor]:
    """Return what is true of a function on |x| <= 30."""
    x, normal = grid(REACH, 6001), grid(8.0, 4001)
    slope = vmap(grad(f))(x)
    signs = slope[slope != 0].sign()
    peak_at, peak = maximum_near(float(x[slope.argmax()]), lambda v: float(grad(f)(v)))
    lowest_at, minus_lowest = maximum_near(float(x[f(x).argmin()]), lambda v: -float(f(v)))
    return {
        "highest slope": peak,
        "place of highest slope": peak_at,
        "lowest value": -minus_lowest,
        "place of lowest value": lowest_at,
        "edge of the flat zone": flat_edge(f, peak),
        "slope at the end": slope[-1],
        "slope at zero": grad(f)(as_double(0.0)),
        "turns": (signs[1:] != signs[:-1]).sum(),
        "gap at 100": (f(as_double(100.0)) - 100).abs(),
        # for standard normal inputs
        "mean output": torch.trapezoid(f(normal) * normal_density(normal), normal),
    }


def maximum_near(start: float, height: Callable[[Tensor], float]) -> tuple[float, float]:
    """Return place and height of the maximum within a grid step of `start`, inside the search."""
    bounds = max(start - 0.01, -REACH), min(start + 0.01, REACH)
    best = optimize.minimize_scalar(
        lambda v: -height(as_double(v)), bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return float(best.x), float(-best.fun)


def flat_edge(f: Function, peak: float) -> float:
    """Return the least |x| beyond which the slope stays under a hundredth of its peak, or 30."""

    def excess(distance: float) -> float:
        return float(vmap(grad(f))(as_double([-distance, distance])).abs().max()) - FLAT * peak

    x = grid(REACH, 6001)
    steep = float(x[vmap(grad(f))(x).abs() >= FLAT * peak].abs().max())
    return REACH if steep >= REACH else float(optimize.brentq(excess, steep, steep + 0.01))


def facts_of_one_function() -> dict[str, dict[str, float | Tensor]]:
    """Return the facts that are asked of a single function, by its name."""
    x, zero, step = grid(REACH, 6001), as_double(0.0), as_double(STEP)
    relu, leak, line = torch.relu, Config.leaky_slope, (1.0, 0.0)
    return {
        "tanh": {"gap to scaled sigmoid": max_gap(torch.tanh(x), 2 * torch.sigmoid(2 * x) - 1)},
        "relu": {
            "slope left of zero": (relu(zero) - relu(-step)) / step,
            "slope right of zero": (relu(step) - relu(zero)) / step,
            "slope at zero as maximum": grad(lambda x: torch.maximum(x, torch.zeros_like(x)))(zero),
            "slope at zero as clamp": grad(lambda x: x.clamp(min=0))(zero),
            "slope at zero as where": grad(lambda x: torch.where(x >= 0, x, 0.0))(zero),
        },
        "maxout": {
            "gap to relu": max_gap(maxout(x, [line, (0.0, 0.0)]), relu(x)),
            "gap to leaky relu": max_gap(maxout(x, [line, (leak, 0.0)]), leaky_relu(x, leak)),
            "gap to absolute value": max_gap(maxout(x, [line, (-1.0, 0.0)]), x.abs()),
        },
    }


def max_gap(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().max()


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
    tanh, sigmoid = (points.last(name, "highest slope") for name in ("tanh", "sigmoid"))
    ratio = exact(tanh / sigmoid, holds=close(4, 1e-6))
    return all_of(height=exact(tanh, holds=close(1, 1e-8)), ratio=ratio)


@claim("activation-atlas.saturation-zone")
def far_from_zero_both_are_flat(points: Points) -> Verdict:
    """Holds when sigmoid and tanh are flat beyond an |x| below 8, and ReLU is as steep at 30 as
    anywhere; depends when only some of this is so.
    """
    edges = {name: points.last(name, "edge of the flat zone") for name in ("sigmoid", "tanh")}
    parts = {name: exact(edge, holds=below(8)) for name, edge in edges.items()}
    steepness = points.last("relu", "slope at the end") / points.last("relu", "highest slope")
    return unanimous(parts["sigmoid"], **parts, relu=exact(steepness, holds=above(1)))


@claim("activation-atlas.softplus-half")
def softplus_has_no_kink(points: Points) -> Verdict:
    """Holds when softplus has slope 1/2 at zero, ReLU 0 left and 1 right of it, within 1e-9."""
    return all_of(
        softplus=exact(points.last("softplus", "slope at zero"), holds=close(0.5, 1e-9)),
        left=exact(points.last("relu", "slope left of zero"), holds=close(0, 1e-9)),
        right=exact(points.last("relu", "slope right of zero"), holds=close(1, 1e-9)),
    )


@claim("activation-atlas.framework-zero")
def relu_is_flat_at_zero(points: Points) -> Verdict:
    """Holds when the framework's own ReLU has slope 0 at zero; other ways to write it are shown."""
    return exact(points.last("relu", "slope at zero"), holds=within(0, 0))


@claim("activation-atlas.swish-mish-shape")
def swish_and_mish_dip_once(points: Points) -> Verdict:
    """Holds when each has its known minimum within 1e-4, turns once, is x at 100 within 1e-3."""
    lowest = {"swish": close(-0.27846, 1e-4), "mish": close(-0.30884, 1e-4)}
    return all_of(
        **{f"{f}_lowest": exact(points.last(f, "lowest value"), lowest[f]) for f in lowest},
        **{f"{f}_turns": exact(points.last(f, "turns"), within(1, 1)) for f in lowest},
        **{f"{f}_far": exact(points.last(f, "gap at 100"), below(1e-3)) for f in lowest},
    )


@claim("activation-atlas.maxout-generalises")
def maxout_is_more_general(points: Points) -> Verdict:
    """Holds when two lines give ReLU, leaky ReLU and the absolute value without any difference."""
    return all_of(
        relu=exact(points.last("maxout", "gap to relu"), holds=within(0, 0)),
        leaky=exact(points.last("maxout", "gap to leaky relu"), holds=within(0, 0)),
        absolute=exact(points.last("maxout", "gap to absolute value"), holds=within(0, 0)),
    )


@claim("activation-atlas.tanh-is-scaled-sigmoid")
def tanh_is_a_scaled_sigmoid(points: Points) -> Verdict:
    """Holds when tanh(x) and 2 sigmoid(2x) - 1 differ by less than 1e-12."""
    return exact(points.last("tanh", "gap to scaled sigmoid"), holds=below(1e-12))


@claim("activation-atlas.zero-centred")
def only_tanh_is_centred(points: Points) -> Verdict:
    """Holds when normal inputs give a mean of 0 (tanh), 0.5 (sigmoid), 0.399 (ReLU) within 1e-3."""
    means = {"tanh": 0.0, "sigmoid": 0.5, "relu": 0.399}
    outputs = {name: points.last(name, "mean output") for name in means}
    return all_of(**{name: exact(outputs[name], close(means[name], 1e-3)) for name in means})
