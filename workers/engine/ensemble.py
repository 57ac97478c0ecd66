"""Many replicates of a model, trained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble(nn.Module):
    """One model per seed, trained together: parameters are stacked (replicates, ...), and the
    forward pass is mapped over them.

    Summing the members' losses gives each its own gradient, so the loop around an ensemble is plain
    PyTorch, and element-wise optimizers work unchanged. What couples elements (clipping by norm,
    LAMB) must reduce over all dimensions but the first: see `clip_gradients`.

    Building an ensemble leaves PyTorch's global generator seeded with the last seed, and dropout
    reads that generator: one mask for each replicate, all drawn together. So an arm that is built
    when its turn comes, and trained to its end, gives the same numbers whatever ran before it. Two
    arms with dropout that are trained alternately would disturb each other: such a lab must set the
    generator around each arm's steps (`torch.random.fork_rng`). The masks depend on the number of
    replicates.

    Args:
        build: makes one model, of which parameters and buffers may depend on the seed.
        seeds: one for each replicate.

    Raises:
        ValueError: no seeds.
    """

    def __init__(self, build: Callable[[], nn.Module], seeds: Sequence[int]) -> None:
        super().__init__()
        if not seeds:
            raise ValueError("an ensemble needs at least one seed")
        members = []
        for seed in seeds:
            torch.manual_seed(seed)
            members.append(build())
        parameters, buffers = stack_module_state(members)  # each (replicates, ...)
        # The first member takes the stacked tensors, and moves, saves and changes mode as usual.
        self.model = members[0]
        for name, tensor in (*self.model.named_parameters(), *self.model.named_buffers()):
            tensor.data = {**parameters, **buffers}[name].data

    def forward(self, *inputs: Tensor) -> Any:
        """Map the model over inputs (replicates, batch, ...).

        Every tensor that the model returns gains the same first dimension.
        """

        def member(state: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self.model, state, inputs)

        state = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        return vmap(member, randomness="different")(state, *inputs)
