"""What a learner answers: parts checked, the reference answer revealed, and the rating that
follows. Idempotent: each request carries a key, or the `review_id` of its rating. No page is
rendered here, and no text of a question read.

Each function locks the learner, then the attempt, then the card, each once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
from apps.progress.services.attempts import ANY_STATE, FormState, OutOfDate, open_attempt
from apps.progress.services.locks import lock_attempt
from apps.questions import marking
from apps.questions.answers import PointsAnswer, TypedAnswer, as_fields, read_answer
from apps.questions.marking import Mark
from apps.questions.models import Question
from apps.questions.selectors import question_variant
from apps.questions.variants import POINTS, WRITTEN, QuestionVariant, part_of

# how long a rating may be replaced; later, the attempt would move to a day without a review
REPLACEABLE_FOR = timedelta(days=1)


class AlreadyRevealed(Refused):
    """The reference answer is open: an answer given now is not the learner's own."""

    code = "already-revealed"


@dataclass(frozen=True)
class CheckedAnswer:
    """An answer that was checked; `row` is None where the input was invalid."""

    attempt: Attempt
    entered: TypedAnswer
    mark: Mark
    row: Answer | None


@dataclass(frozen=True)
class Written:
    """What stood in the field of the written answer when the answer was revealed."""

    text: str
    key: UUID  # idempotency key


@dataclass(frozen=True)
class Given:
    """When a rating was given, and after how many seconds; by default now."""

    at: datetime | None = None
    seconds: float = 0.0


# ---------------------------------------------------------------- checks


@transaction.atomic
def check_answer(
    *,
    user: User,
    question: Question,
    part: str,
    fields: dict[str, object],
    key: UUID,
    confidence: int | None = None,
    session: ReviewSession | None = None,
    seen: FormState = ANY_STATE,
) -> CheckedAnswer:
    """Check an answer to a part, or save what was written. Invalid input is neither rated nor
    stored.

    Args:
        fields: of the answer, as `answers.read_answer` reads them.
        key: idempotency key: the same key again returns the stored answer.
    Raises:
        AlreadyRevealed: the reference answer is open.
        OutOfDate: the page showed another state of the attempt.
        BadRequest: the question has no such part.
        BadAnswer: the fields are not those of an answer to it.
    """
    lock_user(user)
    if stored := _stored_with(user, key):  # of two concurrent posts, the second waited here
        return stored
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    variant = question_variant(attempt.revision, attempt.seed)
    if part == POINTS:
        raise BadRequest(_("Reveal the answer first, then tick the points you covered."))
    answer = read_answer(variant, part, fields)
    if attempt.is_revealed:
        raise AlreadyRevealed(
            _(
                "The answer has already been revealed. Grade yourself, or come back for "
                "another variant."
            )
        )
    if attempt.over:
        raise OutOfDate
    mark = marking.mark(variant, part, answer)
    if not mark.was_read:
        return CheckedAnswer(attempt, answer, mark, None)
    row = _store(attempt, variant, part, answer, mark, key, confidence)
    return CheckedAnswer(attempt, answer, mark, row)


def _stored_with(user: User, key: UUID) -> CheckedAnswer | None:
    rows = Answer.objects.filter(user=user, key=key)
    answer = rows.select_related("attempt__revision").first()
    if answer is None:
        return None
    variant = question_variant(answer.attempt.revision, answer.attempt.seed)
    entered = parts.entered_answer(variant, answer)
    mark = marking.mark(variant, answer.part, entered)
    return CheckedAnswer(answer.attempt, entered, mark, answer)


def _store(
    attempt: Attempt,
    variant: QuestionVariant,
    part: str,
    answer: TypedAnswer,
    mark: Mark,
    key: UUID,
    confidence: int | None = None,
) -> Answer:
    """Store an answer. The first to its part carries the rating; the learner is locked, so there is
    exactly one first.
    """
    earlier = Answer.objects.filter(attempt=attempt, part=part).count()
    hints = attempt.hints_open_for(part_of(part))
    graded_by = parts.graded_by(variant, part, answer)
    return Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=part,
        place=earlier + 1,
        seed=attempt.seed,
        entered=clean_json(as_fields(answer)),
        was_read=clean_json(mark.value),
        outcome=mark.outcome,
        hints=hints,
        confidence=confidence if graded_by == GradedBy.NUMERIC else None,
        rating=parts.rating_of(mark, hints) if earlier == 0 else None,
        graded_by=graded_by,
        key=key,
    )


# ---------------------------------------------------------------- the reveal, and ratings


