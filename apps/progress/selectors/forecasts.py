"""What the learner will recall on the day of the interview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from apps.accounts.models import User
from apps.progress import days, forecasting, planning
from apps.progress.forecasting import Expected, Pace
from apps.progress.models import DailyStats, Plan
from apps.progress.selectors import statistics
from apps.progress.selectors.statistics import Mastery

MIN_REVIEWS = 50  # in the last year: fewer say too little of a learner
DAYS_AHEAD = 30  # without an interview date
MORE_MINUTES = 10  # a day


@dataclass(frozen=True)
class TopicForecast:
    slug: str
    title: str
    expected: Expected
    with_more: Expected  # with `MORE_MINUTES` a day more

    @property
    def change(self) -> float:
        return self.with_more.fraction - self.expected.fraction


@dataclass(frozen=True)
class Forecast:
    day: date
    has_interview: bool  # else it is `DAYS_AHEAD`
    minutes: int  # a day, of the plan
    topics: list[TopicForecast]  # that have questions, the weakest on that day first
    expected: Expected  # of all questions
    with_more: Expected


def missing_reviews(rows: Sequence[DailyStats]) -> int:
    """Return how many reviews a learner lacks until there is a forecast.

    Args:
        rows: what was done in the last year.
    """
    return max(0, MIN_REVIEWS - sum(row.reviews for row in rows))


def forecast(
    user: User, plan: Plan, topics: Sequence[Mastery], rows: Sequence[DailyStats]
) -> Forecast | None:
    """Return the forecast for the interview, or for `DAYS_AHEAD` (one query); none below
    `MIN_REVIEWS` reviews, and without questions.

    Args:
        topics: of `statistics.mastery`: new questions are begun in this order.
        rows: what was done in the last year.
    """
    asked = [topic for topic in topics if topic.questions]
    if missing_reviews(rows) or not asked:
        return None
    today = days.today(user.time_zone)
    has_interview = plan.interview is not None and plan.interview >= today
    day = today + timedelta(days=DAYS_AHEAD)
    if has_interview and plan.interview:
        day = plan.interview
    seconds_today = sum(row.seconds for row in rows if row.day == today)
    pace = Pace(
        days=(day - today).days,
        minutes=plan.minutes,
        minutes_today=max(0.0, plan.minutes - seconds_today / 60),
        seconds_a_card=statistics.pace_of(statistics.effort(list(rows), today)),
        minutes_a_question=planning.QUESTION_MINUTES,
        retention=plan.retention / 100,
    )
    more = replace(
        pace,
        minutes=pace.minutes + MORE_MINUTES,
        minutes_today=pace.minutes_today + MORE_MINUTES,
    )
    cards = statistics.memories(user, [topic.slug for topic in asked])
    unmet = [topic.questions - topic.cards for topic in asked]
    both = [
        forecasting.forecast(cards, unmet, range(len(asked)), at_pace) for at_pace in (pace, more)
    ]
    by_topic = [
        TopicForecast(topic.slug, topic.title, expected, with_more)
        for topic, expected, with_more in zip(asked, *both, strict=True)
    ]
    nothing = Expected(0, 0.0, 0.0)
    return Forecast(
        day=day,
        has_interview=has_interview,
        minutes=plan.minutes,
        topics=sorted(by_topic, key=lambda topic: (topic.expected.fraction, topic.slug)),
        expected=sum(both[0], nothing),
        with_more=sum(both[1], nothing),
    )
