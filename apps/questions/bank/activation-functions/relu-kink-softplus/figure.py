"""Softplus at two sharpnesses above the rectifier."""

import math

import numpy as np

INPUTS = np.linspace(-3.0, 3.0, 121)


def softplus(x: np.ndarray, beta: float) -> np.ndarray:
    return np.logaddexp(0, beta * x) / beta


def figure(fig) -> None:
    """Draw the curves, and mark the largest gap of each, at zero."""
    gaps = {}
    for beta in (1, 4):
        gap = softplus(INPUTS, beta) - np.maximum(INPUTS, 0)
        assert INPUTS[gap.argmax()] == 0 and math.isclose(gap.max(), math.log(2) / beta)
        gaps[beta] = gap.max()
    axes = fig.axes(
        x=(-3, 3),
        y=(0, 3.1),
        x_label={"en": "input x", "zh": "输入 x"},
        y_label={"en": "output", "zh": "输出"},
    )
    for beta in gaps:
        axes.line(
            INPUTS,
            softplus(INPUTS, beta),
            name={"en": f"softplus, β = {beta}", "zh": f"softplus，β = {beta}"},
        )
    axes.line(INPUTS, np.maximum(INPUTS, 0), name={"en": "ReLU", "zh": "ReLU"})
    axes.points(
        np.zeros(2),
        np.array(list(gaps.values())),
        name={"en": "largest gap: ln 2 / β", "zh": "最大差距：ln 2 / β"},
    )
    axes.alternative(
        en=(
            f"Softplus lies above ReLU everywhere. The gap is largest at 0: {gaps[1]:.2f} for β = "
            f"1 and {gaps[4]:.2f} for β = 4."
        ),
        zh=(
            "softplus 处处高于 ReLU，差距在 0 处最大："
            f"β = 1 时为 {gaps[1]:.2f}，β = 4 时为 {gaps[4]:.2f}。"
        ),
    )
