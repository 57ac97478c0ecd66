"""The demonstration account: eight weeks of reviews by `simulation`, and copies of recorded runs.
It holds no person's data.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import now
from apps.experiments import calibration
from apps.experiments.models import Batch, ComputeUsage, Prediction, Run, Verdict
from apps.experiments.selectors import COPY_KEY_PREFIX, standard_runs
from apps.progress import days, selectors, services, simulation
from apps.progress.memory import AGAIN, RatedReview
from apps.progress.models import Answer, Attempt, Card, GradedBy, Plan, Rating, Review
from apps.questions.answers import NumberAnswer, as_fields
from apps.questions.models import Question
from apps.questions.selectors import question_variant
from apps.questions.variants import NumericPart

SEED = 20261121
INTERVIEW_IN_DAYS = 20  # within the weeks that Today's calendar shows ahead
REST_DAYS = 3  # since the last review, so that something is due
UNSEEN_QUESTIONS = 2
CONFIDENCES = {  # of an answer that led to a rating
    Rating.AGAIN: (50, 75, 75, 95),
    Rating.HARD: (50, 50, 75, 75),
    Rating.GOOD: (75, 75, 95, 95),
    Rating.EASY: (95, 95, 95, 75),
}


@transaction.atomic
def fill(*, user: User, seed: int = SEED, rest: int = REST_DAYS) -> str:
    """Fill an account that has no reviews yet. Return a line that says what was done."""
    lock_user(user)  # a concurrent call waits, then sees the reviews
    if Review.objects.filter(user=user).exists():
        return f"{user.handle} has reviews already: nothing was added."
    today = days.today(user.time_zone)
    offered = Question.objects.offered().select_related("current")
    questions = list(offered.order_by("difficulty", "pk"))
    if not questions:
        return (
            f"{user.handle}: there is no question to review. "
            "Load the bank first: manage.py load_questions"
        )
    items = max(1, len(questions) - UNSEEN_QUESTIONS)
    log = simulation.reviews(items, today - rest * days.DAY, user.time_zone, seed)
    started_at = min((row.review.at for row in log), default=now()) - timedelta(minutes=5)
    rng = Random(seed)  # noqa: S311 - a demonstration, not a secret
    for row in log:
        _store(user, questions[row.item], row.review, started_at, rng)
    interview = today + timedelta(days=INTERVIEW_IN_DAYS)
    Plan.objects.update_or_create(user=user, defaults={"interview": interview, "minutes": 30})
    runs = [_copy(run, user, rng) for run in standard_runs().values()]
    if runs:
        services.verdicts.add_unread_verdict(run=runs[-1])
    return (
        f"{user.handle}: {len(log)} reviews of {len({row.item for row in log})} questions, "
        f"{len(runs)} recorded runs."
    )


def _store(
    user: User, question: Question, review: RatedReview, started_at: datetime, rng: Random
) -> None:
    """Store a review with its attempt, and with the answer that led to the rating where the
    question asks for a number.
    """
    Card.objects.get_or_create(
        user=user, question=question, defaults={"created_at": started_at, "due": started_at}
    )
    number = Attempt.objects.filter(user=user, question=question).count()
    attempt = selectors.attempts.next_attempt(user, question, number)
    attempt.day = review.day
    attempt.started_at = review.at - timedelta(seconds=review.seconds)
    attempt.revealed_at, attempt.over = review.at, True
    attempt.counting_review_id, attempt.ratings_given = review.review_id, 1
    has_number = question.current is not None and "numeric" in question.current.facts
    is_checked = has_number and review.rating < Rating.EASY  # a check never leads to Easy
    if is_checked:
        attempt.hints = {"": int(review.rating == Rating.HARD)}  # right after a hint is Hard
    attempt.save(force_insert=True)
    if is_checked:
        _answer(attempt, review, rng)
    services.reviews.record(
        user=user,
        question=question,
        review_id=review.review_id,
        rating=review.rating,
        graded_by=GradedBy.NUMERIC if is_checked else GradedBy.SELF,
        at=review.at,
        seconds=review.seconds,
    )


def _answer(attempt: Attempt, review: RatedReview, rng: Random) -> None:
    """Store the number that led to a rating: the right one, or a known mistake."""
    variant = question_variant(attempt.revision, attempt.seed)
    part = next(part for part in variant.parts if isinstance(part, NumericPart))
    is_right = review.rating > AGAIN
    value = part.answer
    if not is_right:
        value = part.wrong[0].value if part.wrong else part.answer + 1
    Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part=part.name,
        place=1,
        seed=attempt.seed,
        entered=as_fields(NumberAnswer(repr(value))),
        was_read=value,
        outcome=Answer.Outcome.RIGHT if is_right else Answer.Outcome.WRONG,
        hints=attempt.hints_open_for(part.name),
        confidence=CONFIDENCES[Rating(review.rating)][int(4 * rng.random())],
        rating=review.rating,
        graded_by=GradedBy.NUMERIC,
        key=uuid5(attempt.pk, "demo"),
        created_at=review.at,
    )


def _copy(source: Run, user: User, rng: Random) -> Run:
    """Give the account a copy of a recorded run, with a random prediction."""
    verdicts, batches = list(source.verdicts.all()), list(source.batches.all())
    ComputeUsage.objects.get_or_create(owner=user)
    run = Run.objects.get(pk=source.pk)
    run.pk, run._state.adding = uuid5(NAMESPACE_URL, f"demo/{user.pk}/{source.pk}"), True
    run.owner, run.key, run.shared = user, f"{COPY_KEY_PREFIX}{source.pk}", False
    run.save(force_insert=True)
    for verdict in verdicts:
        verdict.pk, verdict.run = None, run
    for batch in batches:
        batch.pk, batch.run = None, run
    Verdict.objects.bulk_create(verdicts)
    Batch.objects.bulk_create(batches)
    claim = str(source.version.words.get("predict", {}).get("claim", ""))
    outcomes = {verdict.claim: verdict.outcome for verdict in verdicts}
    if claim:
        _predict(run, claim, outcomes.get(claim, "inconclusive"), rng)
    return run


def _predict(run: Run, claim: str, outcome: str, rng: Random) -> None:
    is_conclusive = outcome != "inconclusive"
    predicted = outcome if is_conclusive and rng.random() < 0.65 else "holds"
    confidence = (50, 65, 80, 95)[int(4 * rng.random())]
    was_right = predicted == outcome if is_conclusive else None
    score = None if was_right is None else calibration.score(confidence, was_right)
    Prediction.objects.create(
        run=run,
        claim=claim,
        outcome=predicted,
        confidence=confidence,
        was_right=was_right,
        score=score,
    )
