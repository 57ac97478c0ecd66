"""The negative half of ReLU, leaky ReLU, PReLU at its start, and ELU; the positive half is the same
for all.
"""

import numpy as np

INPUTS = np.linspace(-4.0, 2.0, 121)
UNITS = {
    "ELU": np.where(INPUTS > 0, INPUTS, np.expm1(INPUTS)),
    "PReLU, α = 0.25": np.maximum(INPUTS, 0) + 0.25 * np.minimum(INPUTS, 0),
    "leaky, α = 0.1": np.maximum(0.1 * INPUTS, INPUTS),
    "ReLU": np.maximum(INPUTS, 0),
}
CHINESE = {
    "ELU": "ELU",
    "PReLU, α = 0.25": "PReLU，α = 0.25",
    "leaky, α = 0.1": "Leaky，α = 0.1",
    "ReLU": "ReLU",
}


def figure(fig) -> None:
    """Draw all four; to the right of zero they lie on one line."""
    right = INPUTS > 0
    assert all((values[right] == INPUTS[right]).all() for values in UNITS.values())
    at_the_end = {name: values[0] for name, values in UNITS.items()}
    assert at_the_end["ReLU"] == 0 and -1 < at_the_end["ELU"] < -0.98
    axes = fig.axes(
        x=(-4, 2),
        y=(-1.2, 2),
        x_label={"en": "input x", "zh": "输入 x"},
        y_label={"en": "output", "zh": "输出"},
    )
    for name, values in UNITS.items():
        axes.line(INPUTS, values, name={"en": name, "zh": CHINESE[name]})
    axes.alternative(
        en="Right of zero all four are x. At x = −4: "
        + ", ".join(f"{name} gives {value:.2f}" for name, value in at_the_end.items())
        + ".",
        zh="零的右侧四者都等于 x。在 x = −4 处："
        + "；".join(f"{CHINESE[name]} 为 {value:.2f}" for name, value in at_the_end.items())
        + "。",
    )
