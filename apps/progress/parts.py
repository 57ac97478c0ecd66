"""The parts of a question, and how far a learner has come with each. Pure but for the rows that are
handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.progress import rating_rules
from apps.progress.models import Answer, GradedBy
from apps.questions.selectors import QuestionPage

NUMERIC, WRITTEN, POINTS = "numeric", "written", "points"
CHOICE, STEP = "choice", "step"
NAME = re.compile(r"(numeric|written|points|choice-[0-9]|step-[0-9]{1,2})")
GRADED_BY = {NUMERIC: GradedBy.NUMERIC, CHOICE: GradedBy.CHOICE, STEP: GradedBy.DERIVATION}

Answers = Mapping[str, Sequence[Answer]]  # by part, in order


def kind_of(part: str) -> str:
    return part.partition("-")[0]


def number_of(part: str) -> int:
    return int(part.partition("-")[2] or 0)


def exists(page: QuestionPage, part: str) -> bool:
    """Say whether a question has a part of this name."""
    if not NAME.fullmatch(part):
        return False
    match kind_of(part):
        case "numeric":
            return page.variant is not None
        case "choice":
            return number_of(part) < len(page.choices)
        case "step":
            return number_of(part) < len(page.steps)
        case "points":
            return bool(page.points)
    return True


def is_checked(page: QuestionPage, part: str) -> bool:
    """Say whether the site judges this part, not the learner."""
    kind = kind_of(part)
    return kind in (NUMERIC, CHOICE) or (
        kind == STEP and page.steps[number_of(part)].check is not None
    )


def is_passed(answers: Answers, part: str) -> bool:
    """Say whether a part is done with: answered rightly, marked, or given up."""
    return any(
        each.outcome != Answer.Outcome.WRONG or gave_up(each) for each in answers.get(part, ())
    )


def gave_up(answer: Answer) -> bool:
    return bool(answer.entered.get("own") == "missed")


def open_steps(page: QuestionPage, answers: Answers) -> int:
    """Return how many steps of a derivation are to be seen: those passed, and one more once the
    learner began.
    """
    passed = 0
    while passed < len(page.steps) and is_passed(answers, f"{STEP}-{passed}"):
        passed += 1
    return min(passed + 1, len(page.steps))


@dataclass(frozen=True)
class Result:
    """What an attempt's answers come to."""

    rating: int | None
    graded_by: str  # who graded the lowest part
    answered: int  # parts with a grade
    of: int  # parts that could have one


def result(page: QuestionPage, answers: Answers) -> Result:
    """Return the grade that follows from the first answer to each part: the lowest."""
    names = [NUMERIC] * (page.variant is not None)
    names += [f"{CHOICE}-{n}" for n in range(len(page.choices))] + [
        f"{STEP}-{n}" for n in range(len(page.steps))
    ]
    found = [
        (answers[part][0].rating, answers[part][0].graded_by) for part in names if part in answers
    ]
    graded = [(grade, judge) for grade, judge in found if grade is not None]
    lowest = rating_rules.of_parts(grade for grade, _judge in graded)
    judge = next((judge for grade, judge in graded if grade == lowest), GradedBy.SELF)
    return Result(lowest, judge, len(graded), len(names))
