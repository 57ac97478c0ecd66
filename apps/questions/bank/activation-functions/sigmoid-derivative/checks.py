"""Every step, number and rounding effect of the answer, computed."""

import math

import pytest
import torch
from scipy import optimize


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slope(f, x: float, dtype: torch.dtype = torch.float64) -> float:
    """Return the derivative of f at x by automatic differentiation."""
    z = torch.tensor(x, dtype=dtype, requires_grad=True)
    f(z).backward()
    return z.grad.item()


PLACES = [-7.0, -2.0, -0.3, 0.0, 0.5, 3.0]


@pytest.mark.parametrize("x", PLACES)
def test_all_forms_of_the_slope_agree(x: float) -> None:
    s = sigmoid(x)
    for form in (math.exp(-x) / (1 + math.exp(-x)) ** 2, s * (1 - s), 0.25 - (s - 0.5) ** 2):
        assert form == pytest.approx(slope(torch.sigmoid, x), abs=1e-15)


@pytest.mark.parametrize("x", PLACES)
def test_symmetry_and_the_relation_to_tanh(x: float) -> None:
    assert sigmoid(-x) == pytest.approx(1 - sigmoid(x), abs=1e-15)
    assert slope(torch.sigmoid, -x) == pytest.approx(slope(torch.sigmoid, x), abs=1e-15)
    assert math.tanh(x) - (2 * sigmoid(2 * x) - 1) == pytest.approx(0, abs=1e-15)
    t, s = math.tanh(x), sigmoid(2 * x)
    for form in (1 - t**2, 4 * s * (1 - s), 4 * slope(torch.sigmoid, 2 * x)):
        assert form == pytest.approx(slope(torch.tanh, x), abs=1e-14)


def test_the_peaks_are_a_quarter_and_one_at_zero() -> None:
    assert slope(torch.sigmoid, 0.0) == 0.25 and slope(torch.tanh, 0.0) == 1
    for f, peak in ((torch.sigmoid, 0.25), (torch.tanh, 1.0)):
        minimum = optimize.minimize_scalar(
            lambda x, f=f: -slope(f, x), bounds=(-5, 6), method="bounded", options={"xatol": 1e-8}
        )
        assert minimum.x == pytest.approx(0, abs=1e-4) and -minimum.fun == pytest.approx(
            peak, abs=1e-9
        )


def test_four_times_the_slope_of_the_sigmoid_is_that_of_tanh_at_zero_only() -> None:
    assert 4 * slope(torch.sigmoid, 0.0) == slope(torch.tanh, 0.0)
    assert all(4 * slope(torch.sigmoid, x) > slope(torch.tanh, x) for x in PLACES if x)


def test_powers_of_a_quarter() -> None:
    assert math.isclose(0.25**10, 9.54e-7, rel_tol=1e-3) and math.isclose(
        0.25**20, 9.09e-13, rel_tol=1e-3
    )


def test_a_factor_above_one_needs_a_weight_above_four_and_a_pre_activation_near_zero() -> None:
    largest = max(slope(torch.sigmoid, z / 10) for z in range(-80, 81))
    assert 3.99 * largest < 1 < 4.01 * largest
    reach = optimize.brentq(lambda z: 6 * slope(torch.sigmoid, z) - 1, 0, 10)  # for |w| = 6
    assert 1.2 < reach < 1.4
    # an input that moves by one half is enough to leave it
    assert 6 * slope(torch.sigmoid, 6 * 0.5) < 1


@pytest.mark.parametrize(("n", "w", "z"), [(2, 0.5, -2.0), (3, 2.0, 1.0), (5, 5.0, -1.0)])
def test_the_chain_of_the_numeric_part(n: int, w: float, z: float) -> None:
    start = h = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    for _ in range(n):
        bias = z - w * h.item()  # brings every pre-activation to z
        h = torch.sigmoid(w * h + bias)
    h.backward()
    assert start.grad.item() == pytest.approx((w * math.exp(-z) / (1 + math.exp(-z)) ** 2) ** n)


def test_rounding_breaks_the_symmetry_in_32_bits() -> None:
    for x, expected in ((18.0, 0.0), (-18.0, 1.5e-8)):
        s = torch.sigmoid(torch.tensor(x, dtype=torch.float32))
        assert (s * (1 - s)).item() == pytest.approx(expected, rel=0.02)
        assert slope(torch.sigmoid, x, torch.float32) == pytest.approx(expected, rel=0.02)
    assert torch.sigmoid(torch.tensor(18.0)) == 1
