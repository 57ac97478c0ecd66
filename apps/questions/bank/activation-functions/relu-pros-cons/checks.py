"""Gains per layer, shares of zeros, means and slopes, computed."""

import math

import pytest
import torch
from scipy import optimize


def random_stack(gain: float, layers: int = 30, width: int = 400) -> tuple[list[float], float]:
    """Return the share of active units in each layer, and the factor on the gradient's size per
    layer.

    Args:
        gain: variance of a weight, times the width.
    """
    torch.manual_seed(0)
    first = x = torch.randn(16, width, dtype=torch.float64, requires_grad=True)
    active = []
    for _ in range(layers):
        x = torch.relu(
            x @ (torch.randn(width, width, dtype=torch.float64) * math.sqrt(gain / width))
        )
        active.append((x > 0).double().mean().item())
    back = torch.randn_like(x)
    x.backward(back)
    return active, (first.grad.norm() / back.norm()).item() ** (1 / layers)


def test_about_half_of_the_units_are_active_at_the_start() -> None:
    active, _ = random_stack(2)
    assert active == pytest.approx([0.5] * 30, abs=0.06)
    assert sum(active) / 30 == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("gain", "factor"), [(1, math.sqrt(1 / 2)), (2, 1.0), (4, math.sqrt(2))])
def test_the_gradient_changes_by_one_factor_per_layer(gain: float, factor: float) -> None:
    assert random_stack(gain)[1] == pytest.approx(factor, rel=0.04)


def test_thirty_layers_at_variance_one_over_n() -> None:
    assert math.sqrt(1 / 2) == pytest.approx(0.71, abs=0.005)
    assert math.isclose(math.sqrt(1 / 2) ** 30, 3e-5, rel_tol=0.03)


def test_a_rectifier_halves_the_mean_square_of_signal_and_gradient() -> None:
    torch.manual_seed(0)
    z = torch.randn(1_000_000, dtype=torch.float64, requires_grad=True)
    back = torch.randn_like(z)
    torch.relu(z).backward(back)
    assert torch.relu(z).square().mean().item() == pytest.approx(0.5, rel=0.01)
    assert (z.grad.square().mean() / back.square().mean()).item() == pytest.approx(0.5, rel=0.01)


def test_it_never_saturates_on_the_right_where_others_are_flat() -> None:
    for x in (1.0, 1e3, 1e30):
        z = torch.tensor(x, requires_grad=True)
        torch.relu(z).backward()
        assert z.grad == 1
    sigmoid = lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2  # noqa: E731
    tanh = lambda z: 1 - math.tanh(z) ** 2  # noqa: E731
    edges = [optimize.brentq(lambda z, f=f: f(z) - 0.01 * f(0), 0, 20) for f in (sigmoid, tanh)]
    assert edges == [pytest.approx(6, abs=0.02), pytest.approx(3, abs=0.02)]


def test_outputs_have_a_positive_mean() -> None:
    torch.manual_seed(0)
    assert torch.relu(torch.randn(1_000_000)).mean().item() == pytest.approx(
        1 / math.sqrt(2 * math.pi), abs=0.002
    )
    assert 1 / math.sqrt(2 * math.pi) == pytest.approx(0.40, abs=0.002)


def test_it_has_no_scale() -> None:
    z = torch.linspace(-3, 3, 25)
    for a in (0.0, 0.5, 8.0):
        assert torch.equal(torch.relu(a * z), a * torch.relu(z))
    assert not torch.allclose(torch.tanh(8 * z), 8 * torch.tanh(z))
