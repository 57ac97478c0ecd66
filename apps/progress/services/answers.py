"""What a learner answers: parts checked, the reference answer revealed, and the rating that
follows. Idempotent: each form carries a key or the `review_id` of its rating.
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
from apps.accounts.services import lock_user
from apps.common.clock import now
from apps.common.errors import BadRequest, Refused
from apps.common.text import clean_json
from apps.progress import parts, rating_rules, selectors
from apps.progress.models import Answer, Attempt, GradedBy, Review, ReviewSession
from apps.progress.services import reviews
from apps.progress.services.attempts import ANY_STATE, FormState, open_attempt, out_of_date
from apps.progress.services.locks import lock_attempt
from apps.questions.marking import Mark
from apps.questions.models import Question
from apps.questions.selectors import question_page

# how long a rating may be replaced; later, the attempt would move to a day without a review
REPLACEABLE_FOR = timedelta(days=1)


class AlreadyRevealed(Refused):
    """The reference answer is open: an answer given now is not the learner's own."""

    code = "already-revealed"


@dataclass(frozen=True)
class CheckedAnswer:
    """An answer that was checked; `answer` is None where the input was invalid."""

    attempt: Attempt
    mark: Mark
    answer: Answer | None


# ---------------------------------------------------------------- checks


@transaction.atomic
def check_answer(
    *,
    user: User,
    question: Question,
    part: str,
    entered: Mapping[str, Any],
    key: UUID,
    confidence: int | None = None,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> CheckedAnswer:
    """Check an answer to a part, or save what was written. Invalid input is neither rated nor
    stored.

    Args:
        entered: as `parts.mark` takes it.
        key: idempotency key of the form: the same key again returns the stored answer.
    Raises:
        AlreadyRevealed: the reference answer is open.
        BadRequest: the question has no such part.
    """
    if stored := _stored_with(user, key):
        return stored
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    if stored := _stored_with(user, key):  # of two concurrent posts, the second waited here
        return stored
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
        raise out_of_date()
    mark = parts.mark(page, part, entered)
    if not mark.was_read:
        return CheckedAnswer(attempt, mark, None)
    return CheckedAnswer(attempt, mark, _store(attempt, part, entered, mark, key, confidence))


def _stored_with(user: User, key: UUID) -> CheckedAnswer | None:
    rows = Answer.objects.filter(user=user, key=key)
    answer = rows.select_related("attempt__revision").first()
    if answer is None:
        return None
    page = question_page(answer.attempt.revision, answer.attempt.seed)
    return CheckedAnswer(answer.attempt, parts.mark(page, answer.part, answer.entered), answer)


def _store(
    attempt: Attempt,
    part: str,
    entered: Mapping[str, Any],
    mark: Mark,
    key: UUID,
    confidence: int | None,
) -> Answer:
    """Store an answer. The first to its part carries the rating; the attempt is locked, so there is
    exactly one first.
    """
    earlier = Answer.objects.filter(attempt=attempt, part=part).count()
    value = mark.value if mark.value is not None else entered.get("chosen") or entered.get("text")
    graded_by = parts.GRADED_BY.get(parts.kind_of(part), GradedBy.SELF)
    return Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=part,
        place=earlier + 1,
        seed=attempt.seed,
        entered=clean_json(dict(entered)),
        was_read=clean_json(value),
        outcome=mark.outcome,
        hints=attempt.hints,
        confidence=confidence if part == parts.NUMERIC else None,
        rating=parts.rating_of(mark, attempt.hints) if earlier == 0 else None,
        graded_by=GradedBy.SELF if "own" in entered else graded_by,
        key=key,
    )


