"""Operations counted, what the backward pass keeps, and the arithmetic of attention; times as the
lab's recorded run has them.
"""

import gzip
import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode


def products(layer: nn.Module, x: torch.Tensor, backward: bool) -> float:
    """Return the multiply-adds of matrix products (a multiply-add is two floating-point
    operations).
    """
    with FlopCounterMode(display=False) as counter:
        y = layer(x)
        if backward:
            y.sum().backward()
    return counter.get_total_flops() / 2


def test_activation_work_over_matrix_work_falls_as_one_over_the_width() -> None:
    examples = 8
    ratios = []
    for n in (64, 256, 1024):
        x = torch.randn(examples, n, requires_grad=True)
        layer = nn.Linear(n, n)
        assert products(layer, x, backward=False) == examples * n * n
        ratios.append(torch.sigmoid(layer(x)).numel() / products(layer, x, backward=False) * n)
    assert ratios == [1, 1, 1]


def test_training_does_three_products_where_the_forward_pass_does_one() -> None:
    x, layer = torch.randn(8, 256, requires_grad=True), nn.Linear(256, 256)
    assert products(layer, x, backward=True) == 3 * products(layer, x, backward=False)


@pytest.mark.parametrize(("groups", "expected"), [(1, 576), (64, 9)])
def test_multiply_adds_for_each_output_of_a_convolution(groups: int, expected: int) -> None:
    x, layer = torch.randn(1, 64, 12, 12), nn.Conv2d(64, 64, 3, padding=1, groups=groups)
    assert products(layer, x, backward=False) / layer(x).numel() == expected


def test_sigmoid_tanh_and_relu_keep_their_output_softplus_and_swish_their_input() -> None:
    x = torch.randn(5, requires_grad=True)
    for f in (torch.sigmoid, torch.tanh, torch.relu):
        y = f(x)
        assert torch.equal(y.grad_fn._saved_result, y)
    for f in (functional.softplus, functional.silu):
        assert torch.equal(f(x).grad_fn._saved_self, x)


def test_the_backward_pass_needs_the_output_only() -> None:
    x, back = (
        torch.randn(50, dtype=torch.float64, requires_grad=True),
        torch.randn(50, dtype=torch.float64),
    )
    for f, slope in (
        (torch.sigmoid, lambda s: s * (1 - s)),
        (torch.tanh, lambda t: 1 - t * t),
        (torch.relu, lambda r: (r > 0).double()),
    ):
        y = f(x)
        (theirs,) = torch.autograd.grad(y, x, back)
        torch.testing.assert_close(theirs, back * slope(y.detach()))


def test_ten_million_numbers_are_forty_megabytes() -> None:
    assert 10_000_000 * torch.float32.itemsize == 40e6


def test_the_share_at_width_1024_is_a_few_percent_even_for_a_dear_activation() -> None:
    for cost in (1, 10, 40):
        assert cost * 1024 / (3 * 1024**2) < 0.02
        assert cost / (cost + 1024) < 0.04


def test_attention_does_512_operations_for_each_exponential() -> None:
    """Scores and weighted values: a product of width d each, two operations per multiply-add."""
    q, k, v = (torch.randn(1, 64, 128) for _ in range(3))
    with FlopCounterMode(display=False) as counter:
        scores = torch.bmm(q, k.transpose(1, 2))
        torch.bmm(scores.softmax(2), v)
    assert counter.get_total_flops() / scores.numel() == 4 * 128 == 512


def test_the_exponentials_take_half_as_long_as_the_products_on_an_h100() -> None:
    # as given by Shah et al. (2024), 16 bits
    products_per_second, exponentials_per_second = 989e12, 3.9e12
    assert math.isclose(products_per_second / exponentials_per_second, 250, rel_tol=0.02)
    assert (1 / exponentials_per_second) / (512 / products_per_second) == pytest.approx(
        0.5, abs=0.01
    )


@pytest.fixture(scope="module")
def times() -> dict[tuple[str, str], float]:
    """Return what the recorded run of the lab found, by arm and series."""
    path = Path(__file__).parents[5] / "apps/experiments/evidence/activation-cost.json.gz"
    recorded = json.loads(gzip.decompress(path.read_bytes()))
    return {(batch["arm"], batch["series"]): batch["mean"][-1] for batch in recorded["batches"]}


def test_times_alone_are_as_the_answer_says(times: dict[tuple[str, str], float]) -> None:
    for size in ("100000", "1000000"):  # in the cache
        assert (
            2 < times[f"sigmoid {size}", "forward ratio"] < 3
            and 20 < times[f"tanh {size}", "forward ratio"] < 50
        )
        assert times[f"sigmoid {size}", "backward ratio"] == pytest.approx(1, abs=0.1)
    for name in ("sigmoid", "tanh", "softplus"):
        assert times[f"{name} 1000", "ratio"] == pytest.approx(1, abs=0.15)
        assert times[f"{name} 10000000", "ratio"] < times[f"{name} 1000000", "ratio"]


def test_a_whole_network_loses_a_few_percent_and_least_with_the_sigmoid(
    times: dict[tuple[str, str], float],
) -> None:
    lost = {
        name: times[f"network {name}", "step ratio"] - 1 for name in ("sigmoid", "softplus", "tanh")
    }
    assert (
        -0.05 < min(lost.values()) == lost["sigmoid"] and max(lost.values()) == lost["tanh"] < 0.1
    )
