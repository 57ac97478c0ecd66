"""Slopes at the kink, the gap, the limit, and what goes wrong in 32 bits."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, optimize
from torch import Tensor
from torch.nn import functional


def slope(f: Callable[[Tensor], Tensor], x: float) -> float:
    """Return the derivative of f at x by automatic differentiation."""
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(z).backward()
    return z.grad.item()


def softplus(x: float, beta: float = 1.0) -> float:
    return float(np.logaddexp(0, beta * x)) / beta


def test_the_same_rectifier_has_three_slopes_at_zero() -> None:
    ways = {
        "relu": torch.relu,
        "module": torch.nn.ReLU(),
        "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
        "clamp": lambda x: torch.clamp(x, min=0),
        "where": lambda x: torch.where(x >= 0, x, 0.0),
    }
    for f in ways.values():
        assert [f(torch.tensor(x)).item() for x in (-2.0, 0.0, 3.0)] == [0, 0, 3]
    assert {name: slope(f, 0.0) for name, f in ways.items()} == {
        "relu": 0,
        "module": 0,
        "maximum": 0.5,
        "clamp": 1,
        "where": 1,
    }


def test_lines_below_the_curve_are_those_with_slopes_from_zero_to_one() -> None:
    x = np.linspace(-3, 3, 601)
    for g in np.linspace(-0.5, 1.5, 41):
        assert (g * x <= np.maximum(0, x) + 1e-12).all() == (-1e-12 <= g <= 1 + 1e-12)


def test_a_difference_of_rectifiers_that_is_the_identity_gets_slope_zero() -> None:
    """The first follow-up: what automatic differentiation returns at 0 need not be a subgradient of
    the whole.
    """
    identity = lambda x: torch.relu(x) - torch.relu(-x)  # noqa: E731
    assert identity(torch.tensor(-2.5)) == -2.5 and identity(torch.tensor(1.5)) == 1.5
    assert slope(identity, 0.0) == 0 and slope(identity, 0.1) == 1


def test_exact_zeros_occur_with_zero_inputs_and_zero_biases_only() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(20, 30)
    assert (layer(torch.randn(500, 20)) != 0).all()
    torch.nn.init.zeros_(layer.bias)
    assert (layer(torch.zeros(1, 20)) == 0).all()


def test_half_precision_rounds_small_pre_activations_to_zero() -> None:
    assert torch.tensor(1e-4).half() * torch.tensor(1e-4).half() == 0
    assert torch.tensor(1e-4) * torch.tensor(1e-4) > 0


def test_softplus_at_zero() -> None:
    assert softplus(0) == pytest.approx(0.6931, abs=5e-5) and slope(functional.softplus, 0.0) == 0.5


@pytest.mark.parametrize("x", [-10.0, -1.0, 0.0, 0.5, 6.0])
def test_its_slope_is_the_sigmoid_and_its_gap_is_as_stated(x: float) -> None:
    assert slope(functional.softplus, x) == pytest.approx(
        math.exp(x) / (1 + math.exp(x)), abs=1e-12
    )
    assert 0 < softplus(x) - max(0, x) == pytest.approx(math.log1p(math.exp(-abs(x))), abs=1e-14)


def test_the_largest_gap_is_ln_2_over_beta() -> None:
    for beta in (1.0, 4.0, 50.0):
        x = np.linspace(-3, 3, 2001)
        gap = np.logaddexp(0, beta * x) / beta - np.maximum(0, x)
        assert gap.max() == pytest.approx(math.log(2) / beta) and x[gap.argmax()] == pytest.approx(
            0, abs=1e-12
        )
    minimum = optimize.minimize_scalar(
        lambda x: max(0, x) - softplus(x), bounds=(-1, 1), method="bounded", options={"xatol": 1e-9}
    )
    assert -minimum.fun == pytest.approx(math.log(2), abs=1e-6)


def test_mean_outputs_for_standard_normal_inputs() -> None:
    density = lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    means = [
        integrate.quad(lambda x, f=f: f(x) * density(x), -12, 12, points=[0])[0]
        for f in (softplus, lambda x: max(0, x))
    ]
    assert means == [pytest.approx(0.81, abs=0.005), pytest.approx(0.40, abs=0.005)]


def test_it_flattens_on_the_left() -> None:
    assert slope(functional.softplus, -10.0) == pytest.approx(4.5e-5, rel=0.01)


def test_the_plain_formula_overflows_and_the_other_does_not() -> None:
    plain = lambda x: torch.log(1 + torch.exp(torch.tensor(x)))  # noqa: E731
    stable = lambda x: max(0.0, x) + torch.log1p(torch.exp(torch.tensor(-abs(x))))  # noqa: E731
    assert plain(89.0).isinf() and plain(88.0).isfinite() and stable(89.0) == 89
    assert stable(-3.0).item() == pytest.approx(softplus(-3.0), rel=1e-6)


def test_it_is_the_logistic_loss_of_a_margin() -> None:
    margin = torch.tensor([-2.0, 0.3, 4.0])
    theirs = functional.binary_cross_entropy_with_logits(margin, torch.ones(3), reduction="none")
    torch.testing.assert_close(functional.softplus(-margin), theirs)
