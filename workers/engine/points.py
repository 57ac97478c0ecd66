"""What a lab yields, and what the rules of its claims read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """The values of one arm at one step: each is a vector over replicates (replicates,)."""

    arm: str
    step: float
    values: Mapping[str, Tensor]


@dataclass(frozen=True)
class Curve:
    """The values of one arm at many steps, yielded together: each is (steps, replicates)."""

    arm: str
    steps: Sequence[float]
    values: Mapping[str, Tensor]


class Points:
    """All points of a run: the argument of the rules."""

    def __init__(self, points: Iterable[Point | Curve] = ()) -> None:
        self._rows: dict[tuple[str, str], list[Numbers]] = defaultdict(list)
        self._steps: dict[tuple[str, str], list[float]] = defaultdict(list)
        for point in points:
            self.add(point)

    def add(self, point: Point | Curve) -> None:
        """Append what a lab has just yielded."""
        steps = point.steps if isinstance(point, Curve) else [point.step]
        for name, value in point.values.items():
            rows = as_numbers(value)
            self._rows[point.arm, name].extend(rows if isinstance(point, Curve) else [rows])
            self._steps[point.arm, name].extend(float(step) for step in steps)

    def __contains__(self, name: tuple[str, str]) -> bool:
        """Return whether an arm has a series: `(arm, series) in points`."""
        return name in self._rows

    def series(self, arm: str, name: str) -> Numbers:
        """Return all values of a series (steps, replicates).

        Raises:
            KeyError: the run has no such arm or series.
        """
        return np.stack(self._get(self._rows, arm, name))

    def steps(self, arm: str, name: str) -> Numbers:
        """Return the steps of a series (steps,)."""
        return np.asarray(self._get(self._steps, arm, name))

    def first(self, arm: str, name: str) -> Numbers:
        """Return the values before training (replicates,)."""
        values: Numbers = self.series(arm, name)[0]
        return values

    def last(self, arm: str, name: str) -> Numbers:
        """Return the final values (replicates,)."""
        values: Numbers = self.series(arm, name)[-1]
        return values

    def _get(self, table: dict[tuple[str, str], list[Any]], arm: str, name: str) -> list[Any]:
        if (arm, name) not in table:
            raise KeyError(f"the run has no series {name!r} of the arm {arm!r}")
        return table[arm, name]


def as_numbers(values: Any) -> Numbers:
    """Return a tensor on any device, or whatever NumPy reads, as float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    return np.asarray(values, dtype=np.float64)
