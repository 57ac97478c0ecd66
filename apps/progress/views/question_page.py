"""A question as its page shows it: parts with what came of them, hints so far, the answer once it
is open, and the grade row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.topics import topic_title
from apps.progress import (
    days,
    formatting,
    memory,
    parts,
    selectors,
    services,
    studying,
    verdict_quotes,
)
from apps.progress.forms import NoteForm
from apps.progress.memory import Memory, RatedReview
from apps.progress.models import Answer, Attempt, Card, Rating
from apps.questions import marking
from apps.questions import selectors as bank
from apps.questions.marking import Mark
from apps.questions.models import Question, Revision
from apps.questions.selectors import Choice, QuestionPage, Step, question_page

SIGNS = '()[]{}:=_+-*/<>"#'  # of code: on the keyboard of a phone they lie two presses deep

AWAY = timedelta(minutes=30)  # whoever comes back to a question after that begins anew


@dataclass(frozen=True)
class Shown:
    """A part to answer, and what came of the last answer to it."""

    name: str
    number: int  # as the reader counts, from 1
    html: SafeString
    key: str  # of its form
    answers: tuple[Answer, ...]
    mark: Mark | None
    typed: str
    chosen: tuple[str, ...]
    choice: Choice | None = None
    step: Step | None = None

    @property
    def is_right(self) -> bool:
        return self.mark is not None and self.mark.is_right

    @property
    def is_done(self) -> bool:
        return (
            self.is_right or any(each.outcome == "right" for each in self.answers) or self.gave_up
        )

    @property
    def gave_up(self) -> bool:
        return any(parts.gave_up(each) for each in self.answers)

    @property
    def first_was_wrong(self) -> bool:
        return bool(self.answers) and self.answers[0].outcome == "wrong"

    @property
    def options(self) -> list[dict[str, Any]]:
        """The options of a choice; right and reason only once it was answered."""
        if self.choice is None:
            return []
        dealt = self.mark.options if self.mark and self.mark.was_read else {}
        return [
            {
                "option": option,
                "number": n,
                "checked": option.key in self.chosen,
                "place": self.chosen.index(option.key) + 1 if option.key in self.chosen else 0,
                "dealt": dealt.get(option.key),
                "right_place": option.place + 1,
            }
            for n, option in enumerate(self.choice.options, start=1)
        ]


@dataclass(frozen=True)
class Fresh:
    """An answer of this very request that was not stored: it could not be read, or nobody is signed
    in.
    """

    part: str
    said: dict[str, Any]
    mark: Mark


def parts_of(
    page: QuestionPage, answers: parts.Answers, fresh: Fresh | None, *, every_step: bool = False
) -> dict[str, list[Shown]]:
    """Return the parts to be shown, by kind; of a derivation as many steps as are open, or all of
    them.
    """

    def one(name: str, number: int, html: SafeString, **more: Any) -> Shown:
        made = tuple(answers.get(name, ()))
        mine = fresh if fresh and fresh.part == name else None
        last = mine.said if mine else (made[-1].entered if made else {})
        mark = mine.mark if mine else (studying.mark_of(page, name, last) if made else None)
        chosen = tuple(map(str, last.get("chosen") or ()))
        return Shown(
            name, number, html, str(uuid4()), made, mark, str(last.get("text", "")), chosen, **more
        )

    steps = page.steps if every_step else page.steps[: parts.open_steps(page, answers)]
    return {
        "numeric": [one(parts.NUMERIC, 1, page.numeric)] if page.numeric is not None else [],
        "choice": [
            one(f"{parts.CHOICE}-{n}", n + 1, each.html, choice=each)
            for n, each in enumerate(page.choices)
        ],
        "step": [
            one(f"{parts.STEP}-{n}", n + 1, each.html, step=each) for n, each in enumerate(steps)
        ],
        "written": [one(parts.WRITTEN, 1, SafeString(""))],
    }


def context(
    request: HttpRequest,
    question: Question,
    attempt: Attempt,
    *,
    revealed: bool = False,
    fresh: Fresh | None = None,
    note: NoteForm | None = None,
    unstored: parts.Answers | None = None,
    in_review: bool = False,
    card: Card | None = None,
) -> dict[str, Any]:
    """Return what the page of a question shows.

    Args:
        unstored: the answers of a visitor, which are not stored.
    """
    member = request.user if isinstance(request.user, User) else None
    revision, is_open = attempt.revision, revealed or attempt.is_revealed
    quotes = _quotes(member, revision, is_open)
    verdicts = (
        render_to_string("progress/_verdict_quotes.html", {"quotes": quotes}, request)
        if quotes and is_open
        else ""
    )
    page = question_page(revision, attempt.seed, verdicts=verdicts)
    answers: parts.Answers = unstored or {}
    if member and not attempt._state.adding:
        answers = selectors.answers_of(attempt)
    if member and card is None:
        card = selectors.card_of(member, question)
    grades = selectors.rated_reviews(card) if card else []
    given = parts_of(page, answers, fresh, every_step=is_open)
    return {
        "question": question,
        "revision": revision,
        "attempt": attempt,
        "page": page,
        "kinds": question.kinds,
        "topic": topic_title(question.topic),
        "parts": given,
        "earlier": json.dumps({part: made[-1].entered for part, made in (unstored or {}).items()}),
        "has_steps": bool(page.steps),
        "fresh_step": fresh is not None and parts.kind_of(fresh.part) == parts.STEP,
        "writes": bool({"concept", "open", "code"} & set(question.kinds))
        or not (page.variant or page.choices or page.steps),
        "result": parts.result(page, answers),
        **_hints(page, attempt, member),
        "revealed": is_open,
        "in_review": in_review,
        **_times(attempt),
        **_beside(revision, quotes, is_open=is_open, in_review=in_review),
        "tolerance": marking.tolerance(page.variant) if page.variant else "",
        "answer": format(page.variant.answer, ".6g") if page.variant else "",
        "signs": SIGNS,
        "max_written": Answer.MAX_WRITTEN_LENGTH,
        # annotated by selectors.question_for; the review shows no note
        "note": note or NoteForm(initial={"note": getattr(question, "note", "")}),
        "sures": Answer.Sure.choices,
        "ticked": answers["points"][-1].entered["ticked"] if answers.get("points") else [],
        "review_id": studying.next_review_id(attempt),
        "card": card,
        "seen": len(grades),
        "rating": next(
            (grade.rating for grade in grades if grade.review_id == attempt.counting_review_id),
            None,
        ),
        "grades": buttons(member, card, grades, attempt) if member and is_open else [],
        "back": question.get_absolute_url(),
    }


def _hints(page: QuestionPage, attempt: Attempt, member: User | None) -> dict[str, Any]:
    """Return the hints that are open, and how many are left; a visitor has all of them."""
    if member is None:
        return {"hints": page.hints, "hints_left": 0}
    return {
        "hints": page.hints[: attempt.hints],
        "hints_left": max(0, len(page.hints) - attempt.hints),
    }


def _beside(
    revision: Revision, quotes: Sequence[verdict_quotes.Quoted], *, is_open: bool, in_review: bool
) -> dict[str, Any]:
    """Return what stands beside the sheet: labs, what own runs said, related questions."""
    return {
        "labs": [] if in_review else verdict_quotes.labs(revision.labs),
        # a verdict gives the answer away, and so may a title
        "own_quotes": [quote for quote in quotes if quote.is_own] if is_open else [],
        "related": bank.related(revision) if is_open and not in_review else [],
    }


def _times(attempt: Attempt) -> dict[str, int]:
    """Return what the site's clock says, and when it would have been shown, had it been read in one
    go.
    """
    at = now()
    return {"now_at": _milliseconds(at), "shown_at": _milliseconds(at - _spent(attempt, at))}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _spent(attempt: Attempt, at: datetime) -> timedelta:
    """Return the time that was spent on an attempt before this page of it."""
    nothing = timedelta(0)
    if attempt._state.adding:
        return nothing
    spent = (attempt.revealed_at or at) - attempt.started_at
    if not attempt.is_revealed and spent > AWAY:
        return nothing
    return min(max(spent, nothing), timedelta(seconds=services.MAX_REVIEW_SECONDS))


def _quotes(member: User | None, revision: Revision, is_open: bool) -> list[verdict_quotes.Quoted]:
    """Return the verdicts on a question's claims: to a visitor only beside the answer, which they
    would give away.
    """
    if member is None and not is_open:
        return []
    return verdict_quotes.quoted(member, revision.claims, revision.facts.get("often_said_but", ()))


def buttons(
    user: User, card: Card | None, grades: Sequence[RatedReview], attempt: Attempt
) -> list[dict[str, Any]]:
    """Return the buttons of the grade row, each with how long it puts the card off."""
    plan, at = selectors.plan_of(user), now()
    aim = plan.retention / 100
    earlier = [grade for grade in grades if grade.review_id != attempt.counting_review_id]
    before = memory.fold(card.created_at, earlier, aim)[0] if card else Memory(due=at)
    gaps = memory.intervals(before, at, days.day_of(at, user.time_zone), aim)
    offered = [Rating.AGAIN, Rating.GOOD] if plan.two_buttons else list(Rating)
    return [
        {"value": each.value, "word": each.label, "gap": formatting.gap(gaps[each].total_seconds())}
        for each in offered
    ]
