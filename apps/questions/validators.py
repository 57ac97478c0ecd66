"""The small words of which `facts.py` makes its rules: each sees to one thing, and says what is
wrong with the path of the key.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from apps.questions import expressions

Facts = Mapping[str, Any]
Path = tuple[str | int, ...]
MAX_NUMBER = 1e300  # of a number


class BadFact(Exception):
    """A fact is wrong. `path` leads to it: ("variant", "wrong", 1, "value")."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(what)
        self.path, self.what = path, what


def storable(value: Any, path: Path = ()) -> None:
    """See that PostgreSQL's JSON takes a value and all that is in it; dates are made into text
    where a review is signed.
    """
    if isinstance(value, Mapping):
        for name, each in value.items():
            storable(str(name), (*path, str(name)))
            storable(each, (*path, str(name)))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            storable(each, (*path, number))
    elif isinstance(value, str):
        if "\x00" in value:
            raise BadFact(path, "a text cannot hold the character NUL")
    elif isinstance(value, int | float):
        if not is_number(value + 0):
            raise BadFact(path, f"a number is at most {MAX_NUMBER:g}")
    elif not (
        value is None
        or (path[:1] == ("review",) and isinstance(value, datetime.date | datetime.time))
    ):
        raise BadFact(path, f"{value} is neither a text nor a number: write it in quotes")


def table(value: Any, path: Path) -> Facts:
    """Return a table."""
    if not isinstance(value, Mapping):
        raise BadFact(path, f"{path[-1]} is a table: [{'.'.join(map(str, path))}]")
    return value


def known(table: Any, names: Collection[str], where: str, path: Path) -> None:
    if not isinstance(table, Mapping):
        raise BadFact(path, f"{where or 'the file'} is a table")
    for key in table:
        if key not in names:
            raise BadFact((*path, key), f"unknown key {key!r}. Known: {', '.join(sorted(names))}")


def tables(facts: Facts, key: str) -> list[Any]:
    found = facts.get(key, [])
    if not isinstance(found, list):
        raise BadFact((key,), f"write [[{key}]], once for each")
    return found


def texts(facts: Facts, key: str) -> list[str]:
    found = facts.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BadFact((key,), f"{key} is a list of texts")
    return found


def one_of(value: Any, allowed: Collection[str], path: Path) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise BadFact(path, f"{value!r} is not one of: {', '.join(allowed)}")


def both(value: Any, path: Path) -> None:
    if (
        not isinstance(value, Mapping)
        or set(value) != {"en", "zh"}
        or not all(isinstance(v, str) and v for v in value.values())
    ):
        raise BadFact(path, "write it in both languages: { en = “…”, zh = “…” }")


def symbol(name: str, path: Path) -> None:
    if not expressions.is_free_name(name):
        raise BadFact(
            path,
            (
                f"{name!r} cannot be a symbol: letters, digits and _, and no word of the "
                "expression language"
            ),
        )


def expression(text: Any, names: Collection[str], path: Path) -> expressions.Expression:
    if not isinstance(text, str):
        raise BadFact(path, "an expression is a text, in quotes")
    try:
        return expressions.read(text, names)
    except expressions.BadExpression as error:
        raise BadFact(
            path, f"“{text[:60]}” is no expression of {', '.join(names) or 'numbers'}: {error}"
        ) from None


def agree(first: bool, second: bool, path: Path, a: str, b: str) -> None:
    if first != second:
        raise BadFact(path, f"there is {a if first else b}, but no {b if first else a}")


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and -MAX_NUMBER <= value <= MAX_NUMBER  # and no NaN
