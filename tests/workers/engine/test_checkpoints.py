"""A loop that is restored computes what it would have computed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workers.engine import Checkpoint, Ensemble, batches, cross_entropy, shuffle_generators

SEEDS = (5, 6)


def build() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)
    )


@dataclass
class Loop:
    """A loop with all that is random: orders, masks, noise from each library, a schedule."""

    mapped: bool
    nets: Ensemble = field(init=False)

    def __post_init__(self) -> None:
        self.nets = Ensemble(build, SEEDS, mapped=self.mapped)
        self.optimizer = torch.optim.Adam(self.nets.parameters(), 0.01)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 40)
        self.orders = shuffle_generators(SEEDS)
        self.checkpoint = Checkpoint(
            nets=self.nets, optimizer=self.optimizer, schedule=self.schedule, orders=self.orders
        )
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(64, 4, generator=generator)
        self.y = torch.randint(3, (64,), generator=generator)

    def losses(self, epochs: int) -> list[Tensor]:
        losses = []
        for _ in range(epochs):
            for bx, by in batches(self.x, self.y, self.orders, size=32):
                noise = random.random() + np.random.normal() + torch.randn(1)
                self.optimizer.zero_grad()
                loss = cross_entropy(self.nets(bx + 0.01 * noise), by)
                loss.sum().backward()
                self.optimizer.step()
                losses.append(loss.detach())
            self.schedule.step()
        return losses


@pytest.mark.parametrize("mapped", [True, False])
def test_a_loop_goes_on_as_if_it_had_not_been_interrupted(mapped: bool, tmp_path: Path) -> None:
    loop = Loop(mapped)
    loop.losses(5)
    loop.checkpoint.save(tmp_path / "loop.pt")
    went_on = loop.losses(5)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    other = Loop(mapped)  # as in another process
    other.losses(1)
    other.checkpoint.load(tmp_path / "loop.pt")
    for one, other_one in zip(went_on, other.losses(5), strict=True):
        assert torch.equal(one, other_one)


def test_a_state_does_not_change_with_its_loop() -> None:
    loop = Loop(mapped=False)
    loop.losses(2)
    state = loop.checkpoint.state()
    first = loop.losses(3)
    loop.checkpoint.restore(state)
    again = loop.losses(3)
    loop.checkpoint.restore(state)
    assert all(map(torch.equal, first, again))
    assert all(map(torch.equal, first, loop.losses(3)))


def test_a_state_of_other_parts_is_refused_by_their_names() -> None:
    loop = Loop(mapped=False)
    state = Checkpoint(nets=loop.nets, average=loop.optimizer).state()
    with pytest.raises(KeyError, match=r"average.*optimizer.*orders.*schedule"):
        loop.checkpoint.restore(state)


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, path = Loop(mapped=False), tmp_path / "loop.pt"
    loop.checkpoint.save(path)
    before = path.read_bytes()
    real: Callable[..., None] = torch.save

    def full_disk(state: object, file: Path) -> None:
        real(state, file)
        file.write_bytes(file.read_bytes()[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        loop.checkpoint.save(path)
    assert path.read_bytes() == before
