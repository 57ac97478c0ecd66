"""Layers that compute all replicates at once: what `Ensemble` puts in place of PyTorch's own.

A layer takes (replicates, batch, ...), and its parameters have the replicates as their first
dimension. Each is what PyTorch's layer does to each replicate alone, with the same attributes and
the same names of parameters; a loop over seeds gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

# they work element by element, or on the dimensions from the end
SHAPELESS = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU,
    nn.Mish, nn.Softplus, nn.Softsign, nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Hardtanh,
    nn.Hardsigmoid, nn.Hardswish, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Threshold,
)  # fmt: skip
POOLING = (
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.Upsample, nn.ZeroPad2d,
)  # fmt: skip


class Linear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, batch, ..., in) to (replicates, batch, ..., out)."""
        weight = self.weight.transpose(1, 2)  # (replicates, in, out)
        rows = x.reshape(len(x), -1, x.shape[-1])
        if self.bias is None:
            y = torch.bmm(rows, weight)
        else:
            y = torch.baddbmm(self.bias.unsqueeze(1), rows, weight)
        return y.view(*x.shape[:-1], y.shape[-1])


class _Convolution(nn.modules.conv._ConvNd):
    """A convolution with the channels of all replicates side by side, in groups."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, batch, in, ...) to (replicates, batch, out, ...)."""
        if self.padding_mode != "zeros":
            raise ValueError(f"an ensemble pads with zeros, not by {self.padding_mode!r}")
        convolve = functional.conv1d if self.weight.dim() == 4 else functional.conv2d
        y = convolve(
            _side_by_side(x),
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            self.stride,
            self.padding,
            self.dilation,
            self.groups * len(x),
        )
        return _apart(y, len(x))


class Conv1d(_Convolution, nn.Conv1d):
    pass


class Conv2d(_Convolution, nn.Conv2d):
    pass


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization with statistics of each replicate's own."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (replicates, batch, channels, ...), in `train` mode by the batch."""
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)  # (replicates,), all of them equal
            if momentum is None:
                momentum = 1 / float(self.num_batches_tracked.flatten()[0])
        means, variances = self.running_mean, self.running_var
        y = functional.batch_norm(
            _side_by_side(x),
            None if means is None else means.view(-1),
            None if variances is None else variances.view(-1),
            None if self.weight is None else self.weight.flatten(),
            None if self.bias is None else self.bias.flatten(),
            self.training or means is None,
            momentum or 0.0,
            self.eps,
        )
        return _apart(y, len(x))


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    pass


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    pass


class LayerNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        """Normalize (replicates, batch, ..., *normalized_shape)."""
        y = functional.layer_norm(x, self.normalized_shape, eps=self.eps)
        if self.weight is not None:
            y = y * _beside(self.weight, y)
        return y if self.bias is None else y + _beside(self.bias, y)


class Embedding(nn.Embedding):
    def forward(self, x: Tensor) -> Tensor:
        """Map indices (replicates, ...) to vectors (replicates, ..., embedding_dim)."""
        replicate = torch.arange(len(x), device=x.device).view(-1, *[1] * (x.dim() - 1))
        return self.weight[replicate, x]


class PReLU(nn.PReLU):
    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, batch, channels, ...)."""
        slope = self.weight.view(len(x), 1, -1, *[1] * (x.dim() - 3))
        return torch.where(x >= 0, x, slope * x)


class _OwnMasks(nn.Module):
    """Dropout of which each replicate's masks come from a generator of its own."""

    generators: Sequence[torch.Generator] = ()
    p: float

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * 0
        mask = torch.empty(self._mask_shape(x), dtype=x.dtype)
        for row, generator in zip(mask, self.generators, strict=True):
            row.bernoulli_(1 - self.p, generator=generator)
        return x * mask.div_(1 - self.p).to(x.device, non_blocking=True)

    def _mask_shape(self, x: Tensor) -> torch.Size:
        return x.shape


class Dropout(_OwnMasks, nn.Dropout):
    pass


class Dropout2d(_OwnMasks, nn.Dropout2d):
    """Drops whole channels of (replicates, batch, channels, height, width)."""

    def _mask_shape(self, x: Tensor) -> torch.Size:
        return torch.Size([*x.shape[:3], *[1] * (x.dim() - 3)])


class Flatten(nn.Flatten):
    def forward(self, x: Tensor) -> Tensor:
        """Flatten the same dimensions of (replicates, batch, ...) as of (batch, ...)."""
        start, end = (dim + 1 if dim >= 0 else dim for dim in (self.start_dim, self.end_dim))
        return x.flatten(start, end)


class _Pooling(nn.Module):
    """What treats each example alone, of whichever replicate."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, batch, channels, ...)."""
        y = cast(Tensor, super().forward(x.flatten(0, 1)))
        return cast(Tensor, y.unflatten(0, x.shape[:2]))


STACKED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: Linear,
    nn.Conv1d: Conv1d,
    nn.Conv2d: Conv2d,
    nn.BatchNorm1d: BatchNorm1d,
    nn.BatchNorm2d: BatchNorm2d,
    nn.LayerNorm: LayerNorm,
    nn.Embedding: Embedding,
    nn.PReLU: PReLU,
    nn.Dropout: Dropout,
    nn.Dropout2d: Dropout2d,
    nn.Flatten: Flatten,
    **{layer: layer for layer in SHAPELESS},
    **{layer: type(layer.__name__, (_Pooling, layer), {}) for layer in POOLING},
}


def unknown_layers(model: nn.Module) -> list[str]:
    """Return the names of the layers of a model that have no stacked form."""
    return sorted({type(layer).__name__ for layer in _layers(model) if type(layer) not in STACKED})


def stack_layers(model: nn.Module, generators: Sequence[torch.Generator]) -> None:
    """Put the stacked form in the place of each layer of a model whose parameters are stacked.

    Args:
        generators: one for each replicate, of the masks of its dropout.
    """
    for layer in _layers(model):
        layer.__class__ = STACKED[type(layer)]
        if isinstance(layer, _OwnMasks):
            layer.generators = generators


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of a model: the modules of PyTorch without others in them."""
    for module in model.modules():
        if type(module).__module__.startswith("torch.nn.") and not any(module.children()):
            yield module


def _side_by_side(x: Tensor) -> Tensor:
    """Return (batch, replicates * channels, ...) of (replicates, batch, channels, ...)."""
    return x.transpose(0, 1).flatten(1, 2)


def _apart(y: Tensor, replicates: int) -> Tensor:
    """Return (replicates, batch, channels, ...) of (batch, replicates * channels, ...)."""
    return cast(Tensor, y.unflatten(1, (replicates, -1))).transpose(0, 1)


def _beside(parameter: Tensor, y: Tensor) -> Tensor:
    """Return a parameter (replicates, *shape) such that it can be multiplied with
    (replicates, ..., *shape).
    """
    missing = y.dim() - parameter.dim()
    return parameter.view(len(parameter), *[1] * missing, *parameter.shape[1:])
