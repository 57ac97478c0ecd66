"""Where a learner stands: mastery, recall against the aim, calibration, what falls due. Sums that
are kept, or bounded reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, Count, Min, Q, When

from apps.accounts.models import User
from apps.common.topics import topic_title
from apps.experiments.models import Prediction, Run
from apps.progress import calibration, days, memory, selectors
from apps.progress.calibration import Bin
from apps.progress.models import Answer, Card, DailyStats

PACE = 40.0  # seconds a card, of someone who has no pace yet
MONTH = timedelta(days=30)


# ---------------------------------------------------------------- mastery


@dataclass(frozen=True)
class Mastery:
    """A topic: how much of it would be recalled today."""

    slug: str
    title: str
    cards: int  # graded at least once
    recall: float  # mean chance over them, 0 to 1


RECALL = """
    power(1 + %(factor)s * greatest(0, %(day)s::date - c.last_day) / c.stability, %(decay)s)
"""
GRADED = """
    FROM progress_card c JOIN questions_question q ON q.id = c.question_id
    WHERE c.user_id = %(user)s AND c.last_day IS NOT NULL AND NOT q.withdrawn
"""
MASTERY = f"SELECT q.topic, count(*), avg({RECALL}) {GRADED} GROUP BY q.topic"
WEAKEST = (
    f"SELECT q.id, {RECALL} AS recall {GRADED} AND q.topic "
    "= %(topic)s ORDER BY recall, q.id LIMIT %(most)s"
)


def mastery(user: User) -> list[Mastery]:
    """Return the topics of which the learner has cards, the weakest first (one query)."""
    found = [
        Mastery(slug, topic_title(slug), cards, float(fraction))
        for slug, cards, fraction in _asked(MASTERY, user)
    ]
    return sorted(found, key=lambda topic: (topic.recall, topic.slug))


def weakest(user: User, topic: str, most: int) -> dict[int, float]:
    """Return the questions (by key) of a topic that would least be recalled today, with that
    chance, the weakest first.
    """
    return {pk: float(fraction) for pk, fraction in _asked(WEAKEST, user, topic=topic, most=most)}


def _asked(sql: str, user: User, **more: Any) -> list[tuple[Any, ...]]:
    own: dict[str, Any] = {"user": user.pk, "day": selectors.today(user)}
    with connection.cursor() as cursor:
        cursor.execute(sql, {"factor": memory.FACTOR, "decay": memory.DECAY, **own, **more})
        return list(cursor.fetchall())


# ---------------------------------------------------------------- recall, effort


@dataclass(frozen=True)
class Effort:
    """What was done over some days."""

    reviews: int
    recalls: int
    recalled: int
    seconds: float
    studied: int  # days on which something was

    @property
    def recall(self) -> float | None:
        return self.recalled / self.recalls if self.recalls else None


def sum_of(rows: list[DailyStats], day: date, length: timedelta = MONTH) -> Effort:
    """Return what was done in the days up to `day`, by rows that were read already."""
    own = [row for row in rows if day - length < row.day <= day and row.reviews]
    return Effort(
        reviews=sum(row.reviews for row in own),
        recalls=sum(row.recalls for row in own),
        recalled=sum(row.recalled for row in own),
        seconds=sum(row.seconds for row in own),
        studied=len(own),
    )


def pace_of(done: Effort) -> float:
    """Return seconds a card, as someone did them; a usual number before ten."""
    return done.seconds / done.reviews if done.reviews >= 10 and done.seconds > 0 else PACE


def pace(user: User) -> float:
    """Return the learner's own seconds a card, over the last month."""
    return pace_of(sum_of(by_day(user, MONTH), selectors.today(user)))


def by_day(user: User, length: timedelta) -> list[DailyStats]:
    first = selectors.today(user) - length
    return list(DailyStats.objects.filter(user=user, day__gt=first, reviews__gt=0))


@dataclass(frozen=True)
class Week:
    """Recall in a week that begins on `day`."""

    day: date
    recalled: int
    recalls: int

    @property
    def fraction(self) -> float | None:
        return self.recalled / self.recalls if self.recalls else None


def weeks(rows: list[DailyStats]) -> list[Week]:
    """Return recall by week, those without a recall left out."""
    sums: dict[date, list[int]] = {}
    for row in rows:
        both = sums.setdefault(days.week_of(row.day), [0, 0])
        both[0] += row.recalled
        both[1] += row.recalls
    return [
        Week(day, recalled, recalls) for day, (recalled, recalls) in sorted(sums.items()) if recalls
    ]


# ---------------------------------------------------------------- what falls due


def falling_due(user: User, length: int) -> dict[date, int]:
    """Return how many cards fall due on each of the next days, today first; those that are overdue
    count for today.
    """
    today = selectors.today(user)
    ends = [days.end(today + timedelta(days=n), user.time_zone) for n in range(length)]
    nth = Case(*(When(due__lt=end, then=n) for n, end in enumerate(ends)))
    rows = Card.objects.due(user, ends[-1]).order_by().values_list(nth).annotate(n=Count("pk"))
    return {today + timedelta(days=int(n)): count for n, count in rows}


def due_tomorrow(user: User) -> int:
    return selectors.count_due(user, days.end(selectors.today(user) + days.DAY, user.time_zone))


def next_due(user: User) -> date | None:
    """Return the day on which the next card falls due that is not due today."""
    after = Card.objects.filter(
        user=user, suspended=False, due__gte=selectors.end_of(user)
    ).aggregate(first=Min("due"))["first"]
    return days.day_of(after, user.time_zone) if after else None


# ---------------------------------------------------------------- calibration


def sureness(user: User) -> Mapping[str, list[Bin]]:
    """Return how often the learner was right by how sure they were: of questions, and of labs (two
    queries).
    """
    firsts = Answer.objects.filter(user=user, place=1, confidence__isnull=False)
    asked = (
        firsts.values_list("confidence")
        .annotate(right=Count("pk", filter=Q(outcome="right")), of=Count("pk"))
        .order_by()
    )
    made = Prediction.objects.filter(run__owner=user, was_right__isnull=False)
    ran = (
        made.values_list("confidence")
        .annotate(right=Count("pk", filter=Q(was_right=True)), of=Count("pk"))
        .order_by()
    )
    return {
        "questions": [Bin(*row) for row in sorted(asked)],
        "labs": [Bin(*row) for row in sorted(ran)],
    }


def lean_of(found: list[Bin]) -> float | None:
    return calibration.lean(found)


# ---------------------------------------------------------------- of one topic


def recall_of(user: User, card: Card) -> float | None:
    """Return the chance that a card would be recalled today; none for one that was never graded."""
    if card.stability is None:
        return None
    passed = memory.elapsed(selectors.memory_of(card), selectors.today(user))
    return memory.recall(card.stability, passed)


def runs_by_lab(user: User) -> dict[str, int]:
    """Return how many runs of each lab the learner finished."""
    done = Run.objects.filter(owner=user, state=Run.State.SUCCEEDED)
    return dict(done.order_by().values_list("version__lab").annotate(n=Count("pk")))
