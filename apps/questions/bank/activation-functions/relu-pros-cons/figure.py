"""The size of a gradient on its way down thirty layers of rectifiers, at three scales of the
weights.
"""

import math

import numpy as np

WIDTH, DEPTH, EXAMPLES = 512, 30, 8
LAYERS = np.arange(DEPTH + 1)


def gradient_sizes(gain: float) -> np.ndarray:
    """Return log10 of the gradient's size, layer by layer from the last to the first, over that at
    the last (DEPTH + 1,).

    Args:
        gain: variance of a weight, times the width.
    """
    rng = np.random.default_rng(0)
    weights = rng.normal(0, math.sqrt(gain / WIDTH), (DEPTH, WIDTH, WIDTH))
    x, masks = rng.standard_normal((EXAMPLES, WIDTH)), []
    for w in weights:
        z = x @ w
        masks.append(z > 0)
        x = np.maximum(z, 0)
    back = rng.standard_normal((EXAMPLES, WIDTH))
    sizes = [np.linalg.norm(back)]
    for w, mask in zip(weights[::-1], masks[::-1], strict=True):
        back = (back * mask) @ w.T
        sizes.append(np.linalg.norm(back))
    return np.log10(np.array(sizes) / sizes[0])


def figure(fig) -> None:
    """Draw the three in logarithms: straight lines, so a constant factor per layer."""
    small, he, large = (gradient_sizes(gain) for gain in (1, 2, 4))
    assert (
        abs(he[-1]) < 1
        and abs(small[-1] / DEPTH - math.log10(0.5) / 2) < 0.02
        and abs(large[-1] / DEPTH - math.log10(2) / 2) < 0.02
    )
    axes = fig.axes(
        x=(0, DEPTH),
        y=(-6, 6),
        x_label={"en": "layers passed, from the output down", "zh": "从输出往下经过的层数"},
        y_label={"en": "size of the gradient, power of ten", "zh": "梯度的大小（10 的幂）"},
    )
    axes.line(LAYERS, large, name={"en": "variance 4/n", "zh": "方差 4/n"})
    axes.line(LAYERS, he, name={"en": "variance 2/n (He)", "zh": "方差 2/n（He）"})
    axes.line(LAYERS, small, name={"en": "variance 1/n", "zh": "方差 1/n"})
    axes.alternative(
        en=f"After {DEPTH} layers the gradient is multiplied by 10 to the power {small[-1]:.1f} "
        "with weight variance "
        f"1/n, {he[-1]:.1f} with 2/n and {large[-1]:.1f} with 4/n.",
        zh=f"经过 {DEPTH} 层，梯度的大小：方差为 1/n 时约乘以 10 的 {small[-1]:.1f} 次方，"
        f"2/n 时约为 {he[-1]:.1f} 次方，4/n 时约为 {large[-1]:.1f} 次方。",
    )