# ---------------------------------------------------------------- the reveal, and ratings


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
    """Open the reference answer. Checked parts are rated now; without any, the learner rates next.
    Idempotent.
    """
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    if attempt.is_revealed or attempt.over:
        return attempt
    attempt.revealed_at = now()
    attempt.save(update_fields=["revealed_at"])
    page = question_page(attempt.revision, attempt.seed)
    result = parts.result(page, selectors.attempts.answers_of(attempt))
    if result.rating is not None:
        _record_counting(attempt, attempt.pk, result.rating, result.graded_by, at, seconds)
    return attempt


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
    """Store the rating that a learner gives to an attempt; idempotent by `review_id`.

    Of several ratings the one that was given last counts, in whatever order they arrive.

    Raises:
        BadRequest: the rating that counts was given more than `REPLACEABLE_FOR` before.
    """
    lock_user(user)
    if stored := _review_with(user, question, review_id):
        return stored
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    if attempt.revealed_at is None:
        attempt.revealed_at = now()
    counting = _review_with(user, question, attempt.counting_review_id)
    if counting is None:
        return _record_counting(attempt, review_id, rating, GradedBy.SELF, at, seconds)
    if (at or now()) - counting.at > REPLACEABLE_FOR:
        raise out_of_date()
    if at is not None and at < counting.at:  # an earlier rating that arrives late never counts
        _take_back(attempt, review_id)
        return _record(attempt, review_id, rating, GradedBy.SELF, at, seconds)
    _take_back(attempt, counting.review_id)
    return _record_counting(attempt, review_id, rating, GradedBy.SELF, at, seconds)


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
    """Rate a written answer by the key points that it covered; with checked parts, the lowest
    rating counts.

    Args:
        review_id: of the form, for idempotency.
    Raises:
        BadRequest: the reference answer is not open.
    """
    lock_user(user)
    if stored := _review_with(user, question, review_id):
        return stored
    revealed = lock_attempt(user, question, attempt)
    if revealed is None or not revealed.is_revealed:
        raise BadRequest(_("Reveal the answer first, then tick the points you covered."))
    page = question_page(revealed.revision, revealed.seed)
    answers = selectors.attempts.answers_of(revealed)
    covered = sorted({number for number in ticked if 0 <= number < len(page.points)})
    rating = rating_rules.of_points(len(covered), len(page.points), revealed.hints)
    _store_points(revealed, covered, rating, len(answers.get(parts.POINTS, ())) + 1)
    lowest = rating_rules.of_parts([rating, parts.result(page, answers).rating])
    return rate(
        user=user,
        question=question,
        review_id=review_id or next_review_id(revealed),
        rating=lowest or rating,
        seconds=seconds,
        session=revealed.session,
        seen=FormState(revealed.pk),
    )


def _store_points(attempt: Attempt, covered: Sequence[int], rating: int, place: int) -> None:
    Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=parts.POINTS,
        place=place,
        seed=attempt.seed,
        entered={"ticked": covered},
        outcome=Answer.Outcome.KEPT,
        hints=attempt.hints,
        rating=rating,
        graded_by=GradedBy.SELF,
        key=uuid5(attempt.pk, f"points-{place}"),
    )


def next_review_id(attempt: Attempt) -> UUID:
    """Return the `review_id` of an attempt's next rating: its form carries it, so that pressing
    twice stores one rating.
    """
    return uuid5(attempt.pk, f"review-{attempt.ratings_given}")


def _review_with(user: User, question: Question, review_id: UUID | None) -> Review | None:
    if review_id is None:
        return None
    return Review.objects.filter(user=user, card__question=question, review_id=review_id).first()


def _record_counting(
    attempt: Attempt,
    review_id: UUID,
    rating: int,
    graded_by: str,
    at: datetime | None,
    seconds: float,
) -> Review:
    """Store the rating that counts for an attempt from now on."""
    review = _record(attempt, review_id, rating, graded_by, at, seconds)
    attempt.counting_review_id, attempt.over = review_id, True
    attempt.ratings_given += 1
    attempt.save(update_fields=["counting_review_id", "over", "ratings_given", "revealed_at"])
    return review


def _record(
    attempt: Attempt,
    review_id: UUID,
    rating: int,
    graded_by: str,
    at: datetime | None,
    seconds: float,
) -> Review:
    return reviews.record(
        user=attempt.user,
        question=attempt.question,
        review_id=review_id,
        rating=rating,
        graded_by=graded_by,
        at=at,
        seconds=seconds,
        session=attempt.session,
    )


def _take_back(attempt: Attempt, review_id: UUID) -> None:
    reviews.take_back(
        user=attempt.user,
        question=attempt.question,
        review_id=review_id,
        session=attempt.session,
    )
