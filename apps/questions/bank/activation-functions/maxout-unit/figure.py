"""Three lines and their maximum."""

import numpy as np

INPUTS = np.linspace(-3.0, 3.0, 121)
PIECES = ((-0.8, -0.6), (0.2, 0.3), (1.1, -0.9))  # slope and offset of each


def figure(fig) -> None:
    """Draw the unit as the upper edge of its pieces, which turns where the winner changes, and each
    piece where it lies below.
    """
    lines = np.array([slope * INPUTS + offset for slope, offset in PIECES])
    unit = lines.max(axis=0)
    # convex, and each piece wins somewhere
    assert (np.diff(unit, 2) > -1e-12).all() and set(lines.argmax(axis=0)) == {0, 1, 2}
    (a, b), (c, d), (e, f) = PIECES
    turns = np.array([(b - d) / (c - a), (d - f) / (e - c)])
    axes = fig.axes(
        x=(-3, 3),
        y=(-4.3, 2.6),
        x_label={"en": "input x", "zh": "输入 x"},
        y_label={"en": "output", "zh": "输出"},
    )
    axes.line(INPUTS, unit, name={"en": "Maxout", "zh": "Maxout"})
    for number, line in enumerate(lines, 1):
        below = np.where(line < unit, line, np.nan)
        axes.line(
            INPUTS,
            below,
            name={"en": f"piece {number}, where it loses", "zh": f"片段 {number}（未获胜处）"},
        )
    axes.points(
        turns,
        np.interp(turns, INPUTS, unit),
        name={"en": "the winner changes", "zh": "获胜片段改变"},
    )
    axes.alternative(
        en=(
            "The unit follows the upper edge of three lines. It is convex and turns at x = "
            f"{turns[0]:.1f} and x = {turns[1]:.1f}."
        ),
        zh=(
            "该单元沿着三条直线的上边缘走。它是凸的，"
            f"在 x = {turns[0]:.1f} 和 x = {turns[1]:.1f} 处转折。"
        ),
    )
