"""What Today shows: the plan of the day, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from apps.accounts.models import User
from apps.common.text import in_language
from apps.experiments.models import Lab, Run
from apps.experiments.selectors import FIRST_LAB
from apps.progress import days, planning, selectors, statistics, verdict_quotes
from apps.progress.models import Attempt, DailyStats, Plan, UnreadVerdict
from apps.progress.planning import Step, Tread
from apps.questions.models import Question

BACK, AHEAD = timedelta(weeks=18), 21  # of the calendar; days
BEHIND = 3  # days after which what is overdue is a backlog
RUNS = 3


@dataclass(frozen=True)
class Today:
    """A learner's day."""

    day: date
    plan: Plan
    is_first: bool
    treads: list[Tread]
    done: list[DailyStats]  # of the calendar
    falling: dict[date, int]
    effort: statistics.Effort
    mastery: list[statistics.Mastery]
    behind: int  # overdue, where it is a backlog: of more than three days
    runs: list[Run]
    question: Question | None
    choices: list[dict[str, Any]] = field(default_factory=list)

    @property
    def due(self) -> int:
        return self.falling.get(self.day, 0)

    @property
    def tomorrow(self) -> int:
        return self.falling.get(self.day + days.DAY, 0)

    @property
    def left(self) -> list[Tread]:
        return [tread for tread in self.treads if not tread.step.is_done]

    @property
    def minutes(self) -> int:
        return sum(tread.step.minutes for tread in self.left)

    @property
    def days_left(self) -> int | None:
        return (
            (self.plan.interview - self.day).days
            if self.plan.interview and self.plan.interview >= self.day
            else None
        )


def of(user: User) -> Today:
    """Return the learner's day (eleven queries at most)."""
    day, plan = selectors.today(user), selectors.plan_of(user)
    done = statistics.by_day(user, BACK)
    falling = statistics.falling_due(user, AHEAD)
    runs = list(
        Run.objects.filter(owner=user)
        .select_related("version__words_row")
        .defer("version__source")
        .order_by("-queued_at")[:RUNS]
    )
    is_first = (
        not any(row.day < day for row in done)
        and not DailyStats.objects.filter(user=user, day__lt=day, reviews__gt=0).exists()
    )
    effort = statistics.sum_of(done, day)
    mastery = statistics.mastery(user)
    question = _suggested(user, mastery, is_first)
    labs = verdict_quotes.labs(question.current.labs) if question and question.current else []
    if is_first:
        steps = _first_steps(user, plan, question, labs, runs) + _first_returns(
            user, falling.get(day, 0), effort, plan
        )
    else:
        steps = _steps(user, plan, falling.get(day, 0), _row(done, day), effort, question, labs)
    behind = _behind(user, day) if falling.get(day) else 0
    choices = _choices(user, falling, effort, plan) if behind else []
    return Today(
        day,
        plan,
        is_first,
        planning.descent(steps),
        done,
        falling,
        effort,
        mastery,
        behind,
        runs,
        question,
        choices,
    )


def _behind(user: User, day: date) -> int:
    """Return how many cards are overdue, where some have been for more than three days."""
    late, first = selectors.overdue(user, day)
    return late if first and first < days.start(day - BEHIND * days.DAY, user.time_zone) else 0


def _row(done: list[DailyStats], day: date) -> DailyStats | None:
    return next((row for row in done if row.day == day), None)


def _suggested(user: User, mastery: list[statistics.Mastery], is_first: bool) -> Question | None:
    """Return an unseen question, of the weakest topic that has one; on a first day one with the lab
    at the door.
    """
    weakest = [topic.slug for topic in mastery]
    found = selectors.new_questions(user, 200)
    place = {slug: n for n, slug in enumerate(weakest)}

    def order(one: Question) -> tuple[Any, ...]:
        labs = one.current.labs if one.current else []
        return (
            is_first and labs[:1] != [FIRST_LAB],
            place.get(one.topic, len(place)),
            not labs,
            one.difficulty,
        )

    return min(found, key=order, default=None)


