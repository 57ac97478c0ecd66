"""Swish at three values of beta, and the rectifier they approach."""

import numpy as np

INPUTS = np.linspace(-6.0, 3.0, 181)


def swish(x: np.ndarray, beta: float) -> np.ndarray:
    return x / (1 + np.exp(-beta * x))


def figure(fig) -> None:
    """Draw the curves, and where the one with beta = 1 is lowest."""
    fine = np.linspace(-6.0, 3.0, 900_001)
    lowest = swish(fine, 1).argmin()
    place, value = fine[lowest], swish(fine, 1)[lowest]
    assert abs(place + 1.27846) < 1e-4 and abs(value + 0.27846) < 1e-5
    axes = fig.axes(
        x=(-6, 3),
        y=(-1.5, 3),
        x_label={"en": "input x", "zh": "输入 x"},
        y_label={"en": "output", "zh": "输出"},
    )
    for beta in (1, 0.2, 5):
        axes.line(INPUTS, swish(INPUTS, beta), name={"en": f"β = {beta:g}", "zh": f"β = {beta:g}"})
    axes.line(INPUTS, np.maximum(INPUTS, 0), name={"en": "ReLU", "zh": "ReLU"})
    axes.points(
        np.array([place]),
        np.array([value]),
        name={"en": "lowest, for β = 1", "zh": "最低点（β = 1）"},
    )
    axes.alternative(
        en=f"With β = 1 the curve dips to {value:.3f} at x = {place:.3f} and then follows x. A "
        "larger β makes the dip smaller "
        "and the curve closer to ReLU; a smaller one makes it nearly straight around zero.",
        zh=f"β = 1 时，曲线在 x = {place:.3f} 处降到 {value:.3f}，随后逐渐贴近 x。"
        "β 越大，凹陷越小、越接近 ReLU；β 越小，曲线在零附近越接近直线。",
    )
