"""Points: from a worker's event to a packed batch, and from batches to the series of a chart."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from apps.common.errors import BadRequest
from apps.common.text import spreadsheet_cell
from apps.experiments import recording
from apps.experiments.models import Batch
from workers import wire

MAX_PAIRS = 2_000  # min-max pairs that a series is thinned to when it is read
MAX_KEPT_PAIRS = 50  # and when its run is old


def packed(event: wire.Event) -> dict[str, bytes]:
    """Return an event's arrays as little-endian float64, NaN where the worker sent null.

    Raises:
        BadRequest: lengths differ, there are no points, or there are too many.
    """
    count = len(event.step)
    if not 1 <= count <= wire.MAX_POINTS:
        raise BadRequest(
            f"An event has 1 to {wire.MAX_POINTS} points; "
            f"{event.arm!r}, {event.series!r} has {count}."
        )
    for name, values, optional in (
        ("mean", event.mean, False),
        ("low", event.low, True),
        ("high", event.high, True),
    ):
        if len(values) != count and not (optional and not values):
            raise BadRequest(
                f"{event.arm!r}, {event.series!r}: {count} "
                f"steps but {len(values)} values of `{name}`."
            )
    return {name: _pack(getattr(event, name)) for name in ("step", "mean", "low", "high")}


def _pack(values: Sequence[float | None]) -> bytes:
    return array("d", (math.nan if value is None else value for value in values)).tobytes()


def unpacked(data: bytes | memoryview) -> list[float | None]:
    """Return the numbers of a packed array; None where one is not finite (JSON has no NaN)."""
    values = array("d")
    values.frombytes(bytes(data))
    return [value if math.isfinite(value) else None for value in values]


def message(batch: Batch) -> dict[str, Any]:
    """Return a batch as the stream sends it."""
    if batch.kind == Batch.Kind.RESET:
        return dict(batch.reset)
    arrays = {name: unpacked(getattr(batch, name)) for name in ("step", "mean", "low", "high")}
    return {"arm": batch.arm, "series": batch.series, **arrays}


def without_discarded(batches: Iterable[Batch]) -> list[Batch]:
    """Return the batches of points that count, in order: a reset discards those after the batch
    that it keeps.
    """
    result: list[Batch] = []
    for batch in batches:
        if batch.kind == Batch.Kind.RESET:
            result = [b for b in result if b.seq <= batch.reset["keep"]]
        else:
            result.append(batch)
    return result


def joined(batches: Iterable[Batch]) -> list[dict[str, Any]]:
    """Return the points of each arm and series, in the order in which they first came, thinned to
    what a screen can show.
    """
    return [thin(curve, MAX_PAIRS) for curve in whole(batches).values()]


def thinned(batches: Sequence[Batch]) -> list[Batch]:
    """Return what is kept of an old run: one batch for each arm and series, with its ends, and the
    points with the smallest and the largest mean of each of MAX_KEPT_PAIRS stretches. It has the
    number of the first batch that it replaces, so that the order stays.
    """
    first: dict[tuple[str, str], Batch] = {}
    for batch in without_discarded(batches):
        first.setdefault((batch.arm, batch.series), batch)
    curves = {key: thin(curve, MAX_KEPT_PAIRS) for key, curve in whole(batches).items()}
    return [
        Batch(
            run_id=batch.run_id,
            seq=batch.seq,
            arm=batch.arm,
            series=batch.series,
            **{name: _pack(curves[key][name]) for name in ("step", "mean", "low", "high")},
        )
        for key, batch in first.items()
    ]


def compared(first: Iterable[Batch], second: Iterable[Batch]) -> dict[tuple[str, str], bool]:
    """Return for each arm and series whether all its points are the same in two runs, to six
    digits (`recording.is_same`).
    """
    ours, theirs = whole(first), whole(second)
    return {
        key: key in ours and key in theirs and _has_same_points(ours[key], theirs[key])
        for key in ours | theirs
    }


def _has_same_points(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(
        len(first[name]) == len(second[name])
        and all(map(recording.is_same, first[name], second[name]))
        for name in ("step", "mean", "low", "high")
    )


def whole(batches: Iterable[Batch]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return all points by arm and series."""
    curves: dict[tuple[str, str], dict[str, Any]] = {}
    for batch in without_discarded(batches):
        part = message(batch)
        curve = curves.setdefault(
            (batch.arm, batch.series), {**part, "step": [], "mean": [], "low": [], "high": []}
        )
        count = len(curve["step"])
        for name in ("step", "mean", "low", "high"):
            if part[name]:  # an interval may be missing, so it may have been before
                curve[name].extend([None] * (count - len(curve[name])))
            curve[name].extend(part[name])
    return curves


def thin(curve: dict[str, Any], pairs: int) -> dict[str, Any]:
    """Keep the points with the smallest and the largest mean of each stretch: peaks stay. So do
    both ends, and the last finite point, which tells what the curve came to.
    """
    count = len(curve["step"])
    if count <= 2 * pairs:
        return curve
    last = next((i for i in reversed(range(count)) if curve["mean"][i] is not None), 0)
    keep: set[int] = {0, last, count - 1}
    for begin in range(pairs):
        stretch = range(begin * count // pairs, (begin + 1) * count // pairs)
        finite = [i for i in stretch if curve["mean"][i] is not None]
        if finite:
            keep |= {
                min(finite, key=curve["mean"].__getitem__),
                max(finite, key=curve["mean"].__getitem__),
            }
        else:
            keep.add(stretch[0])
    rows = sorted(keep)
    return {
        **curve,
        **{
            name: [curve[name][i] for i in rows if i < len(curve[name])]
            for name in ("step", "mean", "low", "high")
        },
    }


def csv_rows(curves: Iterable[dict[str, Any]]) -> Iterator[list[Any]]:
    """Yield the rows of a table of points, the head first; no cell is a formula."""
    yield ["arm", "series", "step", "mean", "low", "high"]
    for curve in curves:
        arm, name = spreadsheet_cell(curve["arm"]), spreadsheet_cell(curve["series"])
        for n, step in enumerate(curve["step"]):
            sides = [
                curve[side][n] if n < len(curve[side]) else None for side in ("mean", "low", "high")
            ]
            yield [arm, name, step, *("" if value is None else value for value in sides)]
