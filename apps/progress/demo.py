"""The demonstration account: eight weeks made by `forgetting`, runs copied from recorded real ones.
Nothing in it is anybody's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from apps.accounts.models import User
from apps.common.clock import now
from apps.experiments import calibration
from apps.experiments.models import Batch, ComputeUsage, Prediction, Run, Verdict
from apps.experiments.selectors import COPY_KEY_PREFIX, standard_runs
from apps.progress import days, selectors, services, simulation
from apps.progress.memory import AGAIN, RatedReview
from apps.progress.models import Answer, Attempt, Card, GradedBy, Plan, Rating, Review
from apps.questions import variants
from apps.questions.models import Question

SEED = 20261121
INTERVIEW = 20  # days ahead: Today's calendar shows three weeks
REST = 3  # days since the last review: something is due
UNSEEN = 2  # questions that are new to it
SURES = {
    Rating.AGAIN: (50, 75, 75, 95),
    Rating.HARD: (50, 50, 75, 75),
    Rating.GOOD: (75, 75, 95, 95),
    Rating.EASY: (95, 95, 95, 75),
}


@transaction.atomic
def fill(*, user: User, seed: int = SEED, rest: int = REST) -> str:
    """Fill an account that has no reviews yet. Returns a line that says what was done."""
    # whoever fills it at the same time waits, then finds it full
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if Review.objects.filter(user=user).exists():
        return f"{user.handle} has reviews already: nothing was added."
    last = selectors.today(user) - rest * days.DAY
    questions = list(
        Question.objects.offered().select_related("current").order_by("difficulty", "pk")
    )
    if not questions:
        return (
            f"{user.handle}: there is no question to review. "
            "Load the bank first: manage.py load_questions"
        )
    begun_with = max(1, len(questions) - UNSEEN)
    made = simulation.reviews(begun_with, last, user.time_zone, seed)
    begun = min((each.review.at for each in made), default=now()) - timedelta(minutes=5)
    chance = Random(seed)  # noqa: S311 - a demonstration, not a secret
    for each in made:
        _store(user, questions[each.item], each.review, begun, chance)
    Plan.objects.update_or_create(
        user=user,
        defaults={"interview": selectors.today(user) + timedelta(days=INTERVIEW), "minutes": 30},
    )
    runs = [_copy(run, user, chance) for run in standard_runs().values()]
    if runs:
        services.add_unread_verdict(run=runs[-1])
    return (
        f"{user.handle}: {len(made)} reviews of {len({each.item for each in made})} questions, "
        f"{len(runs)} recorded runs."
    )


def _store(
    user: User, question: Question, grade: RatedReview, begun: datetime, chance: Random
) -> None:
    Card.objects.get_or_create(
        user=user, question=question, defaults={"created_at": begun, "due": begun}
    )
    judge = GradedBy.SELF
    number = Attempt.objects.filter(user=user, question=question).count()
    attempt = selectors.next_attempt(user, question, number)
    attempt.day, attempt.started_at = grade.day, grade.at - timedelta(seconds=grade.seconds)
    attempt.revealed_at, attempt.over, attempt.counting_review_id, attempt.ratings_given = (
        grade.at,
        True,
        grade.review_id,
        1,
    )
    # Easy is only ever one's own
    if question.current and "variant" in question.current.facts and grade.rating < Rating.EASY:
        judge = GradedBy.NUMERIC
        attempt.hints = int(grade.rating == Rating.HARD)  # right with a hint is Hard
        attempt.save(force_insert=True)
        _answer(attempt, grade, chance)
    else:
        attempt.save(force_insert=True)
    services.record(
        user=user,
        question=question,
        review_id=grade.review_id,
        rating=grade.rating,
        graded_by=judge,
        at=grade.at,
        seconds=grade.seconds,
    )


def _answer(attempt: Attempt, grade: RatedReview, chance: Random) -> None:
    """Store the number that led to a grade: the right one, or a mistake that people make."""
    variant = variants.sample(attempt.revision.facts["variant"], attempt.seed)
    is_right = grade.rating > AGAIN
    value = (
        variant.answer
        if is_right
        else (variant.wrong[0].value if variant.wrong else variant.answer + 1)
    )
    Answer.objects.create(
        user=attempt.user,
        attempt=attempt,
        revision=attempt.revision,
        part="numeric",
        place=1,
        seed=attempt.seed,
        entered={"text": repr(value)},
        was_read=value,
        outcome=Answer.Outcome.RIGHT if is_right else Answer.Outcome.WRONG,
        hints=attempt.hints,
        confidence=SURES[Rating(grade.rating)][int(4 * chance.random())],
        rating=grade.rating,
        graded_by=GradedBy.NUMERIC,
        key=uuid5(attempt.pk, "demo"),
        created_at=grade.at,
    )


def _copy(source: Run, user: User, chance: Random) -> Run:
    """Give the account a recorded run of the project as its own, with a prediction that was made
    for it by chance.
    """
    verdicts, batches = list(source.verdicts.all()), list(source.batches.all())
    ComputeUsage.objects.get_or_create(owner=user)
    words = source.version.words
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
    claim = str(words.get("predict", {}).get("claim", ""))
    found = next(
        (verdict.outcome for verdict in verdicts if verdict.claim == claim), "inconclusive"
    )
    if claim:
        _predict(run, claim, found, chance)
    return run


def _predict(run: Run, claim: str, found: str, chance: Random) -> None:
    said = found if found != "inconclusive" and chance.random() < 0.65 else "holds"
    sure = (50, 65, 80, 95)[int(4 * chance.random())]
    was_right = None if found == "inconclusive" else said == found
    score = None if was_right is None else calibration.score(sure, was_right)
    Prediction.objects.create(
        run=run, claim=claim, outcome=said, confidence=sure, was_right=was_right, score=score
    )
