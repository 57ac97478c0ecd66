"""Variants of a numeric part, sampled by seed: the same seed gives the same numbers, on every
machine and every version of Python.

    [variant.sample]  a name = { choices = [...] }, { from = 2, to = 5 } (whole numbers, both
                      included), or a constant
    [variant.answer]  value = "…", and further names that later expressions may use;
                      reject = "…" samples again where it is true
    [[variant.wrong]] value = "…", message = { en, zh }: the answer that a common mistake leads to

Where expressions do not suffice, `variant.py` generates the variants as a table with a row for each
seed (variants.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from apps.common.numbers import MAX_EXACT_WHOLE
from apps.questions.expressions import BadExpression, Number, read

# variants of a question: enough that nobody memorizes the numbers, few enough to cache their HTML
SEEDS = 64
MAX_SAMPLES = 500  # rejected ones, before sampling is given up
ROUNDING_TOLERANCE = 1e-9  # relative and absolute, of an answer that names no tolerance
RESERVED_NAMES = ("value", "reject")

Facts = Mapping[str, Any]  # [variant] of question.toml


class NoSample(Exception):
    """Every sample was rejected."""


@dataclass(frozen=True)
class WrongAnswer:
    """The answer that a common mistake leads to."""

    value: float
    message: Mapping[str, str]  # {"en", "zh"}


@dataclass(frozen=True)
class Variant:
    """A variant: its numbers, the answer, and the wrong answers with their explanations."""

    seed: int
    values: Mapping[str, Number]
    answer: float
    relative: float
    absolute: float
    wrong: tuple[WrongAnswer, ...]

    def is_right(self, value: float) -> bool:
        return self.is_near(value, self.answer)

    def is_near(self, value: float, other: float) -> bool:
        return abs(value - other) <= max(self.relative * abs(other), self.absolute)


def sample(facts: Facts, seed: int) -> Variant:
    """Return the variant that belongs to `seed` (counted modulo SEEDS).

    Raises:
        NoSample: every sample was rejected.
        BadExpression, NoValue: an expression cannot be read, or has no value. Loading tries every
            seed.
    """
    seed %= SEEDS
    if rows := facts.get("rows"):
        return _from_row(facts, rows[seed % len(rows)], seed)
    answer = facts["answer"]
    for turn in range(MAX_SAMPLES):
        values: dict[str, Number] = {
            name: _sample_value(values, f"{seed}/{turn}/{name}")
            for name, values in facts.get("sample", {}).items()
        }
        _compute(answer, values)
        if not ("reject" in answer and read(answer["reject"], values).at(**values)):
            return _from_values(facts, values, seed)
    raise NoSample(f"{MAX_SAMPLES} samples were rejected")


def _compute(answer: Mapping[str, str], values: dict[str, Number]) -> None:
    """Add the values that are computed from sampled ones, in the order of their dependencies: JSON
    keeps no order of names.

    Raises:
        BadExpression: the dependencies are circular.
    """
    pending = {
        name: read(text, {*values, *answer}) for name, text in answer.items() if name != "reject"
    }
    while pending:
        ready = [
            name for name, expression in pending.items() if not expression.names & pending.keys()
        ]
        if not ready:
            raise BadExpression("name", next(iter(pending)))
        for name in ready:
            values[name] = pending.pop(name).at(**values)


def _from_values(facts: Facts, values: dict[str, Number], seed: int) -> Variant:
    wrong = [
        WrongAnswer(float(read(answer["value"], values).at(**values)), answer["message"])
        for answer in facts.get("wrong", [])
    ]
    named = {name: value for name, value in values.items() if name != "value"}
    return _with_tolerance(facts, seed, named, float(values["value"]), wrong)


def _from_row(facts: Facts, row: Mapping[str, Any], seed: int) -> Variant:
    wrong = [
        WrongAnswer(float(value), answer["message"])
        for value, answer in zip(row["wrong"], facts.get("wrong", []), strict=True)
    ]
    return _with_tolerance(facts, seed, row["values"], float(row["answer"]), wrong)


def _with_tolerance(
    facts: Facts,
    seed: int,
    values: Mapping[str, Number],
    answer: float,
    wrong: Sequence[WrongAnswer],
) -> Variant:
    """Return a variant without those wrong answers that its tolerance counts as right."""
    tolerance = facts.get("tolerance") or {
        "relative": ROUNDING_TOLERANCE,
        "absolute": ROUNDING_TOLERANCE,
    }
    relative = float(tolerance.get("relative", 0.0))
    absolute = float(tolerance.get("absolute", 0.0))
    variant = Variant(seed, values, answer, relative, absolute, wrong=())
    return replace(variant, wrong=tuple(w for w in wrong if not variant.is_right(w.value)))


def _sample_value(values: Any, key: str) -> Number:
    if not isinstance(values, Mapping):
        return values  # type: ignore[no-any-return]  # a constant, which schema.py has checked
    if "choices" in values:
        choices: Sequence[Number] = values["choices"]
        return choices[stable_index(key, len(choices))]
    first, last = int(values["from"]), int(values["to"])
    return first + stable_index(key, last - first + 1)


def stable_index(key: str, count: int) -> int:
    """Return a pseudorandom number from 0 to `count` - 1 that depends on `key` alone. The sequences
    of `random` may change with Python.
    """
    return int.from_bytes(sha256(key.encode()).digest()[:8]) % count


def shuffled(keys: Sequence[str], seed: int) -> list[str]:
    """Return `keys` in an order that depends on `seed` alone."""
    return sorted(keys, key=lambda key: sha256(f"{seed % SEEDS}/{key}".encode()).digest())


def format_value(value: Number) -> str:
    """Return a sampled number as the text shows it."""
    if float(value).is_integer() and abs(value) < MAX_EXACT_WHOLE:
        return str(int(value))
    return repr(float(value))


def format_values(values: Mapping[str, Number]) -> str:
    return ", ".join(f"{name} = {format_value(value)}" for name, value in values.items())
