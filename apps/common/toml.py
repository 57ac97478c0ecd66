"""TOML that people write: parsed, and with the lines on which its keys stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from apps.common.structs import BadFact, Converted, Path, convert

_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_NAMES = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
HEADER = re.compile(rf"\s*(\[\[?)\s*({_NAMES})\s*\]")
KEY = re.compile(rf"\s*({_NAMES})\s*=")


class BadToml(Exception):
    """A text is not TOML, or does not say what it should; `line` is where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def parse(source: str) -> dict[str, Any]:
    """Return what a file says.

    Raises:
        BadToml: it is not TOML.
    """
    try:
        return tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # also numbers of too many digits
        lines = re.findall(r"line (\d+)", str(error)) or [1]
        if "end of document" in str(error):
            lines = [source.count("\n") + 1]
        raise BadToml(int(lines[0]), f"is not TOML: {error}") from None


def read(source: str, hint: type[Converted]) -> Converted:
    """Return what a file says, as a struct.

    Raises:
        BadToml: it is not TOML, or does not fit.
    """
    try:
        return convert(parse(source), hint)
    except BadFact as error:
        raise BadToml(line_of(source, error.path), error.message) from None


def line_of(source: str, path: Path) -> int:
    """Return the line of a TOML file on which the key at `path` stands (of an array of tables the
    first of them), or else the line of the table around it.
    """
    line, longest = 1, 0
    for number, place in _places(source):
        if place == (*path, 0):
            return number
        if longest < len(place) <= len(path) and path[: len(place)] == place:
            line, longest = number, len(place)
    return line


def _places(source: str) -> Iterator[tuple[int, Path]]:
    """Yield the lines on which tables and keys begin, each with its path."""
    table: Path = ()
    indexes: dict[Path, int] = {}  # of the latest table of each array
    for number, line in enumerate(source.splitlines(), start=1):
        if header := HEADER.match(line):
            names, table = _names(header[2]), ()
            for position, name in enumerate(names, start=1):
                table += (name,)
                if header[1] == "[[" and position == len(names):
                    indexes[table] = indexes.get(table, -1) + 1
                if table in indexes:
                    table += (indexes[table],)
            yield number, table
        elif key := KEY.match(line):
            yield number, (*table, *_names(key[1]))


def _names(dotted: str) -> list[str]:
    return [name.strip("\"'") for name in re.findall(_NAME, dotted)]
