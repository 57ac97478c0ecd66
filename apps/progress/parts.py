"""The parts of a question: their names, how an answer to one is marked, and what the answers of an
attempt come to. Pure but for the rows that are handed in.

A part is called `numeric`, `choice-<n>`, `step-<n>` (n from 0), `written` or `points` (the key
points that a learner ticks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.common.text import length
from apps.progress import rating_rules
from apps.progress.models import Answer, GradedBy
from apps.questions import marking
from apps.questions.marking import Mark
from apps.questions.models import Revision
from apps.questions.selectors import QuestionPage

NUMERIC, WRITTEN, POINTS = "numeric", "written", "points"
CHOICE, STEP = "choice", "step"
GRADED_BY = {NUMERIC: GradedBy.NUMERIC, CHOICE: GradedBy.CHOICE, STEP: GradedBy.DERIVATION}

Answers = Mapping[str, Sequence[Answer]]  # by part, in order


def kind_of(part: str) -> str:
    return part.partition("-")[0]


def number_of(part: str) -> int:
    return int(part.partition("-")[2] or 0)


def checkable(page: QuestionPage) -> list[str]:
    """Return the names of the parts that are marked: the number, the choices, the steps."""
    names = [NUMERIC] if page.variant is not None else []
    names += [f"{CHOICE}-{n}" for n in range(len(page.choices))]
    return names + [f"{STEP}-{n}" for n in range(len(page.steps))]


def exists(page: QuestionPage, part: str) -> bool:
    """Return whether a question has a part of this name."""
    return part == WRITTEN or (part == POINTS and bool(page.points)) or part in checkable(page)


# ---------------------------------------------------------------- marking


def mark(page: QuestionPage, part: str, entered: Mapping[str, Any]) -> Mark:
    """Mark an answer to a part: right, wrong, unread (invalid input), or kept where the learner
    grades it. A pure function of revision, seed and answer: marking again gives the same.

    Args:
        entered: `text` of a number, an expression or a written answer; `chosen` keys of options;
            `own` (had, missed) of a step that the learner marks or gives up.
    """
    kind, number = kind_of(part), number_of(part)
    if kind == STEP and ("own" in entered or page.steps[number].check is None):
        is_right = entered.get("own") == "had" and page.steps[number].check is None
        return Mark(marking.RIGHT if is_right else marking.WRONG)
    text = str(entered.get("text", ""))
    if kind == NUMERIC and page.variant is not None:
        return marking.numeric(text, page.variant, page.revision.facts["variant"].get("unit"))
    if kind == CHOICE:
        choice = page.choices[number]
        return marking.choice(list(entered.get("chosen", [])), choice.facts, choice.keys)
    if kind == STEP:
        return marking.derivation(text, page.steps[number].check or {}, page.seed)
    return _mark_written(page.revision, text)


def _mark_written(revision: Revision, text: str) -> Mark:
    if not is_written(revision, text):
        return Mark(marking.UNREAD, message=_("You haven't written anything."))
    if length(text) > Answer.MAX_WRITTEN_LENGTH:
        message = _("That is too long to save. Shorten it to %(n)s characters.")
        return Mark(marking.UNREAD, message=message % {"n": Answer.MAX_WRITTEN_LENGTH})
    return Mark(Answer.Outcome.KEPT)


def is_written(revision: Revision, text: str) -> bool:
    """Return whether a text holds more than the starter code that its field began with."""
    return "".join(text.split()) not in ("", "".join(revision.starter.split()))


def rating_of(part_mark: Mark, hints: int) -> int | None:
    """Return the rating of a first answer; none where the learner grades it."""
    if part_mark.outcome == Answer.Outcome.KEPT:
        return None
    return rating_rules.of_check(part_mark.is_right, hints)


def unstored_answers(
    page: QuestionPage, answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Answer]]:
    """Return a visitor's answers to the checkable parts, marked and not stored; without invalid
    input.
    """
    names = checkable(page)
    marked = {
        part: (entered, mark(page, part, entered))
        for part, entered in answers.items()
        if part in names
    }
    return {
        part: [Answer(part=part, entered=dict(entered), outcome=part_mark.outcome)]
        for part, (entered, part_mark) in marked.items()
        if part_mark.was_read
    }


# ---------------------------------------------------------------- what the answers come to


def is_passed(answers: Answers, part: str) -> bool:
    """Return whether a part is done: answered rightly, graded by the learner, or given up."""
    return any(
        answer.outcome != Answer.Outcome.WRONG or gave_up(answer)
        for answer in answers.get(part, ())
    )


def gave_up(answer: Answer) -> bool:
    return bool(answer.entered.get("own") == "missed")


def open_steps(page: QuestionPage, answers: Answers) -> int:
    """Return how many steps of a derivation are shown: those that are done, and the next one."""
    passed = 0
    while passed < len(page.steps) and is_passed(answers, f"{STEP}-{passed}"):
        passed += 1
    return min(passed + 1, len(page.steps))


@dataclass(frozen=True)
class Result:
    """What the answers of an attempt come to."""

    rating: int | None
    graded_by: str  # who graded the part with the lowest rating
    answered: int  # parts with a rating
    of: int  # parts that can have one


def result(page: QuestionPage, answers: Answers) -> Result:
    """Return the rating that follows from the first answer to each part: the lowest."""
    names = checkable(page)
    firsts = [answers[part][0] for part in names if part in answers]
    rated = [answer for answer in firsts if answer.rating is not None]
    lowest = rating_rules.of_parts(answer.rating for answer in rated)
    graded_by = next((row.graded_by for row in rated if row.rating == lowest), GradedBy.SELF)
    return Result(lowest, graded_by, len(rated), len(names))
