"""Statistics of a learner: mastery of topics, recall by week, effort, calibration. Each is a
bounded read: of cards, of daily sums, or of an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from apps.accounts.models import User
from apps.common.topics import TOPICS, topic_title
from apps.experiments.models import Prediction
from apps.progress import days, memory
from apps.progress.calibration import Bin
from apps.progress.forecasting import Known
from apps.progress.models import Answer, DailyStats, Plan
from apps.progress.selectors.cards import FORGOTTEN_SQL

DEFAULT_PACE = 40.0  # seconds a card, of a learner with few reviews
MIN_REVIEWS_FOR_PACE = 10
MONTH = timedelta(days=30)


# ---------------------------------------------------------------- mastery


@dataclass(frozen=True)
class Mastery:
    """A topic, and how much of it would be recalled."""

    slug: str
    title: str
    questions: int  # that are offered
    cards: int  # of those, with at least one review
    recall: float | None  # mean chance of recall today over the cards, 0 to 1; none without any
    coverage: float  # of all its questions, the share that would be recalled today
    at_interview: float | None  # the same on the interview day, with no more reviews until then

    @property
    def risk(self) -> tuple[bool, bool, float]:
        """The order of topics: the weakest first, then those without a card, those without a
        question last.
        """
        later = self.coverage if self.at_interview is None else self.at_interview
        return not self.cards, not self.questions, later


# `memory.recall` as SQL, because a topic may have thousands of cards. Days since the last review
# come from `last_day`, a date, so that no time zone enters the query. A test compares the two.
RECALL_SQL = f"""
    CASE WHEN {FORGOTTEN_SQL} THEN 0 ELSE
    power(1 + %(factor)s * greatest(0, {{day}} - c.last_day) / c.stability, %(decay)s) END
"""
TODAY_SQL, INTERVIEW_SQL = (
    RECALL_SQL.format(day=f"%({name})s::date") for name in ("day", "interview")
)
OFFERED_SQL = """
    FROM questions_question q JOIN questions_bank b ON b.slug = q.bank_id AND b.public
    {left} JOIN progress_card c
        ON c.question_id = q.id AND c.user_id = %(user)s AND c.last_day IS NOT NULL
    WHERE NOT q.withdrawn AND q.current_id IS NOT NULL
"""
MASTERY_SQL = (
    f"SELECT q.topic, count(*), count(c.id), coalesce(sum({TODAY_SQL}), 0), "
    f"coalesce(sum({INTERVIEW_SQL}), 0) {OFFERED_SQL.format(left='LEFT')} GROUP BY q.topic"
)
WEAKEST_SQL = (
    f"SELECT q.id, {TODAY_SQL} AS recall {OFFERED_SQL.format(left='')} "
    "AND q.topic = %(topic)s ORDER BY recall, q.id LIMIT %(limit)s"
)
MEMORIES_SQL = (
    "SELECT q.topic, c.stability, c.difficulty, greatest(0, %(day)s::date - c.last_day), "
    f"{FORGOTTEN_SQL}, c.suspended {OFFERED_SQL.format(left='')} ORDER BY c.id"
)


def mastery(user: User, plan: Plan) -> list[Mastery]:
    """Return all topics, the weakest first: on the interview day, where the plan has one ahead
    (one query).
    """
    today = days.today(user.time_zone)
    interview = plan.interview if plan.interview and plan.interview > today else None
    rows = {row[0]: row[1:] for row in _rows(MASTERY_SQL, user, interview=interview or today)}
    topics = []
    for slug in dict.fromkeys([*TOPICS, *rows]):
        questions, cards, recalled, later = rows.get(slug, (0, 0, 0.0, 0.0))
        topics.append(
            Mastery(
                slug=slug,
                title=topic_title(slug),
                questions=questions,
                cards=cards,
                recall=float(recalled) / cards if cards else None,
                coverage=float(recalled) / questions if questions else 0.0,
                at_interview=float(later) / questions if interview and questions else None,
            )
        )
    return sorted(topics, key=lambda topic: topic.risk)


def weakest(topics: Sequence[Mastery]) -> Mastery | None:
    """Return the weakest topic that has cards, of `mastery`."""
    return next((topic for topic in topics if topic.cards), None)


def weakest_questions(user: User, topic: str, limit: int) -> dict[int, float]:
    """Return the questions of a topic with the lowest chance of recall today, by key, with that
    chance, the lowest first (one query).
    """
    rows = _rows(WEAKEST_SQL, user, topic=topic, limit=limit)
    return {pk: float(recall) for pk, recall in rows}


def memories(user: User, topics: Sequence[str]) -> list[Known]:
    """Return the learner's cards in these topics with what a forecast asks of them (one query)."""
    place = {slug: n for n, slug in enumerate(topics)}
    return [
        Known(place[topic], stability, difficulty, elapsed, is_forgotten, is_suspended)
        for topic, stability, difficulty, elapsed, is_forgotten, is_suspended in _rows(
            MEMORIES_SQL, user
        )
        if topic in place
    ]


