"""A question as it is marked: its parts with sampled numbers, right options and checks, without a
word of text. Pure: from the columns of a revision and a seed.

Parts are numbered as they stand, from 1; a derivation's steps are answered one by one. So what can
be answered has the name `2` (the second part) or `3.1` (the first step of the third), and besides
`written` (an answer in one's own words, or code) and `points` (the key points that it covered).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from msgspec.structs import asdict

from apps.questions.expressions import Number
from apps.questions.sampling import SEEDS, Sample, SampledAnswer, sample, shuffled
from apps.questions.schema import Facts, Numeric, StepCheck

NUMERIC, CHOICE, ORDER, DERIVATION = "numeric", "choice", "order", "derivation"
PART_KINDS = (NUMERIC, CHOICE, ORDER, DERIVATION)
WRITTEN, POINTS = "written", "points"


@dataclass(frozen=True)
class WrongAnswer:
    """The answer that a common mistake leads to."""

    value: float
    message: Mapping[str, str]  # {"en", "zh"}


@dataclass(frozen=True)
class NumericPart:
    """A number to compute."""

    name: str
    hints: int
    answer: float
    relative: float  # tolerances
    absolute: float
    unit: Mapping[str, str]  # {"en", "zh"}, or empty
    wrong: tuple[WrongAnswer, ...]  # without those that the tolerance counts as right

    def is_right(self, value: float) -> bool:
        return self.is_near(value, self.answer)

    def is_near(self, value: float, other: float) -> bool:
        return abs(value - other) <= self.tolerance_at(other)

    def tolerance_at(self, value: float) -> float:
        return max(self.relative * abs(value), self.absolute)


@dataclass(frozen=True)
class ChoicePart:
    """Options, of which one or several are right."""

    name: str
    hints: int
    options: tuple[str, ...]  # their keys, in the order of the seed
    right: tuple[str, ...]
    takes_several: bool


@dataclass(frozen=True)
class OrderPart:
    """Options to put in order."""

    name: str
    hints: int
    options: tuple[str, ...]  # their keys, in the order of the seed
    right: tuple[str, ...]  # all of them, in the right order


@dataclass(frozen=True)
class Step:
    """A step of a derivation."""

    name: str
    check: StepCheck | None  # None: the learner marks this step


@dataclass(frozen=True)
class DerivationPart:
    """Steps, each of which opens the next."""

    name: str
    hints: int
    steps: tuple[Step, ...]


Part = NumericPart | ChoicePart | OrderPart | DerivationPart
MarkedPart = NumericPart | ChoicePart | OrderPart | Step


@dataclass(frozen=True)
class QuestionVariant:
    """What marking and rating know of a question."""

    seed: int
    values: Mapping[str, Number]  # sampled ones, which its texts show
    parts: tuple[Part, ...]  # as they stand
    hints: int  # of the whole question
    points: int  # key points
    starter: str  # code that the field of the written answer begins with

    @cached_property
    def marked(self) -> Mapping[str, MarkedPart]:
        """What can be marked right or wrong, by name: parts, and the steps of derivations."""
        return {part.name: part for part in _marked(self.parts)}

    @cached_property
    def derivations(self) -> tuple[DerivationPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, DerivationPart))

    def has(self, name: str) -> bool:
        """Return whether something of this name can be answered."""
        return name == WRITTEN or (name == POINTS and self.points > 0) or name in self.marked

    def hints_of(self, part: str) -> int:
        """Return how many hints a part has of its own; with "" the whole question."""
        if not part:
            return self.hints
        return next((owner.hints for owner in self.parts if owner.name == part), 0)


def _marked(parts: Sequence[Part]) -> Iterator[MarkedPart]:
    for part in parts:
        if isinstance(part, DerivationPart):
            yield from part.steps
        else:
            yield part


def part_of(name: str) -> str:
    """Return the part that something answered belongs to: `3` of the step `3.1`."""
    return name.partition(".")[0]


def build_variant(
    facts: Facts, outline: Mapping[str, Any], starter: str, seed: int
) -> QuestionVariant:
    """Return the variant of a question that belongs to `seed`, modulo SEEDS.

    Args:
        outline: what the texts say of its parts (`validators.outline`).
    """
    seed %= SEEDS
    sampled = sample(facts, seed)
    taken = dict.fromkeys(PART_KINDS, 0)
    parts: list[Part] = []
    for number, of_part in enumerate(outline["parts"], start=1):
        kind = of_part["kind"]
        parts.append(_part(str(number), of_part, facts, sampled, taken[kind], seed))
        taken[kind] += 1
    return QuestionVariant(
        seed=seed,
        values=sampled.values,
        parts=tuple(parts),
        hints=outline["hints"],
        points=outline["points"],
        starter=starter,
    )


def _part(
    name: str,
    of_part: Mapping[str, Any],
    facts: Facts,
    sampled: Sample,
    position: int,
    seed: int,
) -> Part:
    """Return a part from its texts' outline and the facts of its kind at `position`."""
    kind, hints = of_part["kind"], of_part["hints"]
    if kind == DERIVATION:
        return DerivationPart(name, hints, _steps(name, of_part["steps"], facts, position))
    if kind == NUMERIC:
        return numeric_part(name, hints, facts.numeric[position], sampled.answers[position])
    options = tuple(shuffled(of_part["options"], seed))
    if kind == ORDER:
        return OrderPart(name, hints, options, tuple(facts.order[position].right))
    choice = facts.choice[position]
    return ChoicePart(name, hints, options, tuple(choice.right), choice.form == "several")


def _steps(name: str, count: int, facts: Facts, position: int) -> tuple[Step, ...]:
    steps = facts.derivation[position].step if facts.derivation else []
    checks = [step.check for step in steps] or [None] * count
    return tuple(Step(f"{name}.{number}", check) for number, check in enumerate(checks, start=1))


def numeric_part(name: str, hints: int, facts: Numeric, sampled: SampledAnswer) -> NumericPart:
    """Return a numeric part without those wrong answers that its tolerance counts as right."""
    unit = asdict(facts.unit) if facts.unit else {}
    part = NumericPart(name, hints, sampled.right, **asdict(facts.tolerance), unit=unit, wrong=())
    wrong = tuple(
        WrongAnswer(value, asdict(mistake.message))
        for value, mistake in zip(sampled.wrong, facts.wrong, strict=True)
        if not part.is_right(value)
    )
    return replace(part, wrong=wrong)
