"""The numbers of a variant, sampled by seed: the same seed gives the same numbers, on every machine
and every version of Python.

    [variant.sample]   a name = { choices = [...] }, { from = 2, to = 5 } (whole numbers, both
                       included), or a constant
    [variant.compute]  a name = "…": an expression of the other names
    [variant]          reject = "…": sample again where it is true
    [[numeric]]        answer = "…" of each numeric part, and in [[numeric.wrong]] value = "…": what
                       a common mistake leads to; expressions of all these names

Where expressions do not suffice, `variant.py` generates the variants as a table with a row for each
seed (variants.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from apps.common.numbers import MAX_EXACT_WHOLE
from apps.questions.expressions import BadExpression, Number, read
from apps.questions.schema import Choices, Facts, Numeric, Row

# variants of a question: enough that nobody memorizes the numbers, few enough to cache their HTML
SEEDS = 64
MAX_SAMPLES = 500  # rejected ones, before sampling is given up


class NoSample(Exception):
    """Every sample was rejected."""


@dataclass(frozen=True)
class SampledAnswer:
    """The right answer to a numeric part, and what each of its common mistakes leads to."""

    right: float
    wrong: tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """The numbers of one variant."""

    values: Mapping[str, Number]  # sampled and computed, which texts may show
    answers: tuple[SampledAnswer, ...]  # one for each numeric part


def sample(facts: Facts, seed: int) -> Sample:
    """Return the numbers that belong to `seed` (counted modulo SEEDS).

    Raises:
        NoSample: every sample was rejected.
        BadExpression, NoValue: an expression cannot be read, or has no value. Loading tries every
            seed.
    """
    seed, variant = seed % SEEDS, facts.variant
    if variant.rows:
        return _from_row(variant.rows[seed % len(variant.rows)])
    for turn in range(MAX_SAMPLES):
        values: dict[str, Number] = {
            name: _sample_value(choices, f"{seed}/{turn}/{name}")
            for name, choices in variant.sample.items()
        }
        _compute(variant.compute, values)
        if not (variant.reject and read(variant.reject, values).at(**values)):
            return Sample(values, tuple(_answer(part, values) for part in facts.numeric))
    raise NoSample(f"{MAX_SAMPLES} samples were rejected")


def _compute(expressions: Mapping[str, str], values: dict[str, Number]) -> None:
    """Add the values that are computed from sampled ones, in the order of their dependencies: JSON
    keeps no order of names.

    Raises:
        BadExpression: the dependencies are circular.
    """
    pending = {name: read(text, {*values, *expressions}) for name, text in expressions.items()}
    while pending:
        ready = [
            name for name, expression in pending.items() if not expression.names & pending.keys()
        ]
        if not ready:
            raise BadExpression("name", next(iter(pending)))
        for name in ready:
            values[name] = pending.pop(name).at(**values)


def _answer(part: Numeric, values: Mapping[str, Number]) -> SampledAnswer:
    def value(formula: str | None) -> float:
        assert formula is not None  # validators.py asks for it where there are no rows
        return float(read(formula, values).at(**values))

    return SampledAnswer(value(part.answer), tuple(value(mistake.value) for mistake in part.wrong))


def _from_row(row: Row) -> Sample:
    answers = [
        SampledAnswer(float(right), tuple(map(float, wrong)))
        for right, wrong in zip(row.answers, row.wrong, strict=True)
    ]
    return Sample(row.values, tuple(answers))


def _sample_value(choices: Number | Choices, key: str) -> Number:
    if not isinstance(choices, Choices):
        return choices  # a constant
    if choices.choices:
        return choices.choices[stable_index(key, len(choices.choices))]
    assert choices.first is not None and choices.last is not None
    return choices.first + stable_index(key, choices.last - choices.first + 1)


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
