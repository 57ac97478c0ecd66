"""Facts from TOML or JSON as typed structs. What does not fit is named by its path, with what would
be right in the words of those who write it: a type says so in `Meta(description=…)`.
"""

from __future__ import annotations

import datetime
import reprlib
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, ValidationError

from apps.common.numbers import MAX_MAGNITUDE
from apps.common.text import clean
from apps.common.topics import TOPICS

Path = tuple[str | int, ...]
Converted = TypeVar("Converted")
MAX_NESTING = 20  # of tables and lists
WORDS = {
    str: "a text, in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime.date: "a date: 2026-11-21",
}


class BadFact(ValueError):
    """A fact is wrong. `path` leads to it: ("numeric", 0, "wrong", 1, "value")."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path, self.message = path, message


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table with known keys. `__post_init__` may raise BadFact, with a path from this table."""


class Bilingual(Record, frozen=True):
    en: Annotated[str, Meta(min_length=1)]
    zh: Annotated[str, Meta(min_length=1)]


Topic = Annotated[
    str, Meta(pattern=rf"^(?:{'|'.join(TOPICS)})\Z", description=f"one of: {', '.join(TOPICS)}")
]
BothLanguages = Annotated[Bilingual, Meta(description="both languages: { en = “…”, zh = “…” }")]


def convert(value: Any, hint: type[Converted]) -> Converted:
    """Return a value from TOML or JSON as the struct `hint`.

    Raises:
        BadFact: it does not fit, or PostgreSQL could not store it.
    """
    check_storable(value)
    try:
        return msgspec.convert(value, hint)
    except ValidationError:
        raise _fault(value, hint, ()) from None


def check_storable(value: Any, path: Path = ()) -> None:
    """Check that JSON in PostgreSQL can store a value and everything in it."""
    if len(path) > MAX_NESTING:
        raise BadFact(path[:1], f"tables and lists are nested at most {MAX_NESTING} deep")
    if isinstance(value, Mapping):
        for name, member in value.items():
            check_storable(name, path)
            check_storable(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            check_storable(member, (*path, number))
    elif isinstance(value, str):
        if clean(value) != value:
            raise BadFact(path, "a text cannot hold the character NUL or a lone surrogate")
    elif isinstance(value, int | float) and not -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE:  # or NaN
        raise BadFact(path, f"a number is at most {MAX_MAGNITUDE:g}")


# ---------------------------------------------------------------- what is wrong


def _fault(value: Any, hint: Any, path: Path) -> BadFact:
    """Return what is wrong with a value that does not fit `hint`, at the innermost place that its
    types have words for.
    """
    keys = _keys(value, hint)
    if unknown := [key for key in value if key not in keys] if keys else []:
        message = f"unknown key {reprlib.repr(unknown[0])}. Known: {', '.join(sorted(keys))}"
        return BadFact((*path, unknown[0]), message)
    misfits = (member for member in _members(value, hint) if not _fits(member[1], member[2]))
    if misfit := next(misfits, None):
        key, member, of_member = misfit
        if _description(of_member) or not _description(hint):
            return _fault(member, of_member, (*path, key))
    elif keys:
        for key, field in keys.items():
            if field.required and key not in value:
                right = _description(hint) or _words(field.type, (*path, key))
                return BadFact(path, f"{key} is missing: write {right}")
        try:
            msgspec.convert(value, hint)
        except ValidationError as error:  # of __post_init__
            if isinstance(error.__cause__, BadFact):
                return BadFact((*path, *error.__cause__.path), error.__cause__.message)
    return BadFact(path, f"{_name(path)} is {reprlib.repr(value)}; write {_words(hint, path)}")


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except ValidationError:
        return False
    return True


def _keys(value: Any, hint: Any) -> dict[str, Any]:
    """Return the fields of a struct, by key, where a value is a table that is to become one."""
    structs = [arm for arm in _arms(hint) if isinstance(arm, type) and issubclass(arm, Struct)]
    if not structs or not isinstance(value, Mapping):
        return {}
    return {field.encode_name: field for field in msgspec.structs.fields(structs[0])}


def _members(value: Any, hint: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Yield what a table or a list has, with keys and types."""
    for key, field in _keys(value, hint).items():
        if key in value:
            yield key, value[key], field.type
    for arm in _arms(hint):
        origin, of_members = get_origin(arm), get_args(arm)
        if origin is dict and isinstance(value, Mapping):
            for key, member in value.items():
                yield key, key, of_members[0]  # names may have a form
                yield key, member, of_members[1]
        elif origin in (list, tuple) and isinstance(value, list):
            every = of_members * len(value) if origin is list else of_members
            yield from zip(range(len(value)), value, every, strict=False)


def _arms(hint: Any) -> list[Any]:
    """Return the alternatives of a type, without None and what is annotated."""
    if get_origin(hint) is Annotated:
        return _arms(hint.__origin__)
    if get_origin(hint) in (Union, UnionType):
        return [arm for member in get_args(hint) for arm in _arms(member)]
    return [] if hint is NoneType else [hint]


def _description(hint: Any) -> str:
    """Return what a type says of itself, or of its only alternative to None."""
    if get_origin(hint) is Annotated:
        return next((str(meta.description) for meta in hint.__metadata__ if meta.description), "")
    if get_origin(hint) in (Union, UnionType):
        return next(filter(None, map(_description, get_args(hint))), "")
    return f"one of: {', '.join(get_args(hint))}" if get_origin(hint) is Literal else ""


def _words(hint: Any, path: Path) -> str:
    """Return what is right at a path; of alternatives the first, unless they have a description."""
    if description := _description(hint):
        return description
    table = ".".join(key for key in path if isinstance(key, str))
    arm = _arms(hint)[0]
    if get_origin(arm) is not list:
        return WORDS.get(arm, f"a table: [{table}]")
    (of_entry,) = get_args(arm)
    if _keys({}, of_entry):
        return f"[[{table}]], once for each"
    return f"a list; each entry is {_words(of_entry, path)}"


def _name(path: Path) -> str:
    match path:
        case (*_, str(key), int(number)):
            return f"entry {number + 1} of {key}"
        case (*_, key):
            return str(key)
    return "this"
