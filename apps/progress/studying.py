"""Every write to what a learner answers: hints, checks, the reveal, and the grade that follows.
Each is one transaction.

An attempt is locked by whoever writes to it, so that two presses at once are one after the other;
what comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import BadRequest, Refused
from apps.common.text import clean_json, length
from apps.progress import parts, rating_rules, selectors, services
from apps.progress.attempts import ANY_STATE, FormState, locked_attempt, open_attempt, out_of_date
from apps.progress.models import Answer, Attempt, GradedBy, Review, ReviewSession
from apps.questions import marking
from apps.questions.marking import Mark
from apps.questions.models import Question, Revision
from apps.questions.selectors import QuestionPage, question_page

# a grade may be changed so long; later it would be a review that never was
CHANGEABLE = timedelta(days=1)


class AlreadyRevealed(Refused):
    """The answer is open: what is typed now proves nothing."""

    code = "already-revealed"


@dataclass(frozen=True)
class Checked:
    """What came of an answer; no answer where it could not be read."""

    attempt: Attempt
    mark: Mark
    answer: Answer | None


@transaction.atomic
def open_hint(
    *,
    user: User,
    question: Question,
    number: int,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Attempt:
    """Open the hint `number` (from 1); those before it are open then too, and Hard is the most that
    a check can bring.
    """
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    most = attempt.revision.texts.filter(kind="hint").count()
    if number > attempt.hints and not attempt.over:
        attempt.hints = min(attempt.hints + 1, most)  # one at a time
        attempt.save(update_fields=["hints"])
    return attempt


@transaction.atomic
def check_answer(
    *,
    user: User,
    question: Question,
    part: str,
    said: Mapping[str, Any],
    key: UUID,
    confidence: int | None = None,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Checked:
    """Check an answer to a part, or keep what was written. What cannot be read costs nothing, and
    is not stored.

    Args:
        said: `text` of a number, an expression or something written; `chosen` keys of options;
            `own` (had, missed) of a step.
        key: the form's: the same again returns what came of it first.
    Raises:
        AlreadyRevealed: the answer is open.
        BadRequest: the question has no such part.
    """
    if made := _answer_with(user, key):
        return made
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    if made := _answer_with(user, key):  # of two posts at once, the second waited for the first
        return made
    page = question_page(attempt.revision, attempt.seed)
    if part == parts.POINTS or not parts.exists(page, part):
        raise BadRequest(_("This question has no such part. Reload the page."))
    if attempt.is_revealed:
        raise AlreadyRevealed(
            _(
                "The answer has already been revealed. Grade yourself, or come back for "
                "another variant."
            )
        )
    if attempt.over:
        raise BadRequest(out_of_date())
    mark = mark_of(page, part, said)
    if not mark.was_read:
        return Checked(attempt, mark, None)
    answer = _store(attempt, part, said, mark, key, confidence)
    return Checked(attempt, mark, answer)


def _store(
    attempt: Attempt,
    part: str,
    said: Mapping[str, Any],
    mark: Mark,
    key: UUID,
    confidence: int | None,
) -> Answer:
    """Store an answer that was read. The first to its part carries the grade; the attempt is
    locked, so there is one first.
    """
    before = Answer.objects.filter(attempt=attempt, part=part).count()
    return Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=part,
        place=before + 1,
        seed=attempt.seed,
        entered=clean_json(dict(said)),
        was_read=clean_json(
            mark.value if mark.value is not None else said.get("chosen") or said.get("text")
        ),
        outcome=mark.outcome,
        hints=attempt.hints,
        confidence=confidence if part == parts.NUMERIC else None,
        rating=_rating(part, mark, attempt.hints) if before == 0 else None,
        graded_by=parts.GRADED_BY[parts.kind_of(part)]
        if parts.kind_of(part) in parts.GRADED_BY and "own" not in said
        else GradedBy.SELF,
        key=key,
    )


def _answer_with(user: User, key: UUID) -> Checked | None:
    found = Answer.objects.filter(user=user, key=key).select_related("attempt__revision").first()
    if found is None:
        return None
    return Checked(
        found.attempt,
        mark_again(question_page(found.attempt.revision, found.attempt.seed), found),
        found,
    )


def _rating(part: str, mark: Mark, hints: int) -> int | None:
    return (
        None if mark.outcome == Answer.Outcome.KEPT else rating_rules.of_check(mark.is_right, hints)
    )


def mark_of(page: QuestionPage, part: str, said: Mapping[str, Any]) -> Mark:
    """Mark an answer to a part: right, wrong, unread, or kept where the learner marks it."""
    kind, number = parts.kind_of(part), parts.number_of(part)
    if kind == parts.STEP and ("own" in said or page.steps[number].check is None):
        return Mark(
            marking.RIGHT
            if said.get("own") == "had" and page.steps[number].check is None
            else marking.WRONG
        )
    text = str(said.get("text", ""))
    if kind == parts.NUMERIC and page.variant is not None:
        return marking.numeric(text, page.variant, page.revision.facts["variant"].get("unit"))
    if kind == parts.CHOICE:
        choice = page.choices[number]
        return marking.choice(list(said.get("chosen", [])), choice.facts, choice.keys)
    if kind == parts.STEP:
        return marking.derivation(text, page.steps[number].check or {}, page.seed)
    if not is_written(page.revision, text):
        return Mark(marking.UNREAD, message=_("You haven't written anything."))
    if length(text) > Answer.MAX_WRITTEN_LENGTH:
        return Mark(
            marking.UNREAD,
            message=_("That is too long to save. Shorten it to %(n)s characters.")
            % {"n": Answer.MAX_WRITTEN_LENGTH},
        )
    return Mark(Answer.Outcome.KEPT)


def unstored_answers(
    page: QuestionPage, answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Answer]]:
    """Return a visitor's answers to the parts that can be checked, marked and not stored; without
    those that cannot be read.
    """
    checkable = (parts.NUMERIC, parts.CHOICE, parts.STEP)
    marked = {
        part: (said, mark_of(page, part, said))
        for part, said in answers.items()
        if parts.kind_of(part) in checkable and parts.exists(page, part)
    }
    return {
        part: [Answer(part=part, entered=dict(said), outcome=mark.outcome)]
        for part, (said, mark) in marked.items()
        if mark.was_read
    }


def is_written(revision: Revision, text: str) -> bool:
    """Say whether a text holds more than the starter that its field began with."""
    return "".join(text.split()) not in ("", "".join(revision.starter.split()))


def mark_again(page: QuestionPage, answer: Answer) -> Mark:
    """Return what was said of an answer when it was made: marks are functions of revision, seed
    and answer.
    """
    return mark_of(page, answer.part, answer.entered)


# ---------------------------------------------------------------- the reveal, and grades


@transaction.atomic
def reveal(
    *,
    user: User,
    question: Question,
    session: ReviewSession | None = None,
    seconds: float = 0.0,
    at: datetime | None = None,
    seen: FormState = ANY_STATE,
) -> Attempt:
    """Open the answer. What was checked grades itself now; else the learner grades next. Opening it
    again changes nothing.
    """
    held = open_attempt(user=user, question=question, session=session, seen=seen)
    if held.is_revealed or held.over:
        return held
    held.revealed_at = now()
    held.save(update_fields=["revealed_at"])
    found = parts.result(question_page(held.revision, held.seed), selectors.answers_of(held))
    if found.rating is not None:
        _record(held, held.pk, found.rating, found.graded_by, at, seconds)
    return held


@transaction.atomic
def rate(
    *,
    user: User,
    question: Question,
    review_id: UUID,
    rating: int,
    at: datetime | None = None,
    seconds: float = 0.0,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> Review:
    """Store the grade that a learner gives to an attempt; the same `review_id` again changes
    nothing.

    Of several the one that was given last counts, whatever order they come in.

    Raises:
        BadRequest: the grade that stands was given more than a day before.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if stored := _review_with(user, question, review_id):
        return stored
    held = open_attempt(user=user, question=question, session=session, seen=seen)
    if held.revealed_at is None:
        held.revealed_at = now()
    stands = (
        _review_with(user, question, held.counting_review_id) if held.counting_review_id else None
    )
    if stands is not None and (at or now()) - stands.at > CHANGEABLE:
        raise BadRequest(out_of_date())
    if stands is not None and at is not None and at < stands.at:
        services.take_back(user=user, question=question, review_id=review_id, session=held.session)
        return _store_review(held, review_id, rating, GradedBy.SELF, at, seconds)
    if stands is not None:
        services.take_back(
            user=user, question=question, review_id=stands.review_id, session=held.session
        )
    return _record(held, review_id, rating, GradedBy.SELF, at, seconds)


