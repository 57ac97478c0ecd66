"""Special cases, parameters, gradients, convexity, and any piecewise-linear function as a
difference.
"""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional


def maxout(x: np.ndarray, pieces: list[tuple[float, float]]) -> np.ndarray:
    """Return the largest of the lines (slope, offset) at each x."""
    return np.max([slope * x + offset for slope, offset in pieces], axis=0)


X = np.linspace(-4, 4, 801)


class Maxout(nn.Module):
    """A layer of m units with k pieces each."""

    def __init__(self, n: int, m: int, k: int) -> None:
        super().__init__()
        self.pieces, self.shape = nn.Linear(n, k * m), (m, k)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, m) for x (batch, n)."""
        return self.pieces(x).unflatten(1, self.shape).amax(2)


def test_two_pieces_make_relu_leaky_relu_the_absolute_value_and_a_line() -> None:
    assert np.array_equal(maxout(X, [(1, 0), (0, 0)]), np.maximum(X, 0))
    assert np.array_equal(
        maxout(X, [(1, 0), (0.01, 0)]), functional.leaky_relu(torch.tensor(X), 0.01).numpy()
    )
    assert np.array_equal(maxout(X, [(1, 0), (-1, 0)]), np.abs(X))
    assert np.array_equal(maxout(X, [(0.7, 0.2)] * 2), 0.7 * X + 0.2)


@pytest.mark.parametrize(("n", "m", "k"), [(64, 10, 2), (100, 50, 5)])
def test_a_layer_has_k_times_the_parameters(n: int, m: int, k: int) -> None:
    count = sum(p.numel() for p in Maxout(n, m, k).parameters())
    assert count == k * (n + 1) * m == k * sum(p.numel() for p in nn.Linear(n, m).parameters())


def test_it_is_convex_whatever_its_pieces() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = maxout(X, list(zip(rng.normal(size=5), rng.normal(size=5), strict=True)))
        assert (np.diff(values, 2) > -1e-9).all()


@pytest.mark.parametrize(
    "f",
    [
        np.tanh,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: x / (1 + np.exp(-x)),
        lambda x: np.maximum(0, 1 - abs(x)),
    ],
)
def test_tanh_sigmoid_swish_and_a_hat_are_not_convex(f) -> None:
    assert (np.diff(f(X), 2) < -1e-9).any()


def test_tangents_come_close_to_a_convex_function() -> None:
    gaps = []
    for k in (4, 8, 16):
        places = np.linspace(-1, 1, 2 * k + 1)[1::2]
        x = np.linspace(-1, 1, 2001)
        gaps.append((x**2 - maxout(x, [(2 * p, -(p**2)) for p in places])).max())
    assert gaps[0] > 3.9 * gaps[1] > 15 * gaps[2] > 0  # four times closer with twice the pieces


def test_a_difference_of_two_makes_any_continuous_piecewise_linear_function() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        corners, heights = np.sort(rng.uniform(-4, 4, 6)), rng.normal(size=8)
        corners = np.r_[-4, corners, 4]
        # at the inner corners: up goes to one unit, down to the other
        bends = np.diff(np.diff(heights) / np.diff(corners))
        start = ((heights[1] - heights[0]) / (corners[1] - corners[0]), heights[0])

        def convex(
            slope: float, height: float, bends: np.ndarray, corners: np.ndarray = corners
        ) -> list[tuple[float, float]]:
            """Return the lines (slope, offset) of the function that starts so and bends upwards at
            the inner corners.
            """
            lines, at = [], corners[0]
            for corner, bend in zip([*corners[1:-1], corners[-1]], [*bends, 0.0], strict=True):
                lines.append((slope, height - slope * at))
                height, at, slope = height + slope * (corner - at), corner, slope + bend
            return lines

        difference = maxout(X, convex(*start, np.maximum(bends, 0))) - maxout(
            X, convex(0.0, 0.0, np.maximum(-bends, 0))
        )
        assert np.allclose(difference, np.interp(X, corners, heights))


def test_on_each_example_the_winner_alone_gets_the_gradient_with_factor_one() -> None:
    torch.manual_seed(0)
    z = torch.randn(200, 4, requires_grad=True)  # the pieces of one unit
    z.amax(1).sum().backward()
    assert (
        (z.grad.sum(1) == 1).all()
        and (z.grad.argmax(1) == z.argmax(1)).all()
        and ((z.grad == 0) | (z.grad == 1)).all()
    )


def test_a_piece_that_never_wins_is_not_trained_and_the_unit_is() -> None:
    torch.manual_seed(0)
    layer = Maxout(5, 1, 3)
    with torch.no_grad():
        layer.pieces.bias[2] = -100
    layer(torch.randn(300, 5)).sum().backward()
    trained = (layer.pieces.weight.grad != 0).any(1)
    assert trained.tolist() == [True, True, False]


def test_outputs_are_not_sparse() -> None:
    torch.manual_seed(0)
    assert (Maxout(20, 30, 2)(torch.randn(500, 20)) == 0).float().mean() == 0


def test_two_pieces_bend_anywhere_which_prelu_cannot() -> None:
    """The second follow-up: weight and bias before a PReLU move its bend, and its value there stays
    0.
    """

    def bend(values: np.ndarray) -> tuple[float, float]:
        at = abs(np.diff(values, 2)).argmax() + 1
        return X[at], values[at]

    for weight, bias, alpha in ((1.0, -2.0, 0.25), (-0.5, 1.0, -1.0), (2.0, -4.0, 1.5)):
        z = weight * X + bias
        assert bend(np.maximum(z, 0) + alpha * np.minimum(z, 0)) == (
            pytest.approx(2),
            pytest.approx(0, abs=1e-9),
        )
    assert bend(maxout(X, [(1, 0), (-1, 4)])) == (pytest.approx(2), pytest.approx(2))  # |x - 2| + 2
