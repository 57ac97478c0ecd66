"""The parts of a question with what came of their last answers, and the grade row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.text import join_sentences
from apps.progress import memory, parts
from apps.progress.memory import Memory, RatedReview
from apps.progress.models import Answer, Attempt, Card, Plan, Rating
from apps.progress.presenters.amounts import interval
from apps.questions.limits import MAX_EXPRESSION_INPUT, MAX_NUMBER_INPUT
from apps.questions.marking import Mark
from apps.questions.selectors import Choice, Option, QuestionPage, Step

CHOICE_INSTRUCTIONS = {
    "one": gettext_lazy("One is right."),
    "several": gettext_lazy("More than one may be right."),
    "order": gettext_lazy("Put them in order."),
}
MAX_INPUTS = {  # UTF-16 code units, by kind of part
    parts.NUMERIC: MAX_NUMBER_INPUT,
    parts.STEP: MAX_EXPRESSION_INPUT,
    parts.WRITTEN: Answer.MAX_WRITTEN_LENGTH,
}


@dataclass(frozen=True)
class OptionReason:
    """How the reason of an option is introduced."""

    kind: str  # its colour: right, wrong or none
    icon: str = ""
    lead: str = ""


@dataclass(frozen=True)
class PresentedOption:
    """An option of a choice, as the reader sees it."""

    option: Option
    number: int  # as the reader counts, from 1
    is_chosen: bool
    place: int  # that the reader gave it, from 1; 0: none
    reason: OptionReason | None  # None: not shown


@dataclass(frozen=True)
class PresentedPart:
    """A part to answer, and what came of its last answer."""

    name: str
    number: int  # as the reader counts, from 1
    html: SafeString
    key: str  # idempotency key of its form
    answers: tuple[Answer, ...]
    mark: Mark | None
    typed: str
    chosen: tuple[str, ...]
    revealed: bool  # the reference answer
    hints: int  # that the reader has opened
    choice: Choice | None = None
    step: Step | None = None

    @property
    def is_right(self) -> bool:
        return self.mark is not None and self.mark.is_right

    @property
    def is_done(self) -> bool:
        was_right = any(answer.outcome == Answer.Outcome.RIGHT for answer in self.answers)
        return self.is_right or was_right or self.gave_up

    @property
    def gave_up(self) -> bool:
        return any(parts.gave_up(answer) for answer in self.answers)

    @property
    def first_was_wrong(self) -> bool:
        return bool(self.answers) and self.answers[0].outcome == Answer.Outcome.WRONG

    @property
    def max_input(self) -> int:
        """The `maxlength` of its field."""
        return MAX_INPUTS[parts.kind_of(self.name)]

    @property
    def feedback(self) -> str:
        """What the page says of the last answer; nothing where the learner grades it."""
        mark = self.mark
        if mark is None or mark.outcome == Answer.Outcome.KEPT:
            return ""
        if mark.is_right:
            return join_sentences(_("Right."), self._why_graded_lower())
        if not mark.was_read:
            return join_sentences(mark.message, _("This was not counted."))
        if self.gave_up:
            return ""
        advice = "" if self.revealed else _("Try again, or reveal the answer.")
        return join_sentences(mark.message or _("That's not right."), advice)

    def _why_graded_lower(self) -> str:
        if self.first_was_wrong:
            return _("Your first answer counts: Again.")
        return _("After a hint it counts as Hard.") if self.hints and self.answers else ""

    # ------------------------------------------------------------ of a choice

    @property
    def instruction(self) -> str:
        """How many options may be right, or what to do with them."""
        return str(CHOICE_INSTRUCTIONS[self.choice.form]) if self.choice else ""

    @property
    def input_type(self) -> str:
        return "radio" if self.choice and self.choice.form == "one" else "checkbox"

    @property
    def has_keys(self) -> bool:
        """Whether digits choose its options: of one choice on a page."""
        return self.number == 1 and not self.revealed

    @property
    def places(self) -> range:
        return range(1, len(self.choice.options) + 1 if self.choice else 1)

    @property
    def options(self) -> list[PresentedOption]:
        return [
            PresentedOption(
                option=option,
                number=n,
                is_chosen=option.key in self.chosen,
                place=self.chosen.index(option.key) + 1 if option.key in self.chosen else 0,
                reason=self._reason(option),
            )
            for n, option in enumerate(self.choice.options if self.choice else (), start=1)
        ]

    def _reason(self, option: Option) -> OptionReason | None:
        """Return why an option is right or not: of all of them once the part is done, before that
        of those that were wrongly chosen. Its colour is its own, whatever else was chosen.
        """
        is_ordered = self.choice is not None and self.choice.form == "order"
        is_chosen, was_read = option.key in self.chosen, bool(self.mark and self.mark.was_read)
        is_well_dealt = self.mark.options.get(option.key) if self.mark and was_read else None
        if not (self.revealed or (self.is_done and was_read)):
            if is_ordered or not is_chosen or is_well_dealt is not False:
                return None
            return OptionReason("wrong", "cross")
        if is_ordered:
            kind = "" if is_well_dealt is None else "right" if is_well_dealt else "wrong"
            return OptionReason(kind, lead=_("Position %(n)s.") % {"n": option.place + 1})
        if option.is_right:
            return OptionReason("right", "tick", _("Right."))
        return OptionReason("wrong" if is_chosen else "", "cross", _("Not this one."))


@dataclass(frozen=True)
class UnstoredAnswer:
    """An answer of the present request that was not stored: its input is invalid, or its author is
    a visitor.
    """

    part: str
    entered: dict[str, Any]
    mark: Mark


def present_parts(
    page: QuestionPage,
    answers: parts.Answers,
    unstored: UnstoredAnswer | None,
    *,
    revealed: bool,
    hints: int,
) -> dict[str, list[PresentedPart]]:
    """Return the parts to show, by kind; of a derivation the open steps, or all of them once the
    answer is revealed.

    Args:
        hints: that the reader has opened.
    """

    def part(name: str, number: int, html: SafeString, **more: Any) -> PresentedPart:
        more |= {"revealed": revealed, "hints": hints}
        return _present_part(page, answers, unstored, name, number, html, **more)

    steps = page.steps if revealed else page.steps[: parts.open_steps(page, answers)]
    return {
        "numeric": [part(parts.NUMERIC, 1, page.numeric)] if page.numeric is not None else [],
        "choice": [
            part(f"{parts.CHOICE}-{n}", n + 1, choice.html, choice=choice)
            for n, choice in enumerate(page.choices)
        ],
        "step": [
            part(f"{parts.STEP}-{n}", n + 1, step.html, step=step) for n, step in enumerate(steps)
        ],
        "written": [part(parts.WRITTEN, 1, SafeString(""))],
    }


def _present_part(
    page: QuestionPage,
    answers: parts.Answers,
    unstored: UnstoredAnswer | None,
    name: str,
    number: int,
    html: SafeString,
    **more: Any,
) -> PresentedPart:
    of_part = tuple(answers.get(name, ()))
    entered: Mapping[str, Any] = of_part[-1].entered if of_part else {}
    mark = parts.mark(page, name, entered) if of_part else None
    if unstored is not None and unstored.part == name:
        entered, mark = unstored.entered, unstored.mark
    return PresentedPart(
        name=name,
        number=number,
        html=html,
        key=str(uuid4()),
        answers=of_part,
        mark=mark,
        typed=str(entered.get("text", "")),
        chosen=tuple(map(str, entered.get("chosen") or ())),
        **more,
    )


def rating_buttons(
    card: Card | None,
    reviews: Sequence[RatedReview],
    attempt: Attempt,
    plan: Plan,
    at: datetime,
    day: date,
) -> list[dict[str, Any]]:
    """Return the buttons of the grade row, each with the time after which the card would come
    again. A rating that the attempt has already would be replaced, so it is left out.
    """
    retention = plan.retention / 100
    state = Memory(due=at)
    if card is not None:
        earlier = [row for row in reviews if row.review_id != attempt.counting_review_id]
        state = memory.fold(card.created_at, earlier, retention)[0]
    until = memory.intervals(state, at, day, retention)
    ratings = [Rating.AGAIN, Rating.GOOD] if plan.two_buttons else list(Rating)
    return [
        {
            "value": rating,
            "word": rating.label,
            "interval": interval(until[rating].total_seconds()),
        }
        for rating in ratings
    ]


def grade_note(attempt: Attempt, result: parts.Result) -> str:
    """Return who gave the grade that an attempt has."""
    if attempt.ratings_given == 1 and result.rating:
        graded = _("Graded automatically (%(n)s of %(of)s parts checked).") % {
            "n": result.answered,
            "of": result.of,
        }
    else:
        graded = _("Grade saved.")
    return join_sentences(graded, _("Choose another grade to change it."))
