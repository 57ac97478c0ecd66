"""One model per seed, trained as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble(nn.Module):
    """One model per seed, trained as one: parameters are stacked, the forward pass is mapped over
    them.

    Summing the members' losses gives each its own gradient, so the loop around it is plain PyTorch,
    and optimizers that work element by element need no change. What couples elements (clipping by
    norm, LAMB) must reduce over all dimensions but the first: see `clip_gradients`.

    Building one seeds PyTorch's global generator with the last seed, and dropout reads that
    generator: one mask for each replicate, drawn together. So an arm that is built when its turn
    comes, and trained to its end, shows the same numbers whatever ran before it; two arms with
    dropout that take turns would disturb each other, and such a lab must set the generator
    (`torch.random.fork_rng`) around each arm's steps. The masks depend on how many replicates there
    are.

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
        # each tensor gains the first dimension (replicates, ...)
        parameters, buffers = stack_module_state(members)
        # holds the stacked tensors from here on: it moves, saves and changes mode like any module
        self.model = members[0]
        for name, tensor in (*self.model.named_parameters(), *self.model.named_buffers()):
            tensor.data = {**parameters, **buffers}[name].data

    def forward(self, *inputs: Tensor) -> Any:
        """Map the model over inputs (replicates, batch, ...); every tensor it returns gains the
        same first dimension.
        """

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self.model, (parameters, buffers), inputs)

        parameters: dict[str, Tensor] = dict(self.model.named_parameters())
        buffers: dict[str, Tensor] = dict(self.model.named_buffers())
        return vmap(one, randomness="different")(parameters, buffers, *inputs)