@transaction.atomic
def tick_points(
    *,
    user: User,
    question: Question,
    attempt: UUID,
    ticked: Sequence[int],
    review_id: UUID | None = None,
    seconds: float = 0.0,
) -> Review:
    """Grade a written answer by the key points that were in it; with checked parts, the lowest
    counts.

    Args:
        review_id: of the form: the same again changes nothing.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # before the attempt, as everywhere
    if review_id and (stored := _review_with(user, question, review_id)):
        return stored
    held = locked_attempt(user, question, attempt)
    if held is None or not held.is_revealed:
        raise BadRequest(_("Reveal the answer first, then tick the points you covered."))
    page, answers = question_page(held.revision, held.seed), selectors.answers_of(held)
    kept = sorted({number for number in ticked if 0 <= number < len(page.points)})
    own = rating_rules.of_points(len(kept), len(page.points), held.hints)
    _store_points(held, kept, own, len(answers.get(parts.POINTS, ())) + 1)
    lowest = rating_rules.of_parts([own, parts.result(page, answers).rating]) or own
    return rate(
        user=user,
        question=question,
        review_id=review_id or next_review_id(held),
        rating=lowest,
        seconds=seconds,
        session=held.session,
        seen=FormState(held.pk),
    )


def _store_points(held: Attempt, kept: Sequence[int], own: int, place: int) -> None:
    Answer.objects.create(
        user=held.user,
        attempt=held,
        revision=held.revision,
        part=parts.POINTS,
        place=place,
        seed=held.seed,
        entered={"ticked": kept},
        outcome=Answer.Outcome.KEPT,
        hints=held.hints,
        rating=own,
        graded_by=GradedBy.SELF,
        key=uuid5(held.pk, f"points-{place}"),
    )


def _review_with(user: User, question: Question, review_id: UUID) -> Review | None:
    return Review.objects.filter(user=user, card__question=question, review_id=review_id).first()


def next_review_id(attempt: Attempt) -> UUID:
    """Return the name of the next grade of an attempt: forms carry it, so that a second press is no
    second grade.
    """
    return uuid5(attempt.pk, f"grade-{attempt.ratings_given}")


def _record(
    held: Attempt, review_id: UUID, rating: int, graded_by: str, at: datetime | None, seconds: float
) -> Review:
    """Store the grade of an attempt that counts from now on."""
    review = _store_review(held, review_id, rating, graded_by, at, seconds)
    held.counting_review_id, held.over, held.ratings_given = review_id, True, held.ratings_given + 1
    held.save(update_fields=["counting_review_id", "over", "ratings_given", "revealed_at"])
    return review


def _store_review(
    held: Attempt, review_id: UUID, rating: int, graded_by: str, at: datetime | None, seconds: float
) -> Review:
    return services.record(
        user=held.user,
        question=held.question,
        review_id=review_id,
        rating=rating,
        graded_by=graded_by,
        at=at,
        seconds=seconds,
        session=held.session,
    )
