"""Each step of the derivation and each number of the shape, computed."""

import math

import pytest
import torch
from scipy import optimize
from torch.nn import functional


def swish(x: float, beta: float = 1.0) -> float:
    return x * gate(x, beta)


def slope(x: float, beta: float = 1.0) -> float:
    """Return the derivative by automatic differentiation."""
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    (z * torch.sigmoid(beta * z)).backward()
    return z.grad.item()


def gate(x: float, beta: float = 1.0) -> float:
    return (1 + math.tanh(beta * x / 2)) / 2  # the sigmoid, without overflow


PLACES = [(-5.0, 1.0), (-1.0, 0.3), (0.0, 1.0), (0.7, 4.0), (3.0, 1.0)]


@pytest.mark.parametrize(("x", "beta"), PLACES)
def test_the_product_rule_gives_the_slope(x: float, beta: float) -> None:
    s = gate(x, beta)
    assert (gate(x + 1e-6, beta) - gate(x - 1e-6, beta)) / 2e-6 == pytest.approx(
        beta * s * (1 - s), abs=1e-8
    )
    assert s + beta * x * s * (1 - s) == pytest.approx(slope(x, beta), abs=1e-14)
    assert slope(x) + slope(-x) == pytest.approx(1, abs=1e-14)
    assert swish(x, beta) == pytest.approx(swish(beta * x) / beta, abs=1e-14)


def test_with_beta_one_it_is_silu() -> None:
    x = torch.linspace(-9, 9, 101, dtype=torch.float64)
    torch.testing.assert_close(functional.silu(x), x * torch.sigmoid(x))


def test_the_lowest_point() -> None:
    # one solution: the left side only rises
    place = optimize.brentq(lambda x: 1 + math.exp(x) + x, -3, 0)
    assert place == pytest.approx(-1.27846, abs=1e-5)
    assert slope(place) == pytest.approx(0, abs=1e-12)
    for value in (swish(place), -math.exp(place), place + 1):
        assert value == pytest.approx(-0.27846, abs=1e-5)
    assert all(slope(x) < 0 for x in (place - 0.01, -3.0, -10.0, -30.0)) and slope(place + 0.01) > 0


def test_the_extreme_slopes_do_not_depend_on_beta() -> None:
    for beta in (0.5, 1.0, 3.0):
        minimum = optimize.minimize_scalar(
            lambda x, b=beta: -slope(x, b),
            bounds=(0, 10 / beta),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert -minimum.fun == pytest.approx(
            1.0998, abs=5e-5
        ) and minimum.x * beta == pytest.approx(2.3994, abs=5e-5)
        assert slope(-minimum.x, beta) == pytest.approx(-0.0998, abs=5e-5)
        assert swish(-1.2784645 / beta, beta) == pytest.approx(-0.2784645 / beta, rel=1e-6)


def test_limits_of_beta_and_of_x() -> None:
    for x in (-3.0, -0.5, 0.5, 3.0):
        assert swish(x, 0.0) == x / 2
        assert swish(x, 500.0) == pytest.approx(max(0.0, x), abs=1e-9)
    assert swish(0.0) == 0 and slope(0.0) == 0.5
    assert swish(100.0) == pytest.approx(100) and swish(-100.0) == pytest.approx(0)
    assert slope(-30.0) == pytest.approx(-30.0 * math.exp(-30.0), rel=0.05)


def test_the_output_does_not_determine_the_slope() -> None:
    left, right = (
        optimize.brentq(lambda x: swish(x) + 0.2, *bounds) for bounds in ((-9, -1.28), (-1.28, 0))
    )
    assert swish(left) == pytest.approx(swish(right)) and slope(left) < 0 < slope(right)
