"""The points of a run, as they come and as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradus_client.errors import MissingExtra
from gradus_client.models import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDES = ("step", "mean", "low", "high")
HEAD = ("arm", "series", *SIDES)


class Points:
    """The curves of a run, by arm and series. Fill them with the batches of the run, in order: each
    counts once, and a reset discards what a later attempt of the run measures again.
    """

    def __init__(self) -> None:
        self.last_batch = 0
        self._batches: list[tuple[int, Curve]] = []

    def add(self, number: int, curve: Curve) -> bool:
        """Take a batch. Returns whether it was new."""
        if number <= self.last_batch:
            return False
        self.last_batch = number
        self._batches.append((number, curve))
        return True

    def reset(self, number: int, keep: int) -> bool:
        """Discard what came after batch `keep`. Returns whether this was new."""
        if number <= self.last_batch:
            return False
        self.last_batch = number
        self._batches = [batch for batch in self._batches if batch[0] <= keep]
        return True

    def __len__(self) -> int:
        return sum(len(curve.step) for _number, curve in self._batches)

    def curves(self) -> list[Curve]:
        """Return each curve whole, in the order in which they first came."""
        whole: dict[tuple[str, str], dict[str, list[float | None]]] = {}
        for _number, part in self._batches:
            sides = whole.setdefault((part.arm, part.series), {side: [] for side in SIDES})
            count = len(sides["step"])
            for side in SIDES:
                values: list[float | None] = getattr(part, side)
                if values:  # an interval may be missing, so it may have been before
                    sides[side].extend([None] * (count - len(sides[side])))
                sides[side].extend(values)
        return [Curve(arm=arm, series=series, **sides) for (arm, series), sides in whole.items()]

    # ------------------------------------------------------------ files

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield arm, series, step, mean, low and high of each point; None for what is no number."""
        for curve in self.curves():
            for place, step in enumerate(curve.step):
                yield (
                    curve.arm,
                    curve.series,
                    step,
                    *(_at(side, place) for side in (curve.mean, curve.low, curve.high)),
                )

    def to_csv(self, path: str | Path) -> None:
        """Write a table with a row for each point. What is no number is left empty."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEAD)
            for row in self.rows():
                writer.writerow(["" if value is None else value for value in row])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return NumPy arrays by `arm/series/side`, with NaN for what is no number."""
        try:
            import numpy as np
        except ImportError:
            raise MissingExtra("NumPy", "numpy") from None
        return {
            f"{curve.arm}/{curve.series}/{side}": np.array(
                [np.nan if value is None else value for value in getattr(curve, side)], dtype=float
            )
            for curve in self.curves()
            for side in SIDES
            if getattr(curve, side)
        }

    def to_npz(self, path: str | Path, about: dict[str, Any] | None = None) -> None:
        """Write the arrays for `numpy.load`; `about` as JSON under `about`."""
        arrays = self.arrays()
        import numpy as np

        with Path(path).open("wb") as file:  # else NumPy adds an ending of its own
            more = {"about": np.array(json.dumps(about or {}, ensure_ascii=False, default=str))}
            np.savez_compressed(file, allow_pickle=False, **more, **arrays)

    def to_parquet(self, path: str | Path, about: dict[str, Any] | None = None) -> None:
        """Write the rows as Parquet, with `about` as JSON in the metadata of the file."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtra("pyarrow", "parquet") from None
        columns: list[list[Any]] = [list(column) for column in zip(*self.rows(), strict=True)]
        kinds = [pa.string(), pa.string(), *[pa.float64()] * len(SIDES)]
        table = pa.table(
            {
                name: pa.array(columns[place] if columns else [], type=kind)
                for place, (name, kind) in enumerate(zip(HEAD, kinds, strict=True))
            },
            metadata={"gradus": json.dumps(about or {}, ensure_ascii=False, default=str)},
        )
        pq.write_table(table, Path(path))


def _at(values: list[float | None], place: int) -> float | None:
    return values[place] if place < len(values) else None


def finite(values: Iterable[float | None]) -> list[float]:
    """Return the values that are numbers."""
    return [value for value in values if value is not None]
