"""Slopes, zeros, means, variances and the gradient of a learned slope, computed."""

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor, nn
from torch.nn import functional


def slope(f: Callable[[Tensor], Tensor], x: float) -> float:
    """Return the derivative of f at x by automatic differentiation."""
    z = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(z).backward()
    return z.grad.item()


def over_a_gaussian(f: Callable[[float], float]) -> float:
    return integrate.quad(
        lambda x: f(x) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi), -12, 12, points=[0]
    )[0]


@pytest.mark.parametrize("alpha", [0.01, 0.25, 0.9])
def test_the_maximum_is_x_on_the_right_and_alpha_x_on_the_left(alpha: float) -> None:
    x = np.linspace(-5, 5, 101)
    assert np.array_equal(np.maximum(alpha * x, x), np.where(x > 0, x, alpha * x))
    assert np.allclose(np.maximum(alpha * x, x), np.maximum(0, x) + alpha * np.minimum(0, x))
    assert slope(lambda z: functional.leaky_relu(z, alpha), -3.0) == alpha


def test_the_maximum_bends_the_wrong_side_for_alpha_above_one() -> None:
    x = np.array([-1.0, 1.0])
    assert np.maximum(1.5 * x, x).tolist() == [-1.0, 1.5]
    assert functional.prelu(torch.tensor(x), torch.tensor(1.5, dtype=torch.float64)).tolist() == [
        -1.5,
        1.0,
    ]


def test_at_minus_one_it_is_the_absolute_value_and_at_one_the_identity() -> None:
    x = torch.linspace(-2, 2, 9)
    assert torch.equal(functional.prelu(x, torch.tensor(-1.0)), x.abs())
    assert torch.equal(functional.prelu(x, torch.tensor(1.0)), x)


def test_no_unit_of_a_leaky_layer_is_without_gradient_even_where_all_rectifiers_would_be_dead() -> (
    None
):
    torch.manual_seed(0)
    x, layer = torch.rand(300, 16), nn.Linear(16, 64)
    nn.init.constant_(layer.bias, -6.0)
    assert (layer(x) < 0).all()
    for unit, without in ((torch.relu, 1.0), (lambda z: functional.leaky_relu(z, 0.01), 0.0)):
        layer.zero_grad()
        unit(layer(x)).sum().backward()
        assert (layer.weight.grad == 0).all(1).float().mean() == without


def test_slopes_are_never_zero_for_a_leak_and_vanish_for_elu() -> None:
    assert [slope(lambda z: functional.leaky_relu(z, 0.01), x) for x in (-1e6, -1.0, 0.0, 1.0)] == [
        0.01,
        0.01,
        0.01,
        1,
    ]
    assert slope(functional.elu, -10.0) == pytest.approx(math.exp(-10))


def test_learning_on_the_left_is_alpha_times_weaker() -> None:
    left, right = (slope(lambda z: functional.leaky_relu(z, 0.01), x) for x in (-2.0, 2.0))
    assert right / left == pytest.approx(100)


def test_exact_zeros_are_lost() -> None:
    torch.manual_seed(0)
    z = torch.randn(100_000)
    assert (torch.relu(z) == 0).float().mean() == pytest.approx(0.5, abs=0.01)
    assert (functional.leaky_relu(z, 0.01) == 0).float().mean() == 0


def test_mean_outputs_for_standard_normal_inputs() -> None:
    means = [
        over_a_gaussian(f)
        for f in (
            lambda x: max(0, x),
            lambda x: max(0.01 * x, x),
            lambda x: x if x > 0 else math.expm1(x),
        )
    ]
    assert means == [
        pytest.approx(0.399, abs=5e-4),
        pytest.approx(0.395, abs=5e-4),
        pytest.approx(0.16, abs=5e-3),
    ]
    assert (1 - 0.01) / math.sqrt(2 * math.pi) == pytest.approx(means[1])


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.25, 1.0])
def test_the_generalised_he_rule_keeps_the_mean_square(alpha: float) -> None:
    assert over_a_gaussian(lambda x: max(alpha * x, x) ** 2) == pytest.approx((1 + alpha**2) / 2)
    torch.manual_seed(0)
    x = torch.randn(200, 400, dtype=torch.float64)
    before = x.square().mean()
    for _ in range(20):
        x = functional.leaky_relu(
            x @ torch.randn(400, 400, dtype=torch.float64) * math.sqrt(2 / ((1 + alpha**2) * 400)),
            alpha,
        )
    assert (x.square().mean() / before).item() ** (1 / 20) == pytest.approx(1, abs=0.03)
    assert nn.init.calculate_gain("leaky_relu", alpha) ** 2 == pytest.approx(2 / (1 + alpha**2))


def test_the_variance_changes_by_one_part_in_ten_thousand() -> None:
    assert math.isclose(1 - 1 / (1 + 0.01**2), 1e-4, rel_tol=1e-3)


def test_the_gradient_of_a_learned_slope_sums_over_negative_inputs() -> None:
    torch.manual_seed(0)
    unit, z, back = nn.PReLU(3), torch.randn(50, 3), torch.randn(50, 3)
    assert unit.weight.tolist() == [0.25] * 3  # one per channel
    unit(z).backward(back)
    torch.testing.assert_close(unit.weight.grad, (back * z.clamp(max=0)).sum(0))


def test_a_step_that_is_too_large_diverges_with_a_leak_too() -> None:
    """The loss (f(10 w) - 10)^2 / 2, of curvature 100 where w > 0: at a rate of 0.03, above 2/100,
    a step overshoots.

    The rectifier is thrown to the left and dies there. The leaky unit comes back, and is thrown
    again: it never settles.
    """

    def places(unit: Callable[[Tensor], Tensor], rate: float) -> list[float]:
        w, seen = torch.tensor(1.7, dtype=torch.float64, requires_grad=True), []
        for _ in range(300):
            w.grad = None
            ((unit(10 * w) - 10).square() / 2).backward()
            with torch.no_grad():
                w -= rate * w.grad
            seen.append(w.item())
        return seen

    leaky = lambda z: functional.leaky_relu(z, 0.1)  # noqa: E731
    dead, restless = places(torch.relu, 0.03), places(leaky, 0.03)
    assert dead[-1] < 0 and len(set(dead[-100:])) == 1
    assert min(restless[-100:]) < 0 < 1 < max(restless[-100:])
    assert places(leaky, 0.015)[-1] == pytest.approx(1)


def test_leaky_networks_at_the_deadly_rate_have_no_dead_unit_and_learn_badly_or_diverge() -> None:
    path = Path(__file__).parents[5] / "apps/experiments/evidence/dead-relu.json.gz"
    recorded = json.loads(gzip.decompress(path.read_bytes()))
    last = {(batch["arm"], batch["series"]): batch["mean"][-1] for batch in recorded["batches"]}
    assert last["relu 1", "dead"] > 0.5 and last["leaky 1", "dead"] == 0
    assert last["leaky 1", "accuracy"] < 0.6 < 0.9 < last["leaky 0.1", "accuracy"]
    assert (
        next(
            verdict["diverged"]
            for verdict in recorded["verdicts"]
            if verdict["claim"] == "dead-relu.leaky-fixes"
        )
        > 0
    )
