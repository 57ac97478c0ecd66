"""A question and an attempt at it, as programs get them. What is hidden on the page is not here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.models import User
from apps.api.serializers import Id, Moment, Output, utc, utc_or_none
from apps.common.text import in_language
from apps.experiments.reader import reader_of
from apps.progress import presenters, selectors, services
from apps.progress.models import Answer, Attempt, Rating
from apps.progress.presenters.questions import (
    PartsState,
    PresentedDerivation,
    PresentedHints,
    PresentedPart,
)
from apps.progress.selectors.verdicts import VerdictQuote
from apps.questions import marking
from apps.questions.api import SUMMARY_EXAMPLE, QuestionSummary, question_summary
from apps.questions.models import Question
from apps.questions.selectors import PartHtml, QuestionPage, question_page, question_variant
from apps.questions.variants import PART_KINDS, ChoicePart, DerivationPart, NumericPart

Html = serializers.CharField
OUTCOMES = (*Answer.Outcome.values, "")


def html_list(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), **options)


# ---------------------------------------------------------------- the question


class QuestionOption(Output):
    key = serializers.CharField(help_text="That an answer names.")
    html = Html()


class QuestionPart(Output):
    name = serializers.CharField(help_text="That an answer names; steps have names of their own.")
    kind = serializers.ChoiceField(PART_KINDS)
    html = Html()
    unit = serializers.CharField(help_text="Of the number.")
    precision = serializers.CharField(help_text="How close a number must be.")
    takes_several = serializers.BooleanField(help_text="More than one option may be right.")
    options = QuestionOption(many=True, help_text="In the order of this variant.")
    step_count = serializers.IntegerField()
    hint_count = serializers.IntegerField(help_text="Of its own.")


class QuestionDetail(QuestionSummary):
    statement = serializers.CharField(
        help_text="Markdown with TeX; `{{n}}` is a sampled number. An imported private card: HTML."
    )
    statement_html = Html(help_text="With the numbers of the variant.")
    seed = serializers.IntegerField(help_text="Of the variant.")
    values = serializers.DictField(
        child=serializers.FloatField(), help_text="The sampled numbers, by name."
    )
    starter_code = serializers.CharField(help_text="Python, of a code question.")
    parts = QuestionPart(many=True)
    hint_count = serializers.IntegerField(help_text="Of the whole question.")
    point_count = serializers.IntegerField(help_text="Key points of a written answer.")
    revision_number = serializers.IntegerField()
    lab_ids = serializers.ListField(child=serializers.CharField())
    is_bookmarked = serializers.BooleanField()
    open_attempt_id = Id(allow_null=True, help_text="Your attempt of today that is not over.")


PART_EXAMPLE = {
    "name": "1",
    "kind": "numeric",
    "html": "<p>Let n be 12. How long?</p>",
    "unit": "ms",
    "precision": "An answer within 1% counts as right.",
    "takes_several": False,
    "options": [],
    "step_count": 0,
    "hint_count": 1,
}
TEXT_EXAMPLE = {
    "statement": "A model doubles its time with each of {{n}} layers.",
    "statement_html": "<p>A model doubles its time with each of 12 layers.</p>",
    "seed": 5,
    "values": {"n": 12.0},
    "starter_code": "",
    "parts": [PART_EXAMPLE],
    "hint_count": 2,
    "point_count": 3,
    "revision_number": 1,
}
QUESTION_EXAMPLE = {
    **SUMMARY_EXAMPLE,
    **TEXT_EXAMPLE,
    "lab_ids": ["dead-relu"],
    "is_bookmarked": False,
    "open_attempt_id": None,
}


def page_of(attempt: Attempt) -> QuestionPage:
    """Return the question of an attempt in its variant."""
    variant = question_variant(attempt.revision, attempt.seed)
    return question_page(attempt.revision, variant, find_missing=selectors.links.missing)


def question_detail(request: Request, question: Question, attempt: Attempt) -> dict[str, Any]:
    """Return a question as it is before the reveal.

    Args:
        attempt: the reader's open one, or the next; not stored then.
    """
    page, is_stored = page_of(attempt), not attempt._state.adding
    return {
        **question_summary(request, question),
        **_texts(page),
        "parts": [_part(texts) for texts in page.parts],
        "lab_ids": [lab.slug for lab in selectors.labs.labs_by_slug(attempt.revision.labs)],
        "is_bookmarked": question.is_kept,  # type: ignore[attr-defined] # annotated
        "open_attempt_id": str(attempt.pk) if is_stored else None,
    }


def _texts(page: QuestionPage) -> dict[str, Any]:
    return {
        "statement": page.source,
        "statement_html": page.statement,
        "seed": page.variant.seed,
        "values": {name: float(value) for name, value in page.variant.values.items()},
        "starter_code": page.variant.starter,
        "hint_count": page.variant.hints,
        "point_count": page.variant.points,
        "revision_number": page.revision.number,
    }


def _part(texts: PartHtml) -> dict[str, Any]:
    part = texts.part
    return {
        "name": part.name,
        "kind": texts.kind,
        "html": texts.html,
        "unit": in_language(part.unit) if isinstance(part, NumericPart) else "",
        "precision": marking.tolerance(part) if isinstance(part, NumericPart) else "",
        "takes_several": isinstance(part, ChoicePart) and part.takes_several,
        "options": [{"key": option.key, "html": option.html} for option in texts.options],
        "step_count": len(part.steps) if isinstance(part, DerivationPart) else 0,
        "hint_count": part.hints,
    }


# ---------------------------------------------------------------- an attempt


class AttemptSummary(Output):
    id = Id()
    question_id = Id()
    number = serializers.IntegerField(help_text="Of your attempts at the question, from 0.")
    revision_number = serializers.IntegerField()
    day = serializers.DateField(help_text="Yours: it begins at 04:00.")
    is_revealed = serializers.BooleanField()
    is_over = serializers.BooleanField(help_text="Rated, or followed by another.")
    started_at = Moment()
    revealed_at = Moment(allow_null=True)


class GivenAnswer(Output):
    place = serializers.IntegerField(help_text="From 1; the first one counts.")
    entered = serializers.DictField()
    outcome = serializers.ChoiceField(Answer.Outcome.choices)
    confidence = serializers.IntegerField(allow_null=True)
    rating = serializers.ChoiceField(Rating.choices, allow_null=True)
    created_at = Moment()


class AttemptOption(QuestionOption):
    is_chosen = serializers.BooleanField()
    reason_html = Html(help_text="Once it is shown: why the option is right or not.")


class Answerable(Output):
    outcome = serializers.ChoiceField(OUTCOMES, help_text="Of the last answer; empty: none.")
    feedback = serializers.CharField()
    note = serializers.CharField(help_text="How the last answer was read.")
    is_done = serializers.BooleanField()
    right_answer = serializers.CharField(help_text="Once it is shown.")
    given_answers = GivenAnswer(many=True)


class AttemptStep(Answerable):
    name = serializers.CharField()
    html = Html()
    symbols = serializers.ListField(
        child=serializers.CharField(),
        help_text="Of the expression; none: you mark the step yourself.",
    )


class AttemptPart(QuestionPart, Answerable):
    options = AttemptOption(many=True, help_text="In the order of this variant.")
    open_steps = AttemptStep(many=True, help_text="Those that are done, and the next.")
    open_hints_html = html_list()


class AttemptQuote(Output):
    claim = serializers.CharField()
    statement = serializers.CharField()
    run_id = Id()
    is_own = serializers.BooleanField(help_text="Of your own run; else of the recorded one.")
    is_folded = serializers.BooleanField(help_text="Hidden until you predict it, or open it.")
    outcome = serializers.CharField(help_text="Empty: folded.")
    sentence = serializers.CharField()


class AttemptFollowUp(Output):
    question_html = Html()
    answer_html = Html()


class ReferenceAnswer(Output):
    short_answer_html = Html()
    answer_html = Html()
    reference_code = serializers.CharField()
    points_html = html_list(help_text="Key points, by the number that `ticked` takes.")
    mistakes_html = html_list()
    follow_ups = AttemptFollowUp(many=True)
    verdict_quotes = AttemptQuote(many=True)


class AttemptDetail(AttemptSummary):
    title = serializers.CharField()
    statement = serializers.CharField(
        help_text="Markdown with TeX; `{{n}}` is a sampled number. An imported private card: HTML."
    )
    statement_html = Html(help_text="With the numbers of the variant.")
    seed = serializers.IntegerField(help_text="Of the variant.")
    values = serializers.DictField(child=serializers.FloatField())
    starter_code = serializers.CharField()
    hint_count = serializers.IntegerField()
    point_count = serializers.IntegerField()
    parts = AttemptPart(many=True)
    written = Answerable(help_text="The answer in your own words, or code.")
    open_hints_html = html_list(help_text="Of the whole question.")
    reference_answer = ReferenceAnswer(allow_null=True, help_text="Once it is revealed.")
    ticked = serializers.ListField(child=serializers.IntegerField())
    rating = serializers.ChoiceField(
        Rating.choices, allow_null=True, help_text="That counts: 1 (Again) to 4 (Easy)."
    )
    due_at = Moment(allow_null=True, help_text="When its card comes again.")
    next_review_id = Id(help_text="For the next rating, so that it is stored once.")


ATTEMPT = "9b1e0000-0000-4000-8000-00000000beef"
ATTEMPT_SUMMARY_EXAMPLE = {
    "id": ATTEMPT,
    "question_id": "relu-pros-cons",
    "number": 0,
    "revision_number": 1,
    "day": "2026-11-02",
    "is_revealed": False,
    "is_over": False,
    "started_at": "2026-11-02T08:15:00.000Z",
    "revealed_at": None,
}
_ANSWERABLE_EXAMPLE = {
    "outcome": "",
    "feedback": "",
    "note": "",
    "is_done": False,
    "right_answer": "",
    "given_answers": [],
}
ATTEMPT_EXAMPLE = {
    **ATTEMPT_SUMMARY_EXAMPLE,
    **TEXT_EXAMPLE,
    "title": "Why ReLU?",
    "parts": [
        {**PART_EXAMPLE, **_ANSWERABLE_EXAMPLE, "open_steps": [], "open_hints_html": []},
    ],
    "written": _ANSWERABLE_EXAMPLE,
    "open_hints_html": [],
    "reference_answer": None,
    "ticked": [],
    "rating": None,
    "due_at": None,
    "next_review_id": "c2f60000-0000-5000-8000-00000000beef",
}


def attempt_summary(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": str(attempt.pk),
        "question_id": attempt.question.slug,
        "number": attempt.number,
        "revision_number": attempt.revision.number,
        "day": attempt.day.isoformat(),
        "is_revealed": attempt.is_revealed,
        "is_over": attempt.over,
        "started_at": utc(attempt.started_at),
        "revealed_at": utc_or_none(attempt.revealed_at),
    }


def attempt_detail(request: Request, attempt: Attempt) -> dict[str, Any]:
    """Return an attempt of who asks, with the reference answer once it is revealed."""
    page, is_open = page_of(attempt), attempt.is_revealed
    answers = selectors.attempts.answers_of(attempt)
    state = PartsState(page, answers, None, revealed=is_open, hints=attempt.hints)
    shown = presenters.questions.present_parts(state)
    points = answers.get("points")
    assert isinstance(request.user, User)
    card = selectors.cards.card_of(request.user, attempt.question)
    reviews = selectors.cards.rated_reviews(card) if card else []
    counting = (row.rating for row in reviews if row.review_id == attempt.counting_review_id)
    return {
        **attempt_summary(attempt),
        **_texts(page),
        "title": in_language(page.revision, "title"),
        "parts": [
            {**_part(texts), **_attempt_part(part)}
            for texts, part in zip(page.parts, shown, strict=True)
        ],
        "written": _answerable(presenters.questions.present_written(state)),
        "open_hints_html": _opened(presenters.questions.present_hints(state, "", page.hints)),
        "reference_answer": _reference_answer(request, page) if is_open else None,
        "ticked": points[-1].entered["ticked"] if points else [],
        "rating": next(counting, None),
        "due_at": utc(card.due) if card and reviews else None,
        "next_review_id": str(services.answers.next_review_id(attempt)),
    }


def _attempt_part(part: PresentedPart | PresentedDerivation) -> dict[str, Any]:
    if isinstance(part, PresentedDerivation):
        return {
            "outcome": "",
            "feedback": "",
            "note": "",
            "is_done": all(step.is_done for step in part.steps) and len(part.steps) == part.of,
            "right_answer": "",
            "given_answers": [],
            "open_steps": [_step(step) for step in part.steps],
            "open_hints_html": _opened(part.hints),
        }
    return {
        **_answerable(part),
        "options": [
            {
                "key": row.option.key,
                "html": row.option.html,
                "is_chosen": row.is_chosen,
                "reason_html": row.option.reason if row.reason else "",
            }
            for row in part.options
        ],
        "open_steps": [],
        "open_hints_html": _opened(part.hints),
    }


def _answerable(part: PresentedPart) -> dict[str, Any]:
    return {
        "outcome": part.mark.outcome if part.mark and part.mark.was_read else "",
        "feedback": part.feedback,
        "note": part.mark.note if part.mark else "",
        "is_done": part.is_done,
        "right_answer": part.right_answer if part.revealed else "",
        "given_answers": [
            {
                "place": answer.place,
                "entered": answer.entered,
                "outcome": answer.outcome,
                "confidence": answer.confidence,
                "rating": answer.rating,
                "created_at": utc(answer.created_at),
            }
            for answer in part.answers
        ],
    }


def _step(step: PresentedPart) -> dict[str, Any]:
    shows_answer = step.check is not None and (step.is_done or step.revealed)
    return {
        **_answerable(step),
        "name": step.name,
        "html": step.html,
        "symbols": list(step.check.symbols) if step.check else [],
        "right_answer": step.check.answer if step.check and shows_answer else "",
    }


def _opened(hints: PresentedHints | None) -> list[str]:
    return [str(hint) for hint in hints.opened] if hints else []


def _reference_answer(request: Request, page: QuestionPage) -> dict[str, Any]:
    quotes = selectors.verdicts.quotes_of(reader_of(request._request), page.revision)
    return {
        "short_answer_html": page.short_answer,
        "answer_html": page.answer,
        "reference_code": page.revision.reference,
        "points_html": list(page.points),
        "mistakes_html": list(page.mistakes),
        "follow_ups": [
            {"question_html": row.question, "answer_html": row.answer} for row in page.follow_ups
        ],
        "verdict_quotes": [_quote(quote) for quote in quotes],
    }


def _quote(quote: VerdictQuote) -> dict[str, Any]:
    return {
        "claim": quote.claim,
        "statement": quote.statement,
        "run_id": str(quote.run.pk),
        "is_own": quote.is_own,
        "is_folded": quote.verdict is None,
        "outcome": quote.verdict.outcome if quote.verdict else "",
        "sentence": quote.verdict.sentence if quote.verdict else "",
    }
