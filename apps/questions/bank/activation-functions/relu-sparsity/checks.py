"""What is sparse, what is not, and what a sparse network can still memorise."""

import pytest
import torch
from torch import nn


def test_about_half_of_the_outputs_of_a_new_relu_network_are_zero_and_none_of_others() -> None:
    torch.manual_seed(0)
    x = torch.randn(500, 64)
    for activation, share in ((torch.relu, 0.5), (torch.tanh, 0.0), (torch.sigmoid, 0.0)):
        h, shares = x, []
        for _ in range(4):
            layer = nn.Linear(64, 64)
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
            h = activation(layer(h))
            shares.append((h == 0).float().mean().item())
        assert sum(shares) / 4 == pytest.approx(share, abs=0.05 if share else 0)


def test_the_share_follows_the_bias() -> None:
    torch.manual_seed(0)
    z = torch.randn(1_000_000)
    shares = [(torch.relu(z + bias) == 0).float().mean().item() for bias in (-1, 0, 1)]
    assert shares == [
        pytest.approx(0.84, abs=0.003),
        pytest.approx(0.5, abs=0.003),
        pytest.approx(0.16, abs=0.003),
    ]


def test_an_inactive_unit_gets_no_gradient_and_nearly_all_are_used_by_some_example() -> None:
    torch.manual_seed(0)
    x, layer = torch.randn(200, 64), nn.Linear(64, 300)
    active = layer(x) > 0
    layer.zero_grad()
    torch.relu(layer(x[:1])).sum().backward()
    assert torch.equal((layer.weight.grad != 0).any(1), active[0])
    assert 0.4 < active[0].float().mean() < 0.6 and active.any(0).float().mean() > 0.99


def test_the_number_of_weights_is_the_same() -> None:
    def weights(activation: type[nn.Module]) -> int:
        return sum(
            p.numel()
            for p in nn.Sequential(nn.Linear(64, 32), activation(), nn.Linear(32, 10)).parameters()
        )

    assert weights(nn.ReLU) == weights(nn.Tanh)


def test_a_sparse_network_memorises_random_labels() -> None:
    torch.manual_seed(0)
    x, labels = torch.randn(200, 32), torch.randint(10, (200,))
    hidden = nn.Sequential(nn.Linear(32, 256), nn.ReLU())
    net = nn.Sequential(hidden, nn.Linear(256, 10))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()
    assert (net(x).argmax(1) == labels).all()
    assert 0.4 < (hidden(x) == 0).float().mean() < 0.8


def test_the_zeros_of_an_example_are_always_the_same_and_those_of_dropout_are_not() -> None:
    torch.manual_seed(0)
    layer, drop, x = nn.Linear(8, 50), nn.Dropout(0.5), torch.randn(1, 8)
    assert torch.equal(torch.relu(layer(x)) == 0, torch.relu(layer(x)) == 0)
    assert not torch.equal(drop(torch.ones(50)) == 0, drop(torch.ones(50)) == 0)