def _rows(sql: str, user: User, **more: Any) -> list[tuple[Any, ...]]:
    values = {
        "user": user.pk,
        "day": days.today(user.time_zone),
        "factor": memory.FACTOR,
        "decay": memory.DECAY,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, {**values, **more})
        return list(cursor.fetchall())


# ---------------------------------------------------------------- recall, effort


@dataclass(frozen=True)
class Effort:
    """What was done over some days."""

    reviews: int
    recalls: int
    recalled: int
    seconds: float
    studied: int  # days with at least one review

    @property
    def recall(self) -> float | None:
        return self.recalled / self.recalls if self.recalls else None


def daily_stats(user: User, length: timedelta) -> list[DailyStats]:
    """Return the days with reviews, of the `length` that ends today."""
    first = days.today(user.time_zone) - length
    return list(DailyStats.objects.filter(user=user, day__gt=first, reviews__gt=0))


def effort(rows: list[DailyStats], day: date, length: timedelta = MONTH) -> Effort:
    """Sum the rows of the `length` that ends with `day`."""
    summed = [row for row in rows if day - length < row.day <= day and row.reviews]
    return Effort(
        reviews=sum(row.reviews for row in summed),
        recalls=sum(row.recalls for row in summed),
        recalled=sum(row.recalled for row in summed),
        seconds=sum(row.seconds for row in summed),
        studied=len(summed),
    )


def pace_of(done: Effort) -> float:
    """Return seconds a card; `DEFAULT_PACE` below `MIN_REVIEWS_FOR_PACE` reviews."""
    if done.reviews < MIN_REVIEWS_FOR_PACE or done.seconds <= 0:
        return DEFAULT_PACE
    return done.seconds / done.reviews


def pace(user: User) -> float:
    """Return the learner's seconds a card, over the last month."""
    return pace_of(effort(daily_stats(user, MONTH), days.today(user.time_zone)))


@dataclass(frozen=True)
class WeekOfRecall:
    """Recall in the week that begins on `day`."""

    day: date
    recalled: int
    recalls: int

    @property
    def fraction(self) -> float | None:
        return self.recalled / self.recalls if self.recalls else None


def recall_by_week(rows: list[DailyStats]) -> list[WeekOfRecall]:
    """Return recall by week, without the weeks that tested none."""
    sums: dict[date, list[int]] = {}
    for row in rows:
        week = sums.setdefault(days.week_of(row.day), [0, 0])
        week[0] += row.recalled
        week[1] += row.recalls
    return [
        WeekOfRecall(day, recalled, recalls)
        for day, (recalled, recalls) in sorted(sums.items())
        if recalls
    ]


# ---------------------------------------------------------------- calibration


def calibration_bins(user: User) -> Mapping[str, list[Bin]]:
    """Return how often the learner was right, by confidence: of `questions` (first answers) and of
    `labs` (predictions that count). Two queries.
    """
    answers = Answer.objects.filter(user=user, place=1, confidence__isnull=False).order_by()
    answered = answers.values_list("confidence").annotate(
        right=Count("pk", filter=Q(outcome="right")), of=Count("pk")
    )
    predictions = Prediction.objects.counted().filter(run__owner=user, was_right__isnull=False)
    predicted = (
        predictions.order_by()
        .values_list("confidence")
        .annotate(right=Count("pk", filter=Q(was_right=True)), of=Count("pk"))
    )
    return {
        "questions": [Bin(*row) for row in sorted(answered)],
        "labs": [Bin(*row) for row in sorted(predicted)],
    }
