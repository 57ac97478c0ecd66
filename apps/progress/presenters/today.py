"""The lines of Today: the steps of the day, the backlog, the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common.text import join_sentences
from apps.experiments import queue_words
from apps.experiments.models import Run
from apps.experiments.queue_estimate import Place
from apps.progress import days
from apps.progress.planning import ScheduledStep, Step
from apps.progress.presenters.amounts import number_word, short_date, weekday_date
from apps.progress.selectors.day_plans import CALENDAR_WEEKS, DayPlan, MinutesChoice

RUN_STEP = gettext_lazy("Running, %(done)s of %(of)s points")
RUN_WAITS = gettext_lazy("%(state)s, %(brief)s")  # "Queued, no worker connected"
STEP_NOTES = {
    "plan": gettext_lazy("Gives your plan a target date"),
    "review": gettext_lazy("Just before you would forget"),
    "verdict": gettext_lazy("It has finished: see how your prediction did"),
    "question": gettext_lazy("A question you haven't seen"),
    "lab": gettext_lazy("Test it yourself"),
}
STEP_BUTTONS = {
    "plan": gettext_lazy("Make a plan"),
    "review": gettext_lazy("Start"),
    "verdict": gettext_lazy("Open the verdict"),
    "question": gettext_lazy("Open the question"),
    "lab": gettext_lazy("Predict, then run"),
}


def headline(plan: DayPlan) -> str:
    """Return what is left of the day's plan."""
    n = len(plan.left)
    if not n:
        return _("Done for today") if plan.steps else _("Nothing is due")
    words = {"n": number_word(n)}
    if plan.is_first and n == len(plan.steps):
        return ngettext("Your first day: %(n)s step", "Your first day: %(n)s steps", n) % words
    time = ngettext("%(n)s minute", "%(n)s minutes", plan.minutes) % {"n": plan.minutes}
    left = ngettext("%(n)s step left, %(time)s", "%(n)s steps left, %(time)s", n)
    return capfirst(left % {**words, "time": time})


def interview(plan: DayPlan) -> str:
    """Return when the interview is."""
    date_of_plan, days_left = plan.plan.interview, plan.days_left
    if date_of_plan is None:
        return _("no date yet")
    words = {"day": short_date(date_of_plan), "n": days_left}
    if days_left is None:
        return _("%(day)s has passed: pick a new date") % words
    if days_left == 0:
        return _("today")
    return ngettext("%(day)s, in %(n)s day", "%(day)s, in %(n)s days", days_left) % words


def nothing_due(plan: DayPlan) -> str:
    """Return what a day without due cards says of them."""
    nothing, tomorrow = _("Nothing is due.") if plan.steps else "", ""
    if plan.tomorrow:
        cards = ngettext(
            "%(n)s card is due tomorrow.", "%(n)s cards are due tomorrow.", plan.tomorrow
        )
        tomorrow = cards % {"n": plan.tomorrow}
    return join_sentences(nothing, tomorrow)


def minutes_choice(choice: MinutesChoice) -> dict[str, Any]:
    """Return a number of minutes a day, with the day by which the backlog would be cleared."""
    return {
        "minutes": choice.minutes,
        "is_plan": choice.is_plan,
        "label": _("%(n)s min a day") % {"n": choice.minutes},
        "by": _("today") if choice.days == 0 else weekday_date(choice.by) if choice.by else "",
    }


def catching_up(choices: Sequence[MinutesChoice]) -> str:
    """Return when the backlog is cleared with the minutes of the plan; nothing where they are not
    among the choices.
    """
    choice = next((choice for choice in choices if choice.is_plan), None)
    if choice is None:
        return ""
    words = {"n": choice.minutes, "day": weekday_date(choice.by) if choice.by else ""}
    if choice.days == 0:
        return _("At %(n)s minutes a day you will have caught up today.") % words
    if choice.by:
        return _("At %(n)s minutes a day you will have caught up by %(day)s.") % words
    return _("At %(n)s minutes a day you will not catch up.") % words


def present_step(scheduled: ScheduledStep) -> dict[str, Any]:
    """Return a step of the day as it reads: its title, what it is, and its button."""
    step = scheduled.step
    return {
        "step": step,
        "state": scheduled.state,
        "at": scheduled.at,
        "is_now": scheduled.is_now,
        "key": "v" if step.kind == "verdict" and not step.is_done else "",
        "title": _step_title(step),
        "note": _done_note(step) if step.is_done else STEP_NOTES[step.kind],
        "button": STEP_BUTTONS[step.kind],
    }


def _step_title(step: Step) -> str:
    if step.kind == "plan":
        return _("Pick an interview date")
    if step.kind == "question":
        return format_html("<span>{}</span>", mark_safe(step.about_html))  # noqa: S308
    if step.kind == "verdict":
        return _("Open the verdict: %(lab)s") % {"lab": step.about}
    if step.kind == "lab":
        return _("Predict: %(lab)s") % {"lab": step.about}
    if step.is_done:
        return _("Review")
    return ngettext("Review %(n)s card", "Review %(n)s cards", step.count) % {"n": step.count}


def _done_note(step: Step) -> str:
    if step.kind == "review" and step.count:
        return _("Done, %(n)s of %(of)s recalled") % {"n": step.right, "of": step.count}
    return _("Done")


def calendar_weeks(minutes_by_day: Mapping[date, float], plan: DayPlan) -> list[dict[str, Any]]:
    """Return the calendar as a table: minutes studied and cards due, by week."""
    first = days.week_of(plan.day) - timedelta(weeks=CALENDAR_WEEKS[0] - 1)
    rows = []
    for n in range(sum(CALENDAR_WEEKS)):
        monday = first + timedelta(weeks=n)
        week = [monday + timedelta(days=weekday) for weekday in range(7)]
        studied = sum(minutes_by_day.get(day, 0) for day in week)
        due = sum(plan.due_by_day.get(day, 0) for day in week)
        rows.append({"monday": monday, "minutes": round(studied), "due": due})
    return rows


def run_line(run: Run, place: Place | None) -> dict[str, Any]:
    """Return a run as Today lists it.

    Args:
        place: of a run that waits, starts or is being stopped.
    """
    state = run.state_word
    if why := queue_words.why(run, place):
        state = str(RUN_WAITS) % {"state": state, "brief": why}
    elif run.state == Run.State.RUNNING and run.points_expected:
        state = str(RUN_STEP) % {"done": run.points_done, "of": run.points_expected}
    return {"run": run, "state": state}


def run_words() -> dict[str, Any]:
    """Return the words by which the script of the page tells how runs go on."""
    states = {str(state): str(state.label) for state in Run.State}
    return states | {"step": RUN_STEP, "waits": RUN_WAITS, "briefs": queue_words.briefs()}
