"""The context of a question's page and of a card in a review: the question, the reader's answers,
and, once it is open, the reference answer with the grade row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.topics import topic_title
from apps.experiments import presenters as runs
from apps.experiments.opened_verdicts import Subject
from apps.experiments.presenters import FoldedVerdict
from apps.experiments.reader import reader_of
from apps.experiments.selectors import subject_of
from apps.progress import days, parts, presenters, selectors, services
from apps.progress.forms import NoteForm
from apps.progress.models import Answer, Attempt, Card
from apps.progress.presenters.questions import PartsState, UnstoredAnswer
from apps.progress.selectors.verdicts import VerdictQuote
from apps.progress.views.reader import review_url
from apps.questions import selectors as bank
from apps.questions.limits import MAX_DIFFICULTY
from apps.questions.models import Question, Revision
from apps.questions.selectors import QuestionPage, question_page, question_variant

CODE_SIGNS = '()[]{}:=_+-*/<>"#'  # buttons for phones, whose keyboards hide them two presses deep
VISITORS_SEED = 0
WRITTEN_KINDS = frozenset({"concept", "open", "code"})
FoldedQuote = tuple[VerdictQuote, FoldedVerdict | None]  # with what stands in its place, if folded


def visitors_attempt(question: Question) -> Attempt:
    """Return the attempt of a visitor, which is never stored: everybody's numbers are the same."""
    return Attempt(question=question, revision=question.current, number=0, seed=VISITORS_SEED)


def question_context(
    request: HttpRequest,
    question: Question,
    attempt: Attempt,
    *,
    revealed: bool = False,
    unstored: UnstoredAnswer | None = None,
    note: NoteForm | None = None,
    visitor_answers: parts.Answers | None = None,
    in_review: bool = False,
    card: Card | None = None,
) -> dict[str, Any]:
    """Return what the page of a question shows.

    Args:
        unstored: the answer of the present request, where it was not stored.
        visitor_answers: all answers of a visitor, which are never stored.
        card: the reader's; read here where it is not given.
    """
    member = request.user if isinstance(request.user, User) else None
    revision, is_open = attempt.revision, revealed or attempt.is_revealed
    # a verdict gives the reference answer away
    quotes = selectors.verdicts.quotes_of(reader_of(request), revision) if is_open else []
    folds = _folds(quotes, question, _page_of(question, attempt, in_review=in_review))
    variant = question_variant(revision, attempt.seed)
    verdicts = _quotes_html(request, folds) if is_open else ""
    page = question_page(revision, variant, verdicts=verdicts, find_missing=selectors.links.missing)
    answers: parts.Answers = visitor_answers or {}
    if member and not attempt._state.adding:
        answers = selectors.attempts.answers_of(attempt)
    hints = attempt.hints if member else None
    writes = _writes(question, page)
    state = PartsState(
        page,
        answers,
        unstored,
        revealed=is_open,
        hints=hints,
        writes=writes,
        writes_first=writes and bool(page.parts) and question.kinds[0] in WRITTEN_KINDS,
    )
    return {
        "question": question,
        "revision": revision,
        "attempt": attempt,
        "page": page,
        "revealed": is_open,
        "in_review": in_review,
        "back": question.get_absolute_url(),
        "earlier": _earlier(visitor_answers or {}),
        # annotated by selectors.questions.question_for; the review shows no note
        "note": note or NoteForm(initial={"note": getattr(question, "note", "")}),
        **_title_block(question),
        **(_answer(page) if is_open else {}),
        **_parts(state),
        **_written(state),
        **_times(attempt),
        **_beside(revision, folds, is_open=is_open, in_review=in_review),
        **_card(member, question, attempt, card, is_open=is_open),
        **_grade(page, attempt, answers, writes=state.writes),
        **({} if in_review else _ways(member, question, attempt)),
    }


def _ways(member: User | None, question: Question, attempt: Attempt) -> dict[str, Any]:
    """Return where one may go on: the questions beside this one in its topic, and once it is graded
    the question that is due next.
    """
    before, after = (None, None) if question.is_private else bank.neighbours(question)
    is_graded = member is not None and attempt.counting_review_id is not None
    due = selectors.cards.next_due_question(member, question) if member and is_graded else None
    return {"before": before, "after": after, "due": due}


def _answer(page: QuestionPage) -> dict[str, Any]:
    return {
        "is_long": presenters.questions.is_long(page),
        "answer_sections": presenters.questions.answer_sections(page),
    }


def _title_block(question: Question) -> dict[str, Any]:
    return {
        "kinds": question.kinds,
        "topic": topic_title(question.topic),
        "max_difficulty": MAX_DIFFICULTY,
    }