def _first_steps(
    user: User, plan: Plan, question: Question | None, labs: list[Lab], runs: list[Run]
) -> list[Step]:
    """Return the first day's steps: a date, one question, its lab."""
    seen = (
        Attempt.objects.filter(user=user, revealed_at__isnull=False)
        .select_related("question__current")
        .order_by("started_at")
        .first()
    )
    steps = [
        Step("plan", planning.PLAN_MINUTES, reverse("progress:plan"), is_done=plan.pk is not None)
    ]
    if seen is not None:
        question = seen.question
        labs = verdict_quotes.labs(seen.question.current.labs) if seen.question.current else []
    if question is not None:
        steps.append(_question_step(question, is_done=seen is not None))
    if question is not None and labs:
        steps.append(_lab_step(labs[0], question, is_done=bool(runs)))
    return steps


def _first_returns(user: User, due: int, effort: statistics.Effort, plan: Plan) -> list[Step]:
    """Return what a first day brings back by itself: cards that were forgotten, and a verdict that
    waits.
    """
    steps = [_verdict_step(each) for each in selectors.waiting(user)[:1]]
    return [_review_step(due, effort, plan), *steps] if due else steps


def _review_step(due: int, effort: statistics.Effort, plan: Plan) -> Step:
    pace = statistics.pace_of(effort)
    n = planning.fits(due, plan.minutes, pace)
    return Step("review", max(1, round(n * pace / 60)), reverse("progress:review"), count=n)


def _steps(
    user: User,
    plan: Plan,
    due: int,
    row: DailyStats | None,
    effort: statistics.Effort,
    question: Question | None,
    labs: list[Lab],
) -> list[Step]:
    steps = list[Step]()
    if due:
        steps.append(_review_step(due, effort, plan))
    elif row is not None:
        spent = max(1, round(row.seconds / 60))
        steps.append(
            Step("review", spent, reverse("progress:review"), True, row.recalls, row.recalled)
        )
    steps += [_verdict_step(each) for each in selectors.waiting(user)[:2]]
    if question is not None:
        steps.append(_question_step(question))
    if not labs and not due:
        labs = verdict_quotes.lab_to_run(
            user, since=days.start(selectors.today(user), user.time_zone)
        )
    return steps + [_lab_step(lab, question) for lab in labs[:1]]


def _question_step(question: Question, *, is_done: bool = False) -> Step:
    return Step(
        "question",
        planning.QUESTION_MINUTES,
        question.get_absolute_url(),
        is_done,
        about=_title(question),
    )


def _title(question: Question) -> str:
    return in_language(question.current, "title_html") if question.current else question.slug


def _lab_step(lab: Lab, question: Question | None, *, is_done: bool = False) -> Step:
    assert lab.current is not None, "a lab that is offered has code"
    back = "?" + urlencode({"back": question.get_absolute_url()}) if question else ""
    url = reverse("experiments:lab", args=[lab.slug]) + back
    return Step(
        "lab", planning.LAB_MINUTES, url, is_done, about=in_language(lab.current.words, "title")
    )


def _verdict_step(waiting: UnreadVerdict) -> Step:
    words = waiting.run.version.words
    return Step(
        "verdict",
        planning.VERDICT_MINUTES,
        reverse("experiments:run", args=[waiting.run_id]),
        about=in_language(words, "title"),
        mark_url=reverse("progress:verdict-read", args=[waiting.run_id]),
    )


def _choices(
    user: User, falling: dict[date, int], effort: statistics.Effort, plan: Plan
) -> list[dict[str, Any]]:
    """Return for each choice of minutes a day when the learner would be level."""
    day = selectors.today(user)
    coming = [falling.get(day + timedelta(days=n), 0) for n in range(1, AHEAD)]
    found = []
    for minutes in planning.CHOICES:
        needed = planning.level_in(
            falling.get(day, 0), planning.fits(10**6, minutes, statistics.pace_of(effort)), coming
        )
        by = day + timedelta(days=needed) if needed is not None else None
        found.append(
            {"minutes": minutes, "by": by, "days": needed, "is_plan": minutes == plan.minutes}
        )
    return found
