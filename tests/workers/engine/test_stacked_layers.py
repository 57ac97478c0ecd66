"""Layers that compute all replicates are what PyTorch's do to each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from workers.engine import Ensemble, batches, cross_entropy, shuffle_generators
from workers.engine.stacked_layers import SHAPELESS, STACKED

SEEDS = (3, 1, 4)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(16, 16, bias=False), nn.LayerNorm(16), nn.PReLU(16), nn.Linear(16, 3),
    )  # fmt: skip


def cnn() -> nn.Module:
    return nn.Sequential(
        _Image(),
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4, momentum=None), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout2d(0.2), nn.Conv2d(4, 6, (1, 2), stride=(1, 2), groups=2),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(6, 3),
    )  # fmt: skip


class _Image(nn.Module):
    """A module of the model's own, which counts dimensions from the end."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], 1, 3, 4)


def train(model: nn.Module, x: Tensor, y: Tensor, seeds: tuple[int, ...]) -> list[Tensor]:
    """Train for 100 steps; return the losses, each (replicates,) or ()."""
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    generators, losses = shuffle_generators(seeds), []
    for _ in range(20):
        for bx, by in batches(x, y, generators, size=16):
            optimizer.zero_grad()
            if isinstance(model, Ensemble):
                loss = cross_entropy(model(bx), by)
            else:
                loss = nn.functional.cross_entropy(model(bx[0]), by[0])
            loss.sum().backward()
            optimizer.step()
            losses.append(loss.detach())
    assert len(losses) == 100
    return losses


@pytest.mark.parametrize("build", [mlp, cnn])
def test_a_hundred_steps_are_those_of_a_loop_over_seeds(build: Callable[[], nn.Module]) -> None:
    x, y = torch.randn(80, 12), torch.randint(3, (80,))
    together = Ensemble(build, SEEDS, mapped=False)
    losses = train(together, x, y, SEEDS)
    for replicate, seed in enumerate(SEEDS):
        torch.manual_seed(seed)
        alone = build()
        for all_of_them, one in zip(losses, train(alone, x, y, (seed,)), strict=True):
            torch.testing.assert_close(all_of_them[replicate], one, rtol=1e-9, atol=1e-12)
        stacked, state = together.model.state_dict(), alone.state_dict()
        assert stacked.keys() == state.keys()
        for name, tensor in state.items():
            torch.testing.assert_close(stacked[name][replicate], tensor, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            together.eval()(x.expand(3, -1, -1))[replicate], alone.eval()(x), rtol=1e-9, atol=1e-9
        )
        together.train()


LAYERS: dict[type[nn.Module], tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    nn.Linear: (lambda: nn.Linear(5, 4), (6, 2, 5)),
    nn.Conv1d: (lambda: nn.Conv1d(4, 6, 3, dilation=2, groups=2), (6, 4, 9)),
    nn.Conv2d: (lambda: nn.Conv2d(4, 6, 3, bias=False, padding="same"), (6, 4, 5, 5)),
    nn.BatchNorm1d: (lambda: nn.BatchNorm1d(4, track_running_stats=False), (6, 4, 9)),
    nn.BatchNorm2d: (lambda: nn.BatchNorm2d(4, affine=False), (6, 4, 5, 5)),
    nn.LayerNorm: (lambda: nn.LayerNorm((4, 5), bias=False), (6, 3, 4, 5)),
    nn.PReLU: (lambda: nn.PReLU(4), (6, 4, 5, 5)),
    nn.Dropout: (lambda: nn.Dropout(0.4), (6, 4)),
    nn.Dropout2d: (lambda: nn.Dropout2d(0.4), (6, 4, 5, 5)),
    nn.Flatten: (lambda: nn.Flatten(1, -2), (6, 4, 5, 5)),
    nn.Threshold: (lambda: nn.Threshold(0.1, -1.0), (6, 4)),
    nn.ZeroPad2d: (lambda: nn.ZeroPad2d(1), (6, 4, 5, 5)),
    nn.Upsample: (lambda: nn.Upsample(scale_factor=2), (6, 4, 5, 5)),
    **{layer: (layer, (6, 4)) for layer in SHAPELESS if layer is not nn.Threshold},
}


def made(layer: type[nn.Module]) -> tuple[Callable[[], nn.Module], tuple[int, ...]]:
    if layer in LAYERS:
        return LAYERS[layer]
    shape = (6, 4, 6) if layer.__name__.endswith("1d") else (6, 4, 6, 6)
    return (lambda: layer(2)), shape  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "layer",
    [layer for layer in STACKED if layer is not nn.Embedding],
    ids=lambda layer: layer.__name__,
)
def test_each_layer_and_its_gradients_are_pytorchs(layer: type[nn.Module]) -> None:
    build, shape = made(layer)
    x = torch.randn(3, *shape, requires_grad=True)
    together = Ensemble(build, SEEDS, mapped=False)
    y = together(x)
    weights = torch.randn(y.shape[1:])
    (y * weights).sum().backward()
    for replicate, seed in enumerate(SEEDS):
        torch.manual_seed(seed)
        alone = build()
        x_alone = x[replicate].detach().requires_grad_()
        y_alone = alone(x_alone)
        (y_alone * weights).sum().backward()
        torch.testing.assert_close(y[replicate], y_alone)
        torch.testing.assert_close(x.grad[replicate], x_alone.grad)
        for stacked, single in zip(together.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(stacked.grad[replicate], single.grad)


def test_an_embedding_looks_up_in_its_replicates_own_table() -> None:
    words = torch.randint(7, (3, 6, 2))
    together = Ensemble(lambda: nn.Embedding(7, 4), SEEDS, mapped=False)
    for replicate, seed in enumerate(SEEDS):
        torch.manual_seed(seed)
        assert torch.equal(together(words)[replicate], nn.Embedding(7, 4)(words[replicate]))


def test_masks_of_a_replicate_depend_on_its_seed_alone() -> None:
    x = torch.ones(1, 64, 4)
    one = Ensemble(lambda: nn.Dropout(0.5), [2], mapped=False)(x)
    three = Ensemble(lambda: nn.Dropout(0.5), [1, 2, 3], mapped=False)(x.expand(3, -1, -1))
    assert torch.equal(three[1], one[0])
    assert not any(torch.equal(a, b) for a, b in pairwise(three))


def test_a_layer_without_a_stacked_form_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="mapped: Bilinear, LSTM"):
        Ensemble(lambda: nn.ModuleList([nn.LSTM(2, 2), nn.Bilinear(2, 2, 2)]), SEEDS, mapped=False)


def test_padding_that_is_not_with_zeros_is_refused() -> None:
    nets = Ensemble(
        lambda: nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), SEEDS, mapped=False
    )
    with pytest.raises(ValueError, match="zeros, not by 'reflect'"):
        nets(torch.randn(3, 2, 1, 5, 5))
