"""Every number of the answer, computed."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy import integrate, optimize
from torch import Tensor
from torch.nn import functional


def slope(f: Callable[[Tensor], Tensor], x: float, dtype: torch.dtype = torch.float64) -> float:
    """Return the derivative of f at x by automatic differentiation."""
    z = torch.tensor(x, dtype=dtype, requires_grad=True)
    f(z).backward()
    return z.grad.item()


def mean_output(f: Callable[[float], float], around: float = 0.0) -> float:
    """Return the mean of f for normal inputs of deviation 1."""
    return integrate.quad(
        lambda x: f(x) * math.exp(-((x - around) ** 2) / 2) / math.sqrt(2 * math.pi),
        around - 12,
        around + 12,
    )[0]


def test_peaks_and_their_ratio() -> None:
    assert slope(torch.tanh, 0.0) == 1 and slope(torch.tanh, 0.0) / slope(torch.sigmoid, 0.0) == 4


def test_slopes_at_five() -> None:
    assert slope(torch.tanh, 5.0) == pytest.approx(1.8e-4, rel=0.01)
    assert slope(torch.sigmoid, 5.0) == pytest.approx(6.6e-3, rel=0.01)


def test_the_order_of_the_choice() -> None:
    slopes = [slope(f, 5.0) for f in (torch.relu, functional.softsign, torch.sigmoid, torch.tanh)]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] == 1 and slopes[1] == pytest.approx(1 / 36)
    assert slope(functional.softsign, 0.0) == 1  # no peak here is higher than that of tanh


def test_it_is_the_identity_near_zero_and_a_scaled_sigmoid_everywhere() -> None:
    for x in (-8.0, -0.5, 0.0, 0.1, 2.0):
        assert math.tanh(x) == pytest.approx(2 / (1 + math.exp(-2 * x)) - 1, abs=1e-15)
    assert math.tanh(0.1) == pytest.approx(0.1 - 0.1**3 / 3, abs=2e-6)


def test_it_keeps_a_symmetry_and_makes_none() -> None:
    assert mean_output(math.tanh) == pytest.approx(0, abs=1e-12)
    assert mean_output(lambda x: 1 / (1 + math.exp(-x))) == pytest.approx(0.5)
    assert mean_output(math.tanh, around=1.0) == pytest.approx(0.55, abs=0.005)


def test_all_positive_inputs_give_one_sign_to_all_weights_of_a_unit() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(10, 4)
    for activation, one_sign in ((torch.sigmoid, True), (torch.tanh, False)):
        layer.zero_grad()
        torch.tanh(layer(activation(torch.randn(10)))).sum().backward()
        signs = layer.weight.grad.sign()
        assert bool((signs == signs[:, :1]).all()) is one_sign


def test_a_mean_is_a_direction_of_strong_curvature() -> None:
    """The curvature of a squared loss is the second moment of the inputs, E[x xᵀ]."""
    torch.manual_seed(0)
    z = torch.randn(20_000, 20, dtype=torch.float64)
    spread = []
    for activation in (torch.sigmoid, torch.tanh):
        x = activation(z)
        curvatures = torch.linalg.eigvalsh(x.T @ x / len(x))
        spread.append((curvatures[-1] / curvatures[0]).item())
    assert spread[0] > 50 * spread[1] and spread[1] < 1.2


def test_tanh_is_flatter_beyond_the_crossing_and_flat_at_half_the_distance() -> None:
    crossing = optimize.brentq(lambda x: slope(torch.tanh, x) - slope(torch.sigmoid, x), 0.1, 5)
    assert crossing == pytest.approx(1.66, abs=0.005)
    # where cosh x = 2 cosh(x/2)
    assert crossing == pytest.approx(2 * math.acosh((1 + math.sqrt(3)) / 2))
    edges = [
        optimize.brentq(lambda x, f=f: slope(f, x) - 0.01 * slope(f, 0.0), 0, 20)
        for f in (torch.tanh, torch.sigmoid)
    ]
    assert edges == [pytest.approx(3, abs=0.02), pytest.approx(6, abs=0.02)]


def test_rounding_flattens_it_completely_in_32_bits() -> None:
    assert torch.tanh(torch.tensor(10.0)) == 1 and slope(torch.tanh, 10.0, torch.float32) == 0
    assert slope(torch.tanh, 10.0) > 0


def gradient_left(
    activation: Callable[[Tensor], Tensor], layers: int = 30, width: int = 400
) -> float:
    """Return the size of the gradient at the first pre-activations over that at the last ones, with
    weight variance 1/width.
    """
    torch.manual_seed(0)
    first = z = torch.randn(8, width, dtype=torch.float64, requires_grad=True)
    for _ in range(layers):
        z = activation(z) @ (torch.randn(width, width, dtype=torch.float64) / math.sqrt(width))
    back = torch.randn_like(z)
    z.backward(back)
    return (first.grad.norm() / back.norm()).item()


def test_thirty_layers_leave_a_gradient_to_tanh_and_none_to_the_sigmoid() -> None:
    assert gradient_left(torch.tanh) == pytest.approx(0.15, abs=0.05)
    assert 1e-20 < gradient_left(torch.sigmoid) < 1e-18
