"""Three networks of fifty layers, one random draw each: the mean square of what a layer passes
on.
"""

import math

import numpy as np

WIDTH, DEPTH, EXAMPLES = 512, 50, 64
LAYERS = np.arange(DEPTH + 1)


def signal(activation, variance: float) -> np.ndarray:
    """Return log10 of the mean square of the input and of each layer's output, (DEPTH + 1,).

    Args:
        variance: of a weight.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((EXAMPLES, WIDTH))
    squares = [np.mean(x**2)]
    for _ in range(DEPTH):
        x = activation(x @ rng.normal(0, math.sqrt(variance), (WIDTH, WIDTH)))
        squares.append(np.mean(x**2))
    return np.log10(squares)


def figure(fig) -> None:
    """Draw the three in logarithms: a straight line down is a constant factor per layer."""
    tanh = signal(np.tanh, 1 / WIDTH)
    xavier = signal(lambda z: np.maximum(z, 0), 1 / WIDTH)
    he = signal(lambda z: np.maximum(z, 0), 2 / WIDTH)
    assert (
        abs(xavier[-1] / DEPTH - math.log10(0.5)) < 0.02
        and abs(he[-1]) < 0.7
        and -3 < tanh[-1] < -1
    )
    axes = fig.axes(
        x=(0, DEPTH),
        y=(-17, 2),
        x_label={"en": "layer", "zh": "层"},
        y_label={"en": "mean square of the signal, power of ten", "zh": "信号的均方值（10 的幂）"},
    )
    axes.line(LAYERS, he, name={"en": "ReLU, He", "zh": "ReLU，He"})
    axes.line(LAYERS, tanh, name={"en": "tanh, Xavier", "zh": "tanh，Xavier"})
    axes.line(LAYERS, xavier, name={"en": "ReLU, Xavier", "zh": "ReLU，Xavier"})
    axes.alternative(
        en=f"After {DEPTH} layers the mean square is 10 to the power {he[-1]:.1f} for ReLU with "
        f"He, {tanh[-1]:.1f} for tanh with "
        f"Xavier and {xavier[-1]:.1f} for ReLU with Xavier, which loses half of it at every layer.",
        zh=(
            f"经过 {DEPTH} 层后，信号的均方值：ReLU 配 He 约为 10 的 {he[-1]:.1f} 次方，"
            f"tanh 配 Xavier 约为 10 的 {tanh[-1]:.1f} 次方，"
            f"ReLU 配 Xavier 约为 10 的 {xavier[-1]:.1f} 次方（每层损失一半）。"
        ),
    )