def _parts(state: PartsState) -> dict[str, Any]:
    """Return the parts, each with its last answer, and the hints of the whole question."""
    return {
        "parts": presenters.questions.present_parts(state),
        "hints": presenters.questions.present_hints(state, "", state.page.hints),
        "sures": Answer.Sure.choices,
    }


def _writes(question: Question, page: QuestionPage) -> bool:
    """Return whether a question asks for a written answer; a private card is recalled."""
    if question.is_private:
        return False
    return bool(WRITTEN_KINDS & set(question.kinds)) or not page.parts


def _written(state: PartsState) -> dict[str, Any]:
    """Return the written answer, whether the reader writes one here, and the signs that help to
    write code.
    """
    return {
        "written": presenters.questions.present_written(state),
        "writes": state.writes,
        "writes_first": state.writes_first,
        "signs": CODE_SIGNS,
    }


def _grade(
    page: QuestionPage, attempt: Attempt, answers: parts.Answers, *, writes: bool
) -> dict[str, Any]:
    """Return what the grade row needs beside its buttons: the key points that were ticked, which
    grade follows from what, who gave the grade, and the identifier of the next one.
    """
    hints = attempt.hints_open_for("")
    points = answers.get("points")
    return {
        "ticked": points[-1].entered["ticked"] if points else [],
        "rule": presenters.questions.grade_rule(page.variant, answers, hints, writes=writes),
        "grade_note": presenters.questions.grade_note(attempt, parts.result(page.variant, answers)),
        "review_id": services.answers.next_review_id(attempt),
    }


def _earlier(visitor_answers: parts.Answers) -> str:
    """Return a visitor's answers as JSON: their forms carry them along."""
    return json.dumps({part: rows[-1].entered for part, rows in visitor_answers.items()})


def _card(
    member: User | None,
    question: Question,
    attempt: Attempt,
    card: Card | None,
    *,
    is_open: bool,
) -> dict[str, Any]:
    """Return the reader's card, how often it was reviewed, and the grade row."""
    if member is None:
        return {"card": None, "seen": 0, "rating": None, "rating_buttons": []}
    card = card or selectors.cards.card_of(member, question)
    reviews = selectors.cards.rated_reviews(card) if card else []
    counting = (row.rating for row in reviews if row.review_id == attempt.counting_review_id)
    buttons = []
    if is_open:
        plan, at = selectors.plans.plan_of(member), now()
        day = days.day_of(at, member.time_zone)
        buttons = presenters.questions.rating_buttons(card, reviews, attempt, plan, at, day)
    return {
        "card": card,
        "seen": len(reviews),
        "rating": next(counting, None),
        "rating_buttons": buttons,
    }


def _beside(
    revision: Revision, quotes: Sequence[FoldedQuote], *, is_open: bool, in_review: bool
) -> dict[str, Any]:
    """Return what stands beside the question: labs, verdicts of own runs, related questions."""
    return {
        "labs": [] if in_review else selectors.labs.labs_by_slug(revision.labs),
        # a verdict gives the answer away, and so may a title
        "own_quotes": [row for row in quotes if row[0].is_own] if is_open else [],
        "related": bank.related(revision) if is_open and not in_review else [],
    }


# ---------------------------------------------------------------- times


def _times(attempt: Attempt) -> dict[str, int]:
    """Return in milliseconds the site's present time, and the time at which this page would have
    been opened, had the time spent before been spent just now.
    """
    at = now()
    return {
        "now_at": _milliseconds(at),
        "shown_at": _milliseconds(at - selectors.attempts.time_spent(attempt, at)),
    }


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# ---------------------------------------------------------------- verdicts


def _page_of(question: Question, attempt: Attempt, *, in_review: bool) -> str:
    """Return the path that shows the revealed answer again."""
    return review_url(attempt) if in_review else f"{question.get_absolute_url()}?reveal=1"


def _folds(quotes: Sequence[VerdictQuote], question: Question, page: str) -> list[FoldedQuote]:
    back, rows, subjects = question.get_absolute_url(), list[FoldedQuote](), set[Subject]()
    for quote in quotes:
        fold, subject = None, subject_of(quote.run)
        if quote.verdict is None:
            fold = runs.fold(quote.run, page, back=back)
            fold = replace(fold, is_repeated=subject in subjects)
            subjects.add(subject)
        rows.append((quote, fold))
    return rows


def _quotes_html(request: HttpRequest, quotes: Sequence[FoldedQuote]) -> str:
    """Return what `{{verdicts}}` in the reference answer stands for."""
    if not quotes:
        return ""
    return render_to_string("progress/_verdict_quotes.html", {"quotes": quotes}, request)
