"""What Today shows: the steps of the learner's day, and the numbers beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import escape

from apps.accounts.models import User
from apps.common.text import in_language
from apps.experiments.models import Lab, Run
from apps.experiments.selectors import FIRST_LAB
from apps.progress import days, planning
from apps.progress.models import Attempt, DailyStats, Plan, UnreadVerdict
from apps.progress.planning import ScheduledStep, Step
from apps.progress.selectors import cards, plans, statistics
from apps.progress.selectors.labs import lab_to_run, labs_by_slug, newest_runs
from apps.progress.selectors.questions import existing_labs, new_questions
from apps.progress.selectors.verdicts import unread_verdicts
from apps.questions.models import Question

CALENDAR_WEEKS = (18, 3)  # back, this week included, and ahead
BACKLOG_AFTER_DAYS = 3  # overdue cards count as a backlog once one is overdue for longer
RECENT_RUNS = 3
CANDIDATES = 200  # new questions among which one is suggested


@dataclass(frozen=True)
class MinutesChoice:
    """A number of minutes a day, and how long a backlog would take with it."""

    minutes: int
    by: date | None  # none: never
    days: int | None
    is_plan: bool


@dataclass(frozen=True)
class DayPlan:
    """A learner's day."""

    day: date
    plan: Plan
    is_first: bool
    steps: list[ScheduledStep]
    done: list[DailyStats]  # of the calendar
    due_by_day: dict[date, int]
    effort: statistics.Effort
    mastery: list[statistics.Mastery]
    backlog: int  # overdue cards, where they count as a backlog
    runs: list[Run]
    question: Question | None  # suggested
    choices: list[MinutesChoice] = field(default_factory=list)

    @property
    def due(self) -> int:
        return self.due_by_day.get(self.day, 0)

    @property
    def tomorrow(self) -> int:
        return self.due_by_day.get(self.day + days.DAY, 0)

    @property
    def left(self) -> list[ScheduledStep]:
        return [scheduled for scheduled in self.steps if not scheduled.step.is_done]

    @property
    def minutes(self) -> int:
        return sum(scheduled.step.minutes for scheduled in self.left)

    @property
    def days_left(self) -> int | None:
        interview = self.plan.interview
        return (interview - self.day).days if interview and interview >= self.day else None


def day_plan(user: User) -> DayPlan:
    """Return the learner's day (eleven queries at most)."""
    day, plan = days.today(user.time_zone), plans.plan_of(user)
    weeks_back, weeks_ahead = CALENDAR_WEEKS
    done = statistics.daily_stats(user, timedelta(weeks=weeks_back))
    due_by_day = cards.due_by_day(user, 7 * weeks_ahead)
    due = due_by_day.get(day, 0)
    runs = newest_runs(user, RECENT_RUNS)
    is_first = _is_first_day(user, day, done)
    effort = statistics.effort(done, day)
    mastery = statistics.mastery(user, plan)
    question = _suggested_question(user, mastery, is_first)
    labs = _labs_of(question)
    if is_first:
        steps = _first_steps(user, plan, question, labs, runs)
        steps += _returning_steps(user, due, effort, plan)
    else:
        row = next((row for row in done if row.day == day), None)
        steps = _steps(user, plan, due, row, effort, question, labs)
    backlog = _backlog(user, day) if due else 0
    return DayPlan(
        day=day,
        plan=plan,
        is_first=is_first,
        steps=planning.schedule(steps),
        done=done,
        due_by_day=due_by_day,
        effort=effort,
        mastery=mastery,
        backlog=backlog,
        runs=runs,
        question=question,
        choices=_choices(day, due_by_day, effort, plan) if backlog else [],
    )


def _is_first_day(user: User, day: date, done: list[DailyStats]) -> bool:
    if any(row.day < day for row in done):
        return False
    return not DailyStats.objects.filter(user=user, day__lt=day, reviews__gt=0).exists()


def _backlog(user: User, day: date) -> int:
    """Return how many cards are overdue, where one has been for more than `BACKLOG_AFTER_DAYS`."""
    count, first = cards.overdue(user, day)
    limit = days.start(day - BACKLOG_AFTER_DAYS * days.DAY, user.time_zone)
    return count if first and first < limit else 0


def _suggested_question(
    user: User, mastery: list[statistics.Mastery], is_first: bool
) -> Question | None:
    """Return a question without a card: of the weakest topic that has one, preferably with a lab.
    On the first day, preferably one about the lab that visitors see first.
    """
    rank = {topic.slug: n for n, topic in enumerate(mastery)}

    def order(question: Question) -> tuple[bool, int, bool, int]:
        labs = existing_labs(question)
        return (
            is_first and labs[:1] != [FIRST_LAB],
            rank.get(question.topic, len(rank)),
            not labs,
            question.difficulty,
        )

    return min(new_questions(user, CANDIDATES), key=order, default=None)


