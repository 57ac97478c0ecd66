"""Replicates at once are the same as one after the other."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import nn

from workers.engine import (
    Ensemble,
    batches,
    clip_gradients,
    cross_entropy,
    gradient_norms,
    outputs_of,
    seeds,
    shuffle_generators,
)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 3))


def noisy() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


def alone(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return small()


def test_training_replicates_at_once_equals_a_loop_over_seeds(double: None) -> None:
    x, y = torch.randn(96, 4), torch.randint(3, (96,))
    nets = Ensemble(small, range(3))
    optimizer, shuffle = torch.optim.Adam(nets.parameters(), 0.01), shuffle_generators(range(3))
    for _ in range(5):
        for bx, by in batches(x, y, shuffle, size=32):
            optimizer.zero_grad()
            cross_entropy(nets(bx), by).sum().backward()
            optimizer.step()
    for seed in range(3):
        net, generators = alone(seed), shuffle_generators([seed])
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(5):
            for bx, by in batches(x, y, generators, size=32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(bx[0]), by[0]).backward()
                optimizer.step()
        for together, single in zip(nets.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(together[seed], single, rtol=1e-11, atol=1e-12)


def test_an_ensemble_is_a_module_like_any_other() -> None:
    nets, x = Ensemble(noisy, range(3)), torch.randn(3, 16, 4)
    nets(x)  # moves the running statistics
    again = Ensemble(noisy, range(5, 8)).to(torch.float64)
    again.load_state_dict(nets.state_dict())
    once, twice = nets.eval()(x), nets(x)
    torch.testing.assert_close(once, twice, rtol=0, atol=0)
    torch.testing.assert_close(again.eval()(x.double()).float(), once)


def test_what_is_tied_or_frozen_in_a_model_is_so_in_each_replicate() -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 5, bias=False))
        model[2].weight = model[0].weight
        model[1].requires_grad_(False)
        return model

    nets, words = Ensemble(build, range(3)), torch.randint(5, (3, 7))
    assert [p.requires_grad for p in nets.parameters()] == [True, False, False]
    torch.manual_seed(1)
    torch.testing.assert_close(nets(words)[1], build()(words[1]))


def test_each_replicate_has_a_dropout_mask_of_its_own_and_the_seeds_decide_it() -> None:
    x = torch.ones(1, 64, 4).expand(2, -1, -1)
    first = Ensemble(partial(nn.Dropout, 0.5), [1, 2])(x)
    torch.randn(100)  # whatever ran before
    assert not torch.equal(first[0], first[1])
    assert torch.equal(Ensemble(partial(nn.Dropout, 0.5), [1, 2])(x), first)


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        Ensemble(small, [])


def test_clipping_touches_only_the_replicates_whose_gradients_are_too_long(double: None) -> None:
    nets, x = Ensemble(small, range(3)), torch.randn(3, 16, 4)
    scale = torch.tensor([0.001, 1.0, 50.0])
    (nets(x).square().mean((1, 2)) * scale).sum().backward()
    before = [p.grad.clone() for p in nets.parameters()]
    norms = clip_gradients(nets.parameters(), 0.1)
    for i, seed in enumerate(range(3)):
        net = alone(seed)
        (net(x[i]).square().mean() * scale[i]).backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        assert norms[i].item() == pytest.approx(norm.item(), rel=1e-10)
        for clipped, single in zip(nets.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(clipped.grad[i], single.grad, rtol=1e-8, atol=1e-12)
    assert all(torch.equal(p.grad[0], g[0]) for p, g in zip(nets.parameters(), before, strict=True))


def test_every_replicate_sees_every_example_once_in_an_order_of_its_own() -> None:
    x = torch.arange(10.0)
    (bx, by), *more = batches(x, x, shuffle_generators([1, 2]), size=10)
    assert not more
    assert torch.equal(bx, by)
    assert all(sorted(row.tolist()) == x.tolist() for row in bx)
    assert not torch.equal(bx[0], bx[1])


def test_the_order_of_a_replicate_depends_on_its_seed_alone() -> None:
    x = torch.arange(10.0)
    among_others = next(batches(x, x, shuffle_generators([5, 7, 9]), size=10))[0][1]
    assert torch.equal(among_others, next(batches(x, x, shuffle_generators([7]), size=10))[0][0])


def test_more_replicates_keep_the_first_seeds_and_other_runs_have_others() -> None:
    assert seeds(3, 64)[:16] == seeds(3, 16)
    assert len(set(seeds(3, 64))) == 64
    assert not set(seeds(3, 16)) & set(seeds(4, 16))


@pytest.mark.parametrize(("seed", "replicates"), [(-1, 16), (0, 0)])
def test_impossible_seeds_are_refused(seed: int, replicates: int) -> None:
    with pytest.raises(ValueError, match="at least 1 replicate"):
        seeds(seed, replicates)


def test_gradients_by_layer_are_those_of_each_replicate_alone(double: None) -> None:
    x, y = torch.randn(3, 16, 4), torch.randint(3, (3, 16))
    nets = Ensemble(small, range(3), mapped=False)
    with outputs_of(nets, nn.Tanh) as outputs:
        cross_entropy(nets(x), y).sum().backward()
    norms = gradient_norms(nets)
    nets(x)  # after the block nothing is kept
    assert list(outputs) == ["1"]
    for seed in range(3):
        net = alone(seed)
        hidden = net[:2](x[seed])
        hidden.retain_grad()
        nn.functional.cross_entropy(net[2](hidden), y[seed]).backward()
        torch.testing.assert_close(outputs["1"].grad[seed], hidden.grad)
        for name, parameter in net.named_parameters():
            assert norms[f"model.{name}"][seed].item() == pytest.approx(
                parameter.grad.norm().item()
            )


def test_outputs_of_a_mapped_ensemble_are_refused() -> None:
    with pytest.raises(ValueError, match="not mapped"), outputs_of(Ensemble(small, [1]), nn.Tanh):
        pass
