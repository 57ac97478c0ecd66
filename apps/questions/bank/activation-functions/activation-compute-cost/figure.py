"""What part of a layer's forward arithmetic is its activations, if one of them costs as much as so
many multiply-adds.
"""

import numpy as np

POWERS = np.linspace(5, 13, 65)  # widths from 32 to 8192


def share(cost: float, width: np.ndarray) -> np.ndarray:
    """Return the activations' percentage: n of them at that cost, beside n² multiply-adds."""
    return 100 * cost / (cost + width)


def figure(fig) -> None:
    """Draw the percentage over the width for a cheap, a middling and a dear activation."""
    width = 2.0**POWERS
    assert abs(share(10, np.array([1024.0]))[0] - 0.97) < 0.01
    axes = fig.axes(
        x=(5, 13),
        y=(0, 60),
        x_label={"en": "width of the layer, power of two", "zh": "层的宽度（2 的幂）"},
        y_label={"en": "share of the arithmetic, %", "zh": "占运算量的百分比"},
    )
    for cost in (40, 10, 2):
        axes.line(
            POWERS,
            share(cost, width),
            name={"en": f"worth {cost} multiply-adds", "zh": f"相当于 {cost} 次乘加"},
        )
    at = {n: share(40, np.array([float(n)]))[0] for n in (64, 1024, 4096)}
    axes.alternative(
        en=f"An activation worth 40 multiply-adds is {at[64]:.0f}% "
        "of the arithmetic of a layer of width 64, "
        f"{at[1024]:.1f}% at 1024 and {at[4096]:.1f}% at 4096.",
        zh=f"若一次激活相当于 40 次乘加，宽度为 64 的层里它占运算量的 {at[64]:.0f}%，"
        f"宽度 1024 时占 {at[1024]:.1f}%，4096 时占 {at[4096]:.1f}%。",
    )
