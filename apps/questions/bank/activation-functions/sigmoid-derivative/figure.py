"""The slope of the sigmoid is a parabola of its output."""

import numpy as np

OUTPUTS = np.linspace(0.0, 1.0, 101)
INPUTS = np.arange(-4.0, 5.0)


def figure(fig) -> None:
    """Draw s (1 - s), and where evenly spaced inputs lie on it: they crowd towards both ends."""
    outputs = 1 / (1 + np.exp(-INPUTS))
    slopes = outputs * (1 - outputs)
    peak = slopes.argmax()
    assert INPUTS[peak] == 0 and outputs[peak] == 0.5 and slopes[peak] == 0.25
    axes = fig.axes(
        x=(0, 1),
        y=(0, 0.3),
        x_label={"en": "output s = σ(x)", "zh": "输出 s = σ(x)"},
        y_label={"en": "slope σ'(x)", "zh": "斜率 σ'(x)"},
    )
    axes.line(OUTPUTS, OUTPUTS * (1 - OUTPUTS), name={"en": "s (1 − s)", "zh": "s (1 − s)"})
    axes.points(outputs, slopes, name={"en": "x = −4, −3, …, 4", "zh": "x = −4, −3, …, 4"})
    axes.alternative(
        en=f"The slope is a parabola of the output. It is {slopes[peak]:.2f} at x = 0, where the "
        "output is one half, "
        f"and {slopes[-1]:.3f} at x = 4 and at x = −4.",
        zh=(
            f"斜率是输出的抛物线：在 x = 0（输出为二分之一）处等于 {slopes[peak]:.2f}，"
            f"在 x = 4 和 x = −4 处都是 {slopes[-1]:.3f}。"
        ),
    )
