"""The slopes of tanh and sigmoid, and where they cross."""

import math

import numpy as np

INPUTS = np.linspace(-6.0, 6.0, 241)
CROSSING = 2 * math.acosh((1 + math.sqrt(3)) / 2)  # cosh x = 2 cosh(x/2)


def of_tanh(x: np.ndarray) -> np.ndarray:
    return 1 - np.tanh(x) ** 2


def of_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-x) / (1 + np.exp(-x)) ** 2


def figure(fig) -> None:
    """Draw both slopes: inside the crossing tanh is the steeper, outside it the flatter."""
    places = np.array([-CROSSING, CROSSING])
    height = of_sigmoid(places)
    assert np.allclose(of_tanh(places), height)
    assert (of_tanh(INPUTS) > of_sigmoid(INPUTS)).tolist() == (abs(INPUTS) < CROSSING).tolist()
    axes = fig.axes(
        x=(-6, 6),
        y=(0, 1),
        x_label={"en": "input x", "zh": "输入 x"},
        y_label={"en": "slope", "zh": "斜率"},
    )
    axes.line(INPUTS, of_tanh(INPUTS), name={"en": "tanh", "zh": "tanh"})
    axes.line(INPUTS, of_sigmoid(INPUTS), name={"en": "sigmoid", "zh": "sigmoid"})
    axes.points(
        places, height, name={"en": f"equal at ±{CROSSING:.2f}", "zh": f"在 ±{CROSSING:.2f} 处相等"}
    )
    axes.alternative(
        en="The slope of tanh peaks at 1, that of the sigmoid at a quarter. They are equal at "
        f"plus and minus {CROSSING:.2f}; "
        "further out tanh is flatter.",
        zh=(
            "tanh 的斜率峰值为 1，sigmoid 为四分之一；"
            f"两者在正负 {CROSSING:.2f} 处相等，再往外 tanh 更平。"
        ),
    )
