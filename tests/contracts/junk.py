"""Values that no page of ours sends, and addresses with them, for tests of whatever reads input."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

DEEP = "[" * 500 + "]" * 500
JUNK = [
    "a\x00b",
    "\ud800",
    "٣",
    "NaN",
    "Infinity",
    "-1",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "9999",
    "0001-01-01",
    "(",
    "x" * 3000,
    DEEP,
    '{"a": "\\ud800", "b\\u0000": NaN}',
    "'\"<script>%(x)s{{y}}",
]


class Rotation:
    """Junk values in turn, so that a test takes a bounded time and repeats itself."""

    def __init__(self, start: int, values: Sequence[str] = JUNK) -> None:
        self.next, self.values = start, values

    def some(self, count: int) -> list[str]:
        values = [self.values[(self.next + k) % len(self.values)] for k in range(count)]
        self.next += count + 1
        return values


def percent(text: str) -> str:
    """Return text as a browser or a hostile script puts it into an address."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def query(**values: str) -> str:
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in values.items())