def _labs_of(question: Question | None) -> list[Lab]:
    return labs_by_slug(question.current.labs) if question and question.current else []


# ---------------------------------------------------------------- steps


def _first_steps(
    user: User, plan: Plan, question: Question | None, labs: list[Lab], runs: list[Run]
) -> list[Step]:
    """Return the steps of the first day: an interview date, a question, its lab."""
    rows = Attempt.objects.filter(user=user, revealed_at__isnull=False)
    attempt = rows.select_related("question__current").order_by("started_at").first()
    has_plan = plan.pk is not None
    steps = [Step("plan", planning.PLAN_MINUTES, reverse("progress:plan"), is_done=has_plan)]
    if attempt is not None:
        question, labs = attempt.question, _labs_of(attempt.question)
    if question is not None:
        steps.append(_question_step(question, is_done=attempt is not None))
    if question is not None and labs:
        steps.append(_lab_step(labs[0], question, is_done=bool(runs)))
    return steps


def _returning_steps(user: User, due: int, effort: statistics.Effort, plan: Plan) -> list[Step]:
    """Return the steps that a first day may add: cards that were forgotten, an unread verdict."""
    steps = [_verdict_step(verdict) for verdict in unread_verdicts(user)[:1]]
    return [_review_step(due, effort, plan), *steps] if due else steps


def _steps(
    user: User,
    plan: Plan,
    due: int,
    row: DailyStats | None,
    effort: statistics.Effort,
    question: Question | None,
    labs: list[Lab],
) -> list[Step]:
    """Return the steps of any later day.

    Args:
        row: what was done today.
        labs: of the question.
    """
    steps = list[Step]()
    if due:
        steps.append(_review_step(due, effort, plan))
    elif row is not None:
        steps.append(_finished_review_step(row))
    steps += [_verdict_step(verdict) for verdict in unread_verdicts(user)[:2]]
    if question is not None:
        steps.append(_question_step(question))
    if not labs and not due:
        labs = lab_to_run(user, since=_start_of_today(user))
    return steps + [_lab_step(lab, question) for lab in labs[:1]]


def _start_of_today(user: User) -> datetime:
    return days.start(days.today(user.time_zone), user.time_zone)


def _review_step(due: int, effort: statistics.Effort, plan: Plan) -> Step:
    pace = statistics.pace_of(effort)
    n = planning.cards_that_fit(due, plan.minutes, pace)
    return Step("review", max(1, round(n * pace / 60)), reverse("progress:review"), count=n)


def _finished_review_step(row: DailyStats) -> Step:
    return Step(
        "review",
        max(1, round(row.seconds / 60)),
        reverse("progress:review"),
        is_done=True,
        count=row.recalls,
        right=row.recalled,
    )


def _question_step(question: Question, *, is_done: bool = False) -> Step:
    revision = question.current
    title, html = question.slug, ""
    if revision:
        title, html = in_language(revision, "title"), in_language(revision, "title_html")
    url = question.get_absolute_url()
    minutes = planning.QUESTION_MINUTES
    return Step("question", minutes, url, is_done, about=title, about_html=html or escape(title))


def _lab_step(lab: Lab, question: Question | None, *, is_done: bool = False) -> Step:
    back = "?" + urlencode({"back": question.get_absolute_url()}) if question else ""
    url = reverse("experiments:lab", args=[lab.slug]) + back
    return Step("lab", planning.LAB_MINUTES, url, is_done, about=lab.title)


def _verdict_step(unread: UnreadVerdict) -> Step:
    return Step(
        "verdict",
        planning.VERDICT_MINUTES,
        reverse("experiments:run", args=[unread.run_id]),
        about=unread.run.version.title,
        mark_url=reverse("progress:verdict-read", args=[unread.run_id]),
    )


def _choices(
    day: date, due_by_day: dict[date, int], effort: statistics.Effort, plan: Plan
) -> list[MinutesChoice]:
    """Return for each number of minutes a day when the backlog would be cleared."""
    length = 7 * CALENDAR_WEEKS[1]
    coming = [due_by_day.get(day + timedelta(days=n), 0) for n in range(1, length)]
    choices = []
    for minutes in planning.MINUTES_OFFERED:
        a_day = max(1, int(minutes * 60 / statistics.pace_of(effort)))
        needed = planning.days_to_clear(due_by_day.get(day, 0), a_day, coming)
        by = day + timedelta(days=needed) if needed is not None else None
        choices.append(MinutesChoice(minutes, by, needed, minutes == plan.minutes))
    return choices
