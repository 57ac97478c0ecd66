"""What the loops of labs share: seeds, batches in each replicate's own order, losses, clipping,
gradients by layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from workers.engine.ensemble import Ensemble


def seeds(seed: int, replicates: int) -> list[int]:
    """Return a seed for each replicate, derived from the seed of the run.

    With more replicates the first seeds stay the same.

    Raises:
        ValueError: a negative seed, or no replicates.
    """
    if seed < 0 or replicates < 1:
        message = "a run needs a seed of at least 0 and at least 1 replicate, not {} and {}"
        raise ValueError(message.format(seed, replicates))
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(replicates)]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss of each replicate (replicates,), in nats.

    Args:
        logits: (replicates, batch, classes).
        labels: (replicates, batch).
    """
    losses = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view(labels.shape).mean(dim=1)


def shuffle_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return a generator per replicate: its order of examples then depends on its seed alone."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def batches(
    x: Tensor, y: Tensor, generators: Sequence[torch.Generator], size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of one epoch, each in every replicate's own order: x (replicates, size,
    ...) and y (replicates, size).

    An incomplete last batch is left out.

    Args:
        x: the inputs of all examples (examples, ...), shared by the replicates.
        y: their labels (examples,).
        generators: one for each replicate; they go on with the next epoch.
    """
    permutations = [torch.randperm(len(x), generator=generator) for generator in generators]
    orders = torch.stack(permutations).to(x.device)  # (replicates, examples)
    for start in range(0, len(x) - size + 1, size):
        rows = orders[:, start : start + size]
        yield x[rows], y[rows]


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale each replicate's gradients down to `max_norm` if their norm is larger.

    Returns the norms before scaling (replicates,). PyTorch's own `clip_grad_norm_` would take one
    norm over all replicates, and so couple them.
    """
    # each is (replicates, ...)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    factors = (max_norm / (norms + 1e-6)).clamp(max=1)
    for g in gradients:
        g.mul_(factors.view(-1, *[1] * (g.dim() - 1)))
    return norms


@torch.no_grad()
def gradient_norms(nets: nn.Module) -> dict[str, Tensor]:
    """Return the norm of each replicate's gradient by the name of the parameter (replicates,);
    parameters without a gradient are left out.
    """
    return {
        name: parameter.grad.flatten(1).norm(dim=1)
        for name, parameter in nets.named_parameters()
        if parameter.grad is not None
    }


@contextmanager
def outputs_of(nets: Ensemble, *kinds: type[nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Yield a dictionary that each forward pass within the block fills with the outputs of layers,
    by name, in order; after the backward pass each has its gradient (`.grad`).

        with outputs_of(nets, nn.Tanh) as outputs:
            cross_entropy(nets(x), y).sum().backward()
        norms = {name: output.grad.flatten(1).norm(dim=1) for name, output in outputs.items()}

    A layer that works in place gives the output of the one before it, changed.

    Args:
        nets: not mapped; each output is (replicates, batch, ...).
        kinds: the layers.
    Raises:
        ValueError: the ensemble is mapped, so that no tensor of all replicates can be kept.
    """
    if nets.mapped:
        raise ValueError("outputs of layers need an ensemble that is not mapped")
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        if output.requires_grad:
            output.retain_grad()
        outputs[name] = output

    with ExitStack() as hooks:
        for name, layer in nets.model.named_modules():
            if isinstance(layer, kinds):
                hook = layer.register_forward_hook(
                    lambda _layer, _inputs, output, name=name: keep(name, output)
                )
                hooks.callback(hook.remove)
        yield outputs
