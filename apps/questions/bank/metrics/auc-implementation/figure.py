"""A negative at 0.9, then a positive, a positive and a negative tied at 0.5: the curve may pass the
tie in three ways.
"""

import numpy as np

PATHS = {  # (false positive rate, true positive rate), from the highest score down
    "up": np.array([(0, 0), (0.5, 0), (0.5, 1), (1, 1)]),
    "slanted": np.array([(0, 0), (0.5, 0), (1, 1)]),
    "right": np.array([(0, 0), (0.5, 0), (1, 0), (1, 1)]),
}
NAMES = {
    "up": {"en": "up first", "zh": "先上后右"},
    "slanted": {"en": "slanted", "zh": "斜线"},
    "right": {"en": "right first", "zh": "先右后上"},
}


def area(path: np.ndarray) -> float:
    return float(np.trapezoid(path[:, 1], path[:, 0]))


def figure(fig) -> None:
    """Draw the three; only the slanted one has the area that counting pairs gives."""
    positives, negatives = np.array([0.5, 0.5]), np.array([0.5, 0.9])
    difference = positives[:, None] - negatives
    by_pairs = ((difference > 0) + 0.5 * (difference == 0)).mean()
    areas = {name: area(path) for name, path in PATHS.items()}
    assert areas["slanted"] == by_pairs and areas["right"] < by_pairs < areas["up"]
    axes = fig.axes(
        x=(0, 1),
        y=(0, 1),
        x_label={"en": "false positive rate", "zh": "假正率"},
        y_label={"en": "true positive rate", "zh": "真正率"},
    )
    for name, path in PATHS.items():
        en, zh = NAMES[name].values()
        axes.line(
            path[:, 0],
            path[:, 1],
            name={"en": f"{en}: {areas[name]:.2f}", "zh": f"{zh}：{areas[name]:.2f}"},
        )
    axes.alternative(
        en=f"Going up before right past the tie gives an area of {areas['up']:.2f}, right before "
        f"up {areas['right']:.2f}; "
        f"one slanted segment gives {areas['slanted']:.2f}, as counting pairs does.",
        zh=f"经过并列得分时，先上后右的面积是 {areas['up']:.2f}，先右后上是 {areas['right']:.2f}；"
        f"一条斜线段的面积是 {areas['slanted']:.2f}，与数配对的结果相同。",
    )
