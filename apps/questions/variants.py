"""Numeric parts drawn by seed: the same seed gives the same numbers, on every machine and every
version of Python.

    [variant.sample]    a name = { choices = [...] }, { from = 2, to = 5 } (whole numbers, both
                      included), or a constant
    [variant.answer]  value = "…", and further names that later expressions may use;
                      reject = "…" draws again where it is true
    [[variant.wrong]] value = "…", message = { en, zh }: what people answer who make a known mistake

Where expressions do not reach, `variant.py` makes the same as a table, one row a seed (`[[rows]]`
in variants.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from apps.questions.expressions import BadExpression, Number, read

# variants of a question: enough that nobody learns the numbers, few enough to keep what was
# rendered
SEEDS = 64
MAX_SAMPLES = 500  # before we say that nothing can be drawn
PLAIN = 1e-9  # relative tolerance of an answer that names none: of rounding, not of judgement
RESERVED = ("value", "reject")

Facts = Mapping[str, Any]  # [variant] of question.toml


class NoSample(Exception):
    """Every draw was rejected."""


@dataclass(frozen=True)
class Wrong:
    """An answer that people give who make a known mistake."""

    value: float
    message: Mapping[str, str]  # {"en", "zh"}


@dataclass(frozen=True)
class Variant:
    """A variant: its numbers, the answer, and the wrong answers with what to say to them."""

    seed: int
    values: Mapping[str, Number]
    answer: float
    relative: float
    absolute: float
    wrong: tuple[Wrong, ...]

    def is_right(self, value: float) -> bool:
        return self.is_near(value, self.answer)

    def is_near(self, value: float, other: float) -> bool:
        return abs(value - other) <= max(self.relative * abs(other), self.absolute)


def sample(facts: Facts, seed: int) -> Variant:
    """Return the variant that belongs to `seed` (counted modulo SEEDS).

    Raises:
        NoDraw: every draw was rejected.
        BadExpression, NoValue: an expression cannot be read, or has no value; loading tries every
            seed.
    """
    seed %= SEEDS
    if rows := facts.get("rows"):
        return _of_row(facts, rows[seed % len(rows)], seed)
    answer = facts["answer"]
    for turn in range(MAX_SAMPLES):
        values: dict[str, Number] = {
            name: _one(how, name, seed, turn) for name, how in facts.get("sample", {}).items()
        }
        _compute(answer, values)
        if not ("reject" in answer and read(answer["reject"], values).at(**values)):
            return _made(facts, values, seed)
    raise NoSample(f"{MAX_SAMPLES} draws were rejected")


def _compute(answer: Mapping[str, str], values: dict[str, Number]) -> None:
    """Add the values that are computed from those drawn, each after those that it needs: JSON keeps
    no order of names.

    Raises:
        BadExpression: they need each other in a circle.
    """
    left = {
        name: read(text, {*values, *answer}) for name, text in answer.items() if name != "reject"
    }
    while left:
        ready = [name for name, expression in left.items() if not expression.names & left.keys()]
        if not ready:
            raise BadExpression("name", next(iter(left)))
        for name in ready:
            values[name] = left.pop(name).at(**values)


def _made(facts: Facts, values: dict[str, Number], seed: int) -> Variant:
    wrong = [
        Wrong(float(read(each["value"], values).at(**values)), each["message"])
        for each in facts.get("wrong", [])
    ]
    shown = {name: value for name, value in values.items() if name != "value"}
    return _with_tolerance(facts, seed, shown, float(values["value"]), wrong)


def _of_row(facts: Facts, row: Mapping[str, Any], seed: int) -> Variant:
    wrong = [
        Wrong(float(value), each["message"])
        for value, each in zip(row["wrong"], facts.get("wrong", []), strict=True)
    ]
    return _with_tolerance(facts, seed, row["values"], float(row["answer"]), wrong)


def _with_tolerance(
    facts: Facts, seed: int, values: Mapping[str, Number], answer: float, wrong: Sequence[Wrong]
) -> Variant:
    tolerance = facts.get("tolerance") or {"relative": PLAIN, "absolute": PLAIN}
    relative, absolute = (
        float(tolerance.get("relative", 0.0)),
        float(tolerance.get("absolute", 0.0)),
    )
    variant = Variant(seed, values, answer, relative, absolute, ())
    return Variant(
        seed,
        values,
        answer,
        relative,
        absolute,
        tuple(one for one in wrong if not variant.is_right(one.value)),
    )


def _one(how: Any, name: str, seed: int, turn: int) -> Number:
    if not isinstance(how, Mapping):
        return how  # type: ignore[no-any-return]  # a constant; loading saw that it is a number
    if "choices" in how:
        choices: Sequence[Number] = how["choices"]
        return choices[stable_index(f"{seed}/{turn}/{name}", len(choices))]
    return int(how["from"]) + stable_index(
        f"{seed}/{turn}/{name}", int(how["to"]) - int(how["from"]) + 1
    )


def stable_index(what: str, sides: int) -> int:
    """Return a number from 0 to `sides` - 1 that belongs to `what`. Our own: `random`'s draws may
    change with Python.
    """
    return int.from_bytes(sha256(what.encode()).digest()[:8]) % sides


def shuffled(keys: Sequence[str], seed: int) -> list[str]:
    """Return `keys` in an order that belongs to `seed`."""
    return sorted(keys, key=lambda key: sha256(f"{seed % SEEDS}/{key}".encode()).digest())


def format_value(value: Number) -> str:
    """Return a drawn number as the text shows it."""
    return (
        str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    )
