"""The parts of a question, and how far a learner has come with each. Pure but for the rows that are
handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.progress import rating_rules
from apps.progress.models import Answer, Judge
from apps.questions.selectors import Sheet

NUMERIC, WRITTEN, POINTS = "numeric", "written", "points"
CHOICE, STEP = "choice", "step"
NAME = re.compile(r"(numeric|written|points|choice-[0-9]|step-[0-9]{1,2})")
JUDGES = {NUMERIC: Judge.NUMERIC, CHOICE: Judge.CHOICE, STEP: Judge.DERIVATION}

Answers = Mapping[str, Sequence[Answer]]  # by part, in order


def kind_of(part: str) -> str:
    return part.partition("-")[0]


def number_of(part: str) -> int:
    return int(part.partition("-")[2] or 0)


def exists(sheet: Sheet, part: str) -> bool:
    """Say whether a question has a part of this name."""
    if not NAME.fullmatch(part):
        return False
    match kind_of(part):
        case "numeric":
            return sheet.drawn is not None
        case "choice":
            return number_of(part) < len(sheet.choices)
        case "step":
            return number_of(part) < len(sheet.steps)
        case "points":
            return bool(sheet.points)
    return True


def is_checked(sheet: Sheet, part: str) -> bool:
    """Say whether the site judges this part, not the learner."""
    kind = kind_of(part)
    return kind in (NUMERIC, CHOICE) or (
        kind == STEP and sheet.steps[number_of(part)].check is not None
    )


def is_passed(answers: Answers, part: str) -> bool:
    """Say whether a part is done with: answered rightly, marked, or given up."""
    return any(
        each.outcome != Answer.Outcome.WRONG or gave_up(each) for each in answers.get(part, ())
    )


def gave_up(answer: Answer) -> bool:
    return bool(answer.entered.get("own") == "missed")


def open_steps(sheet: Sheet, answers: Answers) -> int:
    """Return how many steps of a derivation are to be seen: those passed, and one more once the
    learner began.
    """
    passed = 0
    while passed < len(sheet.steps) and is_passed(answers, f"{STEP}-{passed}"):
        passed += 1
    return min(passed + 1, len(sheet.steps))


@dataclass(frozen=True)
class Result:
    """What an attempt's answers come to."""

    grade: int | None
    judge: str  # who judged the lowest part
    answered: int  # parts with a grade
    of: int  # parts that could have one


def result(sheet: Sheet, answers: Answers) -> Result:
    """Return the grade that follows from the first answer to each part: the lowest."""
    names = [NUMERIC] * (sheet.drawn is not None)
    names += [f"{CHOICE}-{n}" for n in range(len(sheet.choices))] + [
        f"{STEP}-{n}" for n in range(len(sheet.steps))
    ]
    found = [
        (answers[part][0].grade, answers[part][0].graded_by) for part in names if part in answers
    ]
    graded = [(grade, judge) for grade, judge in found if grade is not None]
    lowest = rating_rules.of_parts(grade for grade, _judge in graded)
    judge = next((judge for grade, judge in graded if grade == lowest), Judge.SELF)
    return Result(lowest, judge, len(graded), len(names))