@transaction.atomic
def reveal(
    *,
    user: User,
    question: Question,
    written: Written | None = None,
    session: ReviewSession | None = None,
    given: Given = Given(),
    seen: FormState = ANY_STATE,
) -> CheckedAnswer | Attempt:
    """Open the reference answer, and keep what was written. Checked parts are rated now; without
    any, the learner rates next. Idempotent.

    Returns the attempt; or, where what was written cannot be saved, why, with nothing revealed.

    Raises:
        AlreadyRevealed: something was written that is not saved, and the answer is open already.
        OutOfDate: the page showed another state of the attempt.
    """
    lock_user(user)
    attempt = open_attempt(user=user, question=question, session=session, seen=seen)
    if attempt.is_revealed or attempt.over:
        _refuse_unsaved(attempt, written)
        return attempt
    variant = question_variant(attempt.revision, attempt.seed)
    if written is not None and marking.is_written(written.text, variant.starter):
        answer = read_answer(variant, WRITTEN, {"text": written.text})
        mark = marking.mark(variant, WRITTEN, answer)
        if not mark.was_read:
            return CheckedAnswer(attempt, answer, mark, None)
        if _stored_with(user, written.key) is None:
            _store(attempt, variant, WRITTEN, answer, mark, written.key)
    attempt.revealed_at = now()
    result = parts.result(variant, selectors.attempts.answers_of(attempt))
    if result.rating is None:
        attempt.save(update_fields=["revealed_at"])
    else:
        _record_counting(attempt, attempt.pk, result.rating, result.graded_by, given)
    return attempt


def _refuse_unsaved(attempt: Attempt, written: Written | None) -> None:
    """Refuse what was written to an attempt that takes no answer any more, unless it is saved."""
    variant = question_variant(attempt.revision, attempt.seed)
    if written is None or not marking.is_written(written.text, variant.starter):
        return
    saved = Answer.objects.filter(attempt=attempt, part=WRITTEN)
    if any(answer.entered["text"] == written.text for answer in saved):
        return
    if not attempt.is_revealed:
        raise OutOfDate
    raise AlreadyRevealed(
        _(
            "The answer has already been revealed, so this was not saved. Copy it to your note if "
            "you want to keep it."
        )
    )


@transaction.atomic
def rate(
    *,
    user: User,
    question: Question,
    review_id: UUID,
    rating: int,
    session: ReviewSession | None = None,
    given: Given = Given(),
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
    return _rate(attempt, review_id, rating, given)


def _rate(attempt: Attempt, review_id: UUID, rating: int, given: Given) -> Review:
    """Store a rating of a locked attempt."""
    if attempt.revealed_at is None:
        attempt.revealed_at = now()
    counting = _review_with(attempt.user, attempt.question, attempt.counting_review_id)
    if counting is None:
        return _record_counting(attempt, review_id, rating, GradedBy.SELF, given)
    if (given.at or now()) - counting.at > REPLACEABLE_FOR:
        raise OutOfDate
    if given.at is not None and given.at < counting.at:  # an earlier rating, late: never counts
        _take_back(attempt, review_id)
        return _record(attempt, review_id, rating, GradedBy.SELF, given)
    _take_back(attempt, counting.review_id)
    return _record_counting(attempt, review_id, rating, GradedBy.SELF, given)


@transaction.atomic
def tick_points(
    *,
    user: User,
    question: Question,
    attempt: UUID,
    fields: dict[str, object],
    review_id: UUID | None = None,
    given: Given = Given(),
) -> Review:
    """Rate a written answer by the key points that it covered; with checked parts, the lowest
    rating counts.

    Args:
        fields: `ticked`: the numbers of the points, as `answers.read_answer` reads them.
        review_id: of the request, for idempotency.
    Raises:
        BadRequest: the reference answer is not open, or there are no key points.
        BadAnswer: the fields are not those of key points.
    """
    lock_user(user)
    if stored := _review_with(user, question, review_id):
        return stored
    revealed = lock_attempt(user, question, attempt)
    if revealed is None or not revealed.is_revealed:
        raise BadRequest(_("Reveal the answer first, then tick the points you covered."))
    variant = question_variant(revealed.revision, revealed.seed)
    answer = read_answer(variant, POINTS, fields)
    mark = marking.mark(variant, POINTS, answer)
    rating = rating_rules.of_points(len(mark.value), variant.points, revealed.hints_open_for(""))
    answers = selectors.attempts.answers_of(revealed)
    _store_points(revealed, PointsAnswer(tuple(mark.value)), rating, answers)
    lowest = rating_rules.of_parts([rating, parts.result(variant, answers).rating])
    return _rate(revealed, review_id or next_review_id(revealed), lowest or rating, given)


def _store_points(
    attempt: Attempt, answer: PointsAnswer, rating: int, answers: parts.Answers
) -> None:
    place = len(answers.get(POINTS, ())) + 1
    Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=POINTS,
        place=place,
        seed=attempt.seed,
        entered=as_fields(answer),
        was_read=list(answer.ticked),
        outcome=Answer.Outcome.KEPT,
        hints=attempt.hints_open_for(""),
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
    attempt: Attempt, review_id: UUID, rating: int, graded_by: str, given: Given
) -> Review:
    """Store the rating that counts for an attempt from now on."""
    review = _record(attempt, review_id, rating, graded_by, given)
    attempt.counting_review_id, attempt.over = review_id, True
    attempt.ratings_given += 1
    attempt.save(update_fields=["counting_review_id", "over", "ratings_given", "revealed_at"])
    return review


def _record(attempt: Attempt, review_id: UUID, rating: int, graded_by: str, given: Given) -> Review:
    return reviews.record(
        user=attempt.user,
        question=attempt.question,
        review_id=review_id,
        rating=rating,
        graded_by=graded_by,
        at=given.at,
        seconds=given.seconds,
        session=attempt.session,
    )


def _take_back(attempt: Attempt, review_id: UUID) -> None:
    reviews.take_back(
        user=attempt.user,
        question=attempt.question,
        review_id=review_id,
        session=attempt.session,
    )
