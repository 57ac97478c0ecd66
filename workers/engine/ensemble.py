"""Many replicates of a model, trained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from workers.engine.stacked_layers import stack_layers, unknown_layers


class Ensemble(nn.Module):
    """One model per seed, trained together: parameters are stacked (replicates, ...).

    The forward pass is mapped over them, whatever the model does; or, which takes about two thirds
    of the time, the model is called once, with layers that compute all replicates
    (`stacked_layers`): `mapped=False`. Then what the model itself does must be right for
    (replicates, batch, ...) as well as for (batch, ...): it counts dimensions from the end.

    Summing the members' losses gives each its own gradient, so the loop around an ensemble is plain
    PyTorch, and element-wise optimizers work unchanged. What couples elements (clipping by norm,
    LAMB) must reduce over all dimensions but the first: see `clip_gradients`.

    Dropout of an ensemble that is not mapped draws the masks of each replicate from a generator of
    its own, which begins where building the replicate ended: the masks of a plain loop over seeds,
    on the CPU. Where it is mapped, dropout reads PyTorch's global generator, which building leaves
    seeded with the last seed: one mask for each replicate, all drawn together, which depend on how
    many there are. So an arm that is built when its turn comes, and trained to its end, gives the
    same numbers whatever ran before it; two arms that are trained alternately would disturb each
    other.

    Args:
        build: makes one model, of which parameters and buffers may depend on the seed.
        seeds: one for each replicate.

    Raises:
        ValueError: no seeds; or the model is not mapped, and has a layer without a stacked form.
    """

    def __init__(
        self, build: Callable[[], nn.Module], seeds: Sequence[int], *, mapped: bool = True
    ) -> None:
        super().__init__()
        if not seeds:
            raise ValueError("an ensemble needs at least one seed")
        members, generators = [], []
        for seed in seeds:
            torch.manual_seed(seed)
            members.append(build())
            generators.append(torch.Generator())
            generators[-1].set_state(torch.get_rng_state())
        if not mapped and (unknown := unknown_layers(members[0])):
            message = "without a stacked form, so that the ensemble has to be mapped: {}"
            raise ValueError(message.format(", ".join(unknown)))
        parameters, buffers = stack_module_state(members)  # each (replicates, ...)
        # The first member takes the stacked tensors, and moves, saves and changes mode as usual.
        self.model = members[0]
        for name, tensor in (*self.model.named_parameters(), *self.model.named_buffers()):
            tensor.data = {**parameters, **buffers}[name].data
        self.mapped = mapped
        self.generators = generators  # of the masks of each replicate, if it is not mapped
        if not mapped:
            stack_layers(self.model, generators)

    def forward(self, *inputs: Tensor) -> Any:
        """Return what the model makes of inputs (replicates, batch, ...): every tensor with the
        same first dimension.
        """
        if not self.mapped:
            return self.model(*inputs)

        def member(state: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self.model, state, inputs)

        state = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        return vmap(member, randomness="different")(state, *inputs)
