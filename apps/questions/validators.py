"""Checks from which `schema.py` is built: each checks one thing, and raises BadFact with the path
of the key.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from apps.common.numbers import MAX_MAGNITUDE
from apps.questions import expressions

Facts = Mapping[str, Any]
Path = tuple[str | int, ...]


class BadFact(Exception):
    """A fact is wrong. `path` leads to it: ("numeric", 0, "wrong", 1, "value")."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path, self.message = path, message


def check_storable(value: Any, path: Path = ()) -> None:
    """Check that JSON in PostgreSQL can store a value and everything in it. Dates become text where
    a review is signed.
    """
    if isinstance(value, Mapping):
        for name, member in value.items():
            check_storable(str(name), (*path, str(name)))
            check_storable(member, (*path, str(name)))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            check_storable(member, (*path, number))
    elif isinstance(value, str):
        if "\x00" in value:
            raise BadFact(path, "a text cannot hold the character NUL")
    elif isinstance(value, int | float):
        if not is_number(value + 0):
            raise BadFact(path, f"a number is at most {MAX_MAGNITUDE:g}")
    elif not (
        value is None
        or (path[:1] == ("review",) and isinstance(value, datetime.date | datetime.time))
    ):
        raise BadFact(path, f"{value} is neither a text nor a number: write it in quotes")


def check_table(value: Any, path: Path) -> None:
    if not isinstance(value, Mapping):
        raise BadFact(path, f"{path[-1]} is a table: [{'.'.join(map(str, path))}]")


def check_keys(table: Any, names: Collection[str], where: str, path: Path) -> None:
    """Check that a value is a table with no other keys than `names`."""
    if not isinstance(table, Mapping):
        raise BadFact(path, f"{where or 'the file'} is a table")
    for key in table:
        if key not in names:
            raise BadFact((*path, key), f"unknown key {key!r}. Known: {', '.join(sorted(names))}")


def list_of_tables(facts: Facts, key: str) -> list[Any]:
    tables = facts.get(key, [])
    if not isinstance(tables, list):
        raise BadFact((key,), f"write [[{key}]], once for each")
    return tables


def list_of_texts(facts: Facts, key: str, path: Path = ()) -> list[str]:
    texts = facts.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadFact((*path, key), f"{key} is a list of texts")
    return texts


def check_one_of(value: Any, allowed: Collection[str], path: Path) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise BadFact(path, f"{value!r} is not one of: {', '.join(allowed)}")


def check_bilingual(value: Any, path: Path) -> None:
    if (
        not isinstance(value, Mapping)
        or set(value) != {"en", "zh"}
        or not all(isinstance(text, str) and text for text in value.values())
    ):
        raise BadFact(path, "write it in both languages: { en = “…”, zh = “…” }")


def check_symbol(name: str, path: Path) -> None:
    if not expressions.is_free_name(name):
        message = (
            f"{name!r} cannot be a symbol: letters, digits and _, and no word of the expression "
            "language"
        )
        raise BadFact(path, message)


def parse_expression(text: Any, names: Collection[str], path: Path) -> expressions.Expression:
    if not isinstance(text, str):
        raise BadFact(path, "an expression is a text, in quotes")
    try:
        return expressions.read(text, names)
    except expressions.BadExpression as error:
        allowed = ", ".join(names) or "numbers"
        message = f"“{text[:60]}” is no expression of {allowed}: {error}"
        raise BadFact(path, message) from None


def check_both_or_neither(
    has_first: bool, has_second: bool, path: Path, first: str, second: str
) -> None:
    if has_first and not has_second:
        raise BadFact(path, f"there is {first}, but no {second}")
    if has_second and not has_first:
        raise BadFact(path, f"there is {second}, but no {first}")


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number of a size that can be worked with; NaN is not."""
    return type(value) in (int, float) and -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE
