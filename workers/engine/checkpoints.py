"""The state of a training loop, with everything that is random in it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from workers.engine.ensemble import Ensemble


class HasState(Protocol):
    """A module, an optimizer, a schedule."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


Part = HasState | torch.Generator | Sequence[torch.Generator]


class Checkpoint:
    """What a loop goes on from: its parts, and the global generators of Python, NumPy and PyTorch.

    A loop that is restored to a state, in this process or another one, computes the numbers that it
    would have computed: bit by bit, on the same machine.

        checkpoint = Checkpoint(nets=nets, optimizer=optimizer, orders=generators)
        checkpoint.save(path)

    Args:
        parts: modules, optimizers, schedules and generators, each under a name.
    """

    def __init__(self, **parts: Part) -> None:
        self.parts = parts

    def state(self) -> dict[str, Any]:
        """Return a copy of the state, of tensors and plain values."""
        copied: dict[str, Any] = _copy({name: _state(part) for name, part in self.parts.items()})
        return copied | {"global generators": _global_states()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state.

        Raises:
            KeyError: it is of other parts.
        """
        if names := self.parts.keys() ^ (state.keys() - {"global generators"}):
            raise KeyError(f"in the checkpoint or in the loop, not in both: {sorted(names)}")
        for name, part in self.parts.items():
            _restore(part, _copy(state[name]))
        _restore_global(state["global generators"])

    def save(self, path: Path) -> None:
        """Write the state to a file, whole or not at all."""
        unfinished = path.with_name(f"{path.name}.unfinished")
        torch.save(self.state(), unfinished)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Go back to the state in a file of `save`.

        Raises:
            KeyError: it is of other parts.
        """
        self.restore(torch.load(path, weights_only=True))


def _state(part: Part) -> Any:
    match part:
        case torch.Generator():
            return part.get_state()
        case Ensemble():
            return {"state": part.state_dict(), "masks": _state(part.generators)}
        case Sequence():
            return [generator.get_state() for generator in part]
    return part.state_dict()


def _restore(part: Part, state: Any) -> None:
    match part:
        case torch.Generator():
            part.set_state(state)
        case Ensemble():
            part.load_state_dict(state["state"])
            _restore(part.generators, state["masks"])
        case Sequence():
            for generator, its_state in zip(part, state, strict=True):
                generator.set_state(its_state)
        case _:
            part.load_state_dict(state)


def _global_states() -> dict[str, Any]:
    version, words, gauss = random.getstate()
    numpy: Any = np.random.get_state(legacy=False)
    words_of_numpy = torch.tensor(numpy["state"]["key"].astype(np.int64))
    return {
        "python": [version, list(words), gauss],
        "numpy": numpy | {"state": numpy["state"] | {"key": words_of_numpy}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_global(states: Mapping[str, Any]) -> None:
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numpy: Any = states["numpy"]
    key = numpy["state"]["key"].numpy().astype(np.uint32)
    np.random.set_state(numpy | {"state": numpy["state"] | {"key": key}})
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])


def _copy(state: Any) -> Any:
    """Return a state whose tensors do not change with the loop."""
    match state:
        case torch.Tensor():
            return state.clone()
        case dict():
            return {key: _copy(value) for key, value in state.items()}
        case list() | tuple():
            return [_copy(value) for value in state]
    return state
