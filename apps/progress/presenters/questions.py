"""The parts of a question with what came of their last answers, and the grade row."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.common.text import in_language, join_sentences
from apps.progress import memory, parts, rating_rules
from apps.progress.memory import Memory, RatedReview
from apps.progress.models import Answer, Attempt, Card, GradedBy, Plan, Rating
from apps.progress.presenters.amounts import interval
from apps.questions import marking
from apps.questions.answers import ChoiceAnswer, OrderAnswer, TypedAnswer
from apps.questions.limits import MAX_EXPRESSION_INPUT, MAX_NUMBER_INPUT, MAX_WRITTEN_LENGTH
from apps.questions.marking import Mark
from apps.questions.schema import StepCheck
from apps.questions.selectors import KIND_OF, OptionHtml, PartHtml, QuestionPage
from apps.questions.variants import (
    POINTS,
    WRITTEN,
    ChoicePart,
    DerivationPart,
    MarkedPart,
    NumericPart,
    OrderPart,
    QuestionVariant,
    Step,
    part_of,
)

TWO_SCREENS = 3000  # characters on two screens of a laptop
TWO_SCREENS_OF_CHINESE = 1400
CHARS_OF_A_FIGURE = 500
HIDDEN_MARKUP = re.compile(
    r"<(math|svg)\b.*?</\1>", re.DOTALL
)  # formulas again, for screen readers
MAX_INPUTS = {  # UTF-16 code units, by type of part; without one: the written answer
    NumericPart: MAX_NUMBER_INPUT,
    Step: MAX_EXPRESSION_INPUT,
    type(None): MAX_WRITTEN_LENGTH,
}


def anchor(part: str) -> str:
    """Return the `id` that a part has on the page: `part-3-1` of the step `3.1`."""
    return part if part == WRITTEN else f"part-{part.replace('.', '-')}"


def hints_anchor(part: str) -> str:
    return f"hints-{part}" if part else "hints"


@dataclass(frozen=True)
class Prompt:
    """The number of what is to be answered, of several on the page."""

    number: int  # from 1
    of: int

    @property
    def title(self) -> str:
        return _("Part %(n)s of %(of)s") % {"n": self.number, "of": self.of}


@dataclass(frozen=True)
class OptionReason:
    """Why an option is right or not, and how it is shown."""

    kind: str  # its colour: right, wrong, or neither
    icon: str = ""
    lead: str = ""


@dataclass(frozen=True)
class PresentedOption:
    """An option of a choice or an order, as the reader sees it."""

    option: OptionHtml
    number: int  # from 1
    is_chosen: bool
    place: int  # that the reader gave it, from 1; 0: none
    reason: OptionReason | None


@dataclass(frozen=True)
class PresentedHints:
    """The hints of a part, or with "" of the whole question."""

    part: str
    opened: tuple[SafeString, ...]
    left: int

    @property
    def anchor(self) -> str:
        return hints_anchor(self.part)

    @property
    def next_number(self) -> int:
        return len(self.opened) + 1


@dataclass(frozen=True)
class PresentedPart:
    """Something to answer, and what came of its last answer."""

    name: str
    prompt: Prompt | None
    html: SafeString
    key: str  # idempotency key of its form
    answers: tuple[Answer, ...]
    mark: Mark | None
    entered: TypedAnswer | None
    revealed: bool  # the reference answer
    hints_opened: int  # that help with it
    is_graded: bool  # not where a visitor answers
    part: MarkedPart | None = None  # None: the written answer
    texts: tuple[OptionHtml, ...] = ()  # of its options
    has_keys: bool = False  # it is the part whose field and options keys reach
    hints: PresentedHints | None = None  # of its own

    @property
    def kind(self) -> str:
        return KIND_OF.get(type(self.part), "")

    @property
    def anchor(self) -> str:
        return anchor(self.name)

    @property
    def typed(self) -> str:
        return str(getattr(self.entered, "text", ""))

    @property
    def chosen(self) -> tuple[str, ...]:
        match self.entered:
            case ChoiceAnswer(chosen=keys) | OrderAnswer(order=keys):
                return keys
        return ()

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
        return MAX_INPUTS[type(self.part)]

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
        if self.revealed:
            return mark.message or _("That's not right.")
        return join_sentences(
            mark.message or _("That's not right."),
            self._first_counts(),
            _("Try again, or reveal the answer."),
        )

    def _first_counts(self) -> str:
        counts = self.is_graded and self.first_was_wrong
        return _("Your first answer counts, so the grade is Again.") if counts else ""

    def _why_graded_lower(self) -> str:
        if self.first_was_wrong:
            return self._first_counts()
        return _("After a hint it counts as Hard.") if self.hints_opened and self.answers else ""

    # ------------------------------------------------------------ of a number

    @property
    def unit(self) -> str:
        return in_language(self.part.unit) if isinstance(self.part, NumericPart) else ""

    @property
    def right_answer(self) -> str:
        """The right number, as the page prints it."""
        if not isinstance(self.part, NumericPart):
            return ""
        return f"{marking.right_answer(self.part)} {self.unit}".rstrip()

    @property
    def precision(self) -> str:
        """How precisely the number is to be given, and in which unit."""
        return marking.precision(self.part) if isinstance(self.part, NumericPart) else ""

    @property
    def tolerance(self) -> str:
        return marking.tolerance(self.part) if isinstance(self.part, NumericPart) else ""

    # ------------------------------------------------------------ of a step

    @property
    def check(self) -> StepCheck | None:
        return self.part.check if isinstance(self.part, Step) else None

    # ------------------------------------------------------------ of a choice or an order

    @property
    def is_order(self) -> bool:
        return isinstance(self.part, OrderPart)

    @property
    def instruction(self) -> str:
        """How many options may be right, or what to do with them."""
        if self.is_order:
            return _("Put them in order.")
        return _("More than one may be right.") if self._takes_several else _("One is right.")

    @property
    def check_button(self) -> str:
        return _("Check the order") if self.is_order else _("Check the choice")

    @property
    def input_type(self) -> str:
        return "checkbox" if self._takes_several else "radio"

    @property
    def _takes_several(self) -> bool:
        return isinstance(self.part, ChoicePart) and self.part.takes_several

    @property
    def places(self) -> range:
        return range(1, len(self.texts) + 1)

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
            for n, option in enumerate(self.texts, start=1)
        ]

    def _reason(self, option: OptionHtml) -> OptionReason | None:
        """Return why an option is right or not: of all of them once the part is done, before that
        of those that were wrongly chosen. Its colour is its own, whatever else was chosen.
        """
        is_chosen, was_read = option.key in self.chosen, bool(self.mark and self.mark.was_read)
        is_well_dealt = self.mark.options.get(option.key) if self.mark and was_read else None
        if not (self.revealed or (self.is_done and was_read)):
            if self.is_order or not is_chosen or is_well_dealt is not False:
                return None
            return OptionReason("wrong", "cross")
        if self.is_order:
            kind = "" if is_well_dealt is None else "right" if is_well_dealt else "wrong"
            return OptionReason(kind, lead=_("Position %(n)s.") % {"n": option.place + 1})
        if option.is_right:
            return OptionReason("right", "tick", _("Right."))
        return OptionReason("wrong" if is_chosen else "", "cross", _("Not this one."))


@dataclass(frozen=True)
class PresentedDerivation:
    """A derivation: its open steps, or all of them once the answer is revealed."""

    name: str
    prompt: Prompt | None
    html: SafeString
    steps: tuple[PresentedPart, ...]
    of: int  # steps in all
    is_begun: bool
    is_fresh: bool  # a step of it was answered just now
    hints: PresentedHints | None

    kind = "derivation"

    @property
    def anchor(self) -> str:
        return anchor(self.name)


@dataclass(frozen=True)
class UnstoredAnswer:
    """An answer of the present request that was not stored: its input is invalid, or its author is
    a visitor.
    """

    part: str
    entered: TypedAnswer
    mark: Mark


@dataclass(frozen=True)
class PartsState:
    """What the parts of a question are shown with."""

    page: QuestionPage
    answers: parts.Answers
    unstored: UnstoredAnswer | None
    revealed: bool
    hints: Mapping[str, int] | None  # opened, by part; None: a visitor, who has all of them
    writes: bool = False  # whether there is a field for a written answer, besides the parts
    writes_first: bool = False  # it stands before the parts

    def prompt(self, part: int) -> Prompt | None:
        """Return the number of a part as the page shows it, where there is more than one.

        Args:
            part: counted from 1; 0: the written answer.
        """
        of = len(self.page.parts) + self.writes
        if of <= 1:
            return None
        if self.writes_first:
            return Prompt(part + 1, of)
        return Prompt(part or of, of)


def present_parts(state: PartsState) -> list[PresentedPart | PresentedDerivation]:
    """Return the parts to show, as they stand; of a derivation the open steps, or all of them once
    the answer is revealed.
    """
    shown: list[PresentedPart | PresentedDerivation] = []
    for number, texts in enumerate(state.page.parts, start=1):
        prompt = state.prompt(number)
        if isinstance(texts.part, DerivationPart):
            shown.append(_present_derivation(state, texts, texts.part, prompt))
        else:
            first = next(other for other in state.page.parts if other.kind == texts.kind)
            shown.append(
                _present_part(
                    state,
                    texts.part.name,
                    texts.html,
                    part=texts.part,
                    prompt=prompt,
                    texts=texts.options,
                    has_keys=texts is first and not state.revealed,
                    hints=present_hints(state, texts.part.name, texts.hints),
                )
            )
    return shown


def present_written(state: PartsState) -> PresentedPart:
    prompt = state.prompt(0) if state.writes else None
    return _present_part(state, WRITTEN, SafeString(""), prompt=prompt)


def present_hints(
    state: PartsState, part: str, hints: tuple[SafeString, ...]
) -> PresentedHints | None:
    """Return the hints of a part, or with "" of the whole question; None where there are none, or
    the answer is revealed.
    """
    if not hints or state.revealed:
        return None
    opened = len(hints) if state.hints is None else state.hints.get(part, 0)
    return PresentedHints(part, hints[:opened], max(0, len(hints) - opened))


def _present_derivation(
    state: PartsState, texts: PartHtml, part: DerivationPart, prompt: Prompt | None
) -> PresentedDerivation:
    count = len(part.steps) if state.revealed else parts.open_steps(part, state.answers)
    names = [step.name for step in part.steps]
    return PresentedDerivation(
        name=part.name,
        prompt=prompt,
        html=texts.html,
        steps=tuple(
            _present_part(state, step.name, html, part=step)
            for step, html in zip(part.steps[:count], texts.steps[:count], strict=True)
        ),
        of=len(part.steps),
        is_begun=bool(state.answers.get(names[0])),
        is_fresh=state.unstored is not None and state.unstored.part in names,
        hints=present_hints(state, part.name, texts.hints),
    )


def _present_part(
    state: PartsState, name: str, html: SafeString, *, prompt: Prompt | None = None, **more: Any
) -> PresentedPart:
    variant, of_part = state.page.variant, tuple(state.answers.get(name, ()))
    entered = parts.entered_answer(variant, of_part[-1]) if of_part else None
    mark = marking.mark(variant, name, entered) if entered is not None else None
    if state.unstored is not None and state.unstored.part == name:
        entered, mark = state.unstored.entered, state.unstored.mark
    opened = state.hints or {}
    return PresentedPart(
        name=name,
        prompt=prompt,
        html=html,
        key=str(uuid4()),
        answers=of_part,
        mark=mark,
        entered=entered,
        revealed=state.revealed,
        hints_opened=sum(opened.get(of, 0) for of in {"", part_of(name)}),
        is_graded=state.hints is not None,
        **more,
    )


def is_long(page: QuestionPage) -> bool:
    """Return whether what follows the key points takes more than about two screens, so that it is
    folded.
    """
    texts = [page.answer, *page.mistakes, *(row.question + row.answer for row in page.follow_ups)]
    length = sum(len(strip_tags(HIDDEN_MARKUP.sub("", text))) for text in texts)
    length += CHARS_OF_A_FIGURE * page.answer.count("<figure")
    return length > (TWO_SCREENS_OF_CHINESE if page.language == "zh" else TWO_SCREENS)


def answer_sections(page: QuestionPage) -> list[tuple[str, str]]:
    """Return the parts of a reference answer that it has, by anchor, with their headings."""
    sections = [
        ("answer", _("The full answer"), True),
        ("mistakes", _("Common mistakes"), page.mistakes),
        ("follow-ups", _("Follow-ups"), page.follow_ups),
        ("sources", _("Sources"), page.sources),
    ]
    return [(name, title) for name, title, is_there in sections if is_there]


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


@dataclass(frozen=True)
class GradeRule:
    """Which grade follows from what was done, worded for each number of ticked key points."""

    lines: tuple[str, ...]
    ratings: tuple[int, ...]
    ticked: int

    @property
    def line(self) -> str:
        return self.lines[self.ticked]

    @property
    def follows_ticks(self) -> bool:
        return len(self.lines) > 1

    @property
    def as_json(self) -> str:
        """What a script needs to follow the ticks."""
        return json.dumps({"lines": self.lines, "ratings": self.ratings})


def grade_rule(
    variant: QuestionVariant, answers: parts.Answers, hints: int, *, writes: bool
) -> GradeRule | None:
    """Return the rule of a revealed question; none where the learner alone grades.

    Args:
        hints: opened, of the whole question.
        writes: whether the learner writes an answer, which key points then grade.
    """
    result = parts.result(variant, answers)
    checks = _worded_checks(variant, answers)
    if not (writes and variant.points):
        if result.rating is None:
            return None
        return GradeRule((_rule_line(checks, result.rating),), (result.rating,), 0)
    ratings = rating_rules.by_ticks(variant.points, hints, result.rating)
    lines = [
        _rule_line([_worded_points(ticked, variant.points, hints), *checks], rating)
        for ticked, rating in enumerate(ratings)
    ]
    stored = answers.get(POINTS)
    ticked = len(stored[-1].entered["ticked"]) if stored else 0
    return GradeRule(tuple(lines), tuple(ratings), min(ticked, variant.points))


def _rule_line(clauses: Sequence[str], rating: int) -> str:
    if len(clauses) > 1:
        lowest = _("the lowest counts: %(grade)s") % {"grade": Rating(rating).label}
        clauses = [*clauses, lowest]
    return _("; ").join(clauses)


def _worded_points(ticked: int, of: int, hints: int) -> str:
    rating = rating_rules.of_points(ticked, of, hints)
    words = {"n": ticked, "of": of, "grade": Rating(rating).label}
    if hints and ticked == of:
        return _("%(n)s of %(of)s points after a hint: %(grade)s") % words
    return _("%(n)s of %(of)s points: %(grade)s") % words


def _worded_checks(variant: QuestionVariant, answers: parts.Answers) -> list[str]:
    """Return what the first answers to checked parts came to, alike ones once."""
    clauses = []
    for part in variant.marked:
        first = answers[part][0] if answers.get(part) else None
        if first is None or first.rating is None:
            continue
        words = {"grade": Rating(first.rating).label}
        is_choice = first.graded_by == GradedBy.CHOICE
        if first.outcome == Answer.Outcome.WRONG:
            clause = (
                _("first choice wrong: %(grade)s")
                if is_choice
                else (_("first answer wrong: %(grade)s"))
            )
        elif first.rating == Rating.HARD:
            clause = (
                _("first choice right after a hint: %(grade)s")
                if is_choice
                else (_("first answer right after a hint: %(grade)s"))
            )
        else:
            clause = (
                _("first choice right: %(grade)s")
                if is_choice
                else (_("first answer right: %(grade)s"))
            )
        clauses.append(clause % words)
    return list(dict.fromkeys(clauses))


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
