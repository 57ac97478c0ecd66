"""Half of the outputs are zero only where the pre-activations are centred."""

import math

import numpy as np

MEANS = np.linspace(-2.0, 2.0, 81)


def share_of_zeros(mean: float) -> float:
    """Return how often a normal variable of that mean and deviation 1 is not positive."""
    return (1 + math.erf(-mean / math.sqrt(2))) / 2


def figure(fig) -> None:
    """Draw the share over the mean, with the symmetric case marked."""
    shares = np.array([share_of_zeros(mean) for mean in MEANS])
    assert share_of_zeros(0) == 0.5 and (np.diff(shares) < 0).all()
    axes = fig.axes(
        x=(-2, 2),
        y=(0, 1),
        x_label={
            "en": "mean of the pre-activations, in standard deviations",
            "zh": "预激活的均值（以标准差为单位）",
        },
        y_label={"en": "share of outputs that are 0", "zh": "输出为 0 的比例"},
    )
    axes.line(MEANS, shares, name={"en": "normal pre-activations", "zh": "正态分布的预激活"})
    axes.points(
        np.zeros(1),
        np.array([share_of_zeros(0)]),
        name={"en": "symmetric: one half", "zh": "对称：一半"},
    )
    axes.alternative(
        en="With mean zero half of the outputs are 0; with a mean of minus one deviation "
        f"{share_of_zeros(-1):.0%}, of plus one "
        f"{share_of_zeros(1):.0%}.",
        zh=(
            f"均值为零时一半输出为 0；均值为负一个标准差时为 {share_of_zeros(-1):.0%}，"
            f"正一个标准差时为 {share_of_zeros(1):.0%}。"
        ),
    )
