"""Recorded runs as files: compressed JSON, with points at six significant digits.

So many digits are the same wherever a run is repeated; what comes after them depends on the
processor and on the order in which its threads add. Verdicts are kept as they were: they were
decided on what was measured, and a page that rounds them would round twice.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from pathlib import Path
from typing import Any

DIGITS = 6
MAX_BYTES = 60_000  # of a file
SUFFIX = ".json.gz"
# Two numbers are the same if their six digits are, or differ by one in the last: they may lie on
# either side of a rounding. What is zero but for rounding errors has no digits to compare.
RELATIVE, ABSOLUTE = 10.0 ** (1 - DIGITS), 1e-12


def read(path: Path) -> Any:
    """Return what a file has.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    data = path.read_bytes()
    try:
        return json.loads(gzip.decompress(data))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"it is not compressed by gzip, or cut off: {error}") from None


def write(path: Path, recording: dict[str, Any]) -> None:
    """Write a recorded run, its points rounded; the same one gives the same bytes.

    Raises:
        ValueError: it is larger than MAX_BYTES; nothing was written.
    """
    short = recording | {"batches": rounded(recording["batches"])}
    text = json.dumps(short, separators=(",", ":"), sort_keys=True, allow_nan=False)
    data = gzip.compress(text.encode(), mtime=0)
    data = data[:9] + b"\xff" + data[10:]  # no operating system: Pythons differ in what they name
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"{path.name} would have {len(data)} bytes, and at most {MAX_BYTES} are kept of a lab: "
            "let it yield fewer points."
        )
    path.write_bytes(data)


def rounded(value: Any) -> Any:
    """Return JSON with all its numbers at six significant digits; integers stay as they are."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def is_same(first: float | None, second: float | None) -> bool:
    """Return whether two numbers, either of which may have been recorded, are the same."""
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
