"""What the answers of an attempt come to: which parts are done, and the rating that follows. Pure
but for the rows that are handed in. The names of parts are those of `questions.variants`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.common.errors import BadRequest
from apps.progress import rating_rules
from apps.progress.models import Answer, GradedBy
from apps.questions import marking
from apps.questions.answers import StepAnswer, TypedAnswer, as_fields, read_answer
from apps.questions.marking import Mark
from apps.questions.variants import (
    ChoicePart,
    DerivationPart,
    MarkedPart,
    NumericPart,
    OrderPart,
    QuestionVariant,
    Step,
)

GRADED_BY: dict[type[MarkedPart], str] = {
    NumericPart: GradedBy.NUMERIC,
    ChoicePart: GradedBy.CHOICE,
    OrderPart: GradedBy.CHOICE,
    Step: GradedBy.DERIVATION,
}

Answers = Mapping[str, Sequence[Answer]]  # by part, in order


def entered_answer(variant: QuestionVariant, answer: Answer) -> TypedAnswer:
    """Return what was entered, typed as it was read before it was stored."""
    return read_answer(variant, answer.part, answer.entered)


def graded_by(variant: QuestionVariant, name: str, answer: TypedAnswer) -> str:
    """Return who grades an answer: what it was checked by, or the learner."""
    part = variant.marked.get(name)
    if part is None or (isinstance(answer, StepAnswer) and answer.own):
        return GradedBy.SELF
    return GRADED_BY[type(part)]


def rating_of(part_mark: Mark, hints: int) -> int | None:
    """Return the rating of a first answer; none where the learner grades it."""
    if part_mark.outcome == marking.KEPT:
        return None
    return rating_rules.of_check(part_mark.is_right, hints)


def unstored_answers(
    variant: QuestionVariant, answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Answer]]:
    """Return a visitor's answers to what is marked, not stored; without those that cannot be read.

    Args:
        answers: by part, the fields of each.
    """
    rows: dict[str, list[Answer]] = {}
    for name in variant.marked.keys() & answers.keys():
        try:
            answer = read_answer(variant, name, answers[name])
        except BadRequest:
            continue
        outcome = marking.mark(variant, name, answer).outcome
        if outcome != marking.UNREAD:
            rows[name] = [Answer(part=name, entered=as_fields(answer), outcome=outcome)]
    return rows


def is_passed(answers: Answers, part: str) -> bool:
    """Return whether a part is done: answered rightly, graded by the learner, or given up."""
    return any(
        answer.outcome != Answer.Outcome.WRONG or gave_up(answer)
        for answer in answers.get(part, ())
    )


def gave_up(answer: Answer) -> bool:
    return bool(answer.entered.get("own") == "missed")


def open_steps(derivation: DerivationPart, answers: Answers) -> int:
    """Return how many steps of a derivation are shown: those that are done, and the next one."""
    passed = 0
    for step in derivation.steps:
        if not is_passed(answers, step.name):
            break
        passed += 1
    return min(passed + 1, len(derivation.steps))


@dataclass(frozen=True)
class Result:
    """What the answers of an attempt come to."""

    rating: int | None
    graded_by: str  # who graded the part with the lowest rating
    answered: int  # parts with a rating
    of: int  # parts that can have one


def result(variant: QuestionVariant, answers: Answers) -> Result:
    """Return the rating that follows from the first answer to each part: the lowest."""
    firsts = [answers[part][0] for part in variant.marked if part in answers]
    rated = [answer for answer in firsts if answer.rating is not None]
    lowest = rating_rules.of_parts(answer.rating for answer in rated)
    grader = next((row.graded_by for row in rated if row.rating == lowest), GradedBy.SELF)
    return Result(lowest, grader, len(rated), len(variant.marked))
