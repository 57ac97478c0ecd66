"""Today: the plan of the day. A visitor gets the home page instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.fragments import is_fragment
from apps.common.redirects import back_path, with_back
from apps.experiments import presenters
from apps.experiments import selectors as runs
from apps.experiments.home import home_context
from apps.experiments.models import Run
from apps.experiments.pending_prediction import pending_prediction_of
from apps.progress import days, formatting, forms, selectors, services, svg_charts
from apps.progress import today as plans

WEEKS = (18, 3)  # of the calendar: back, ahead
LISTED = 6  # topics
STEP = gettext_lazy("Running, %(done)s of %(of)s")
FEW_TOPICS = 4  # topics beside which the runs still have room


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        pending = pending_prediction_of(request.session)
        return render(request, "experiments/home.html", home_context(request.user, pending))
    day = plans.of(request.user)
    minutes = {row.day: row.seconds / 60 for row in day.done}
    context = {
        "today": day,
        "date": formatting.date_of(day.day),
        "recall": formatting.percent(day.effort.recall),
        "choices": [
            each | {"by": formatting.date_of(each["by"]) if each["by"] else ""}
            for each in day.choices
        ],
        "calendar": svg_charts.calendar(minutes, day.falling, day.day, WEEKS, day.plan.interview),
        "weeks": _weeks(minutes, day),
        "topics": [
            (topic, svg_charts.stair(topic.recall, topic.slug), formatting.percent(topic.recall))
            for topic in day.mastery[:LISTED]
        ],
        "headline": _headline(day),
        "runs": [_run(run) for run in day.runs],
        "events": _events([run for run in day.runs if not run.is_over]),
        "runs_first": len(day.mastery) <= FEW_TOPICS,
        "run_words": {str(state): str(state.label) for state in Run.State} | {"step": STEP},
        "total": max(1, sum(tread.step.minutes for tread in day.treads)),
    }
    return render(request, "progress/today.html", context)


def _weeks(minutes: dict[Any, float], day: plans.Today) -> list[dict[str, Any]]:
    """Return the calendar as a table: minutes studied and cards due, by week."""
    first = days.week_of(day.day) - timedelta(weeks=WEEKS[0] - 1)
    mondays = [first + timedelta(weeks=n) for n in range(sum(WEEKS))]
    week = [[monday + timedelta(days=n) for n in range(7)] for monday in mondays]
    return [
        {
            "monday": dates[0],
            "minutes": round(sum(minutes.get(date, 0) for date in dates)),
            "due": sum(day.falling.get(date, 0) for date in dates),
        }
        for dates in week
    ]


def _run(run: Run) -> dict[str, Any]:
    state = run.get_state_display()
    if run.state == Run.State.RUNNING and run.points_expected:
        state = str(STEP) % {"done": run.points_done, "of": run.points_expected}
    return {
        "run": run,
        "words": run.version.words,
        "state": state,
        "headline": presenters.headline_claim(run.version.words),
    }


def _events(runs: list[Run]) -> str:
    """Return where to hear more of runs that go on: one stream for all of them."""
    return (
        f"{reverse('experiments:run-states')}?ids={','.join(str(run.pk) for run in runs)}"
        if runs
        else ""
    )


def _headline(day: plans.Today) -> str:
    """Return what is left of the plan, in words."""
    n = len(day.left)
    if not n:
        return _("Done for today") if day.treads else _("Nothing is due")
    if day.is_first and n == len(day.treads):
        return ngettext("Your first day: %(n)s step", "Your first day: %(n)s steps", n) % {
            "n": formatting.steps(n)
        }
    time = ngettext("%(n)s minute", "%(n)s minutes", day.minutes) % {"n": day.minutes}
    return capfirst(
        ngettext("%(n)s step left, %(time)s", "%(n)s steps left, %(time)s", n)
        % {"n": formatting.steps(n), "time": time}
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    kept = selectors.plan_of(user)
    form = forms.PlanForm(_posted(request, kept), instance=kept, user=user)
    if request.method != "POST" or not form.is_valid():
        return render(
            request,
            "progress/plan.html",
            {"day_starts": days.START, "form": form},
            status=422 if request.method == "POST" else 200,
        )
    services.change_plan(user=user, **form.cleaned_data)
    messages.success(request, _("Plan saved."))
    return redirect("progress:today")


def _posted(request: HttpRequest, kept: Any) -> dict[str, Any] | None:
    """Return what was posted; of a form with minutes alone, the rest as it is."""
    if request.method != "POST":
        return None
    if request.POST.get("only") != "minutes":
        return request.POST.dict()
    rest = {
        "interview": kept.interview,
        "retention": kept.retention,
        "two_buttons": kept.two_buttons,
    }
    return {**rest, "minutes": request.POST.get("minutes", "")}


@require_POST
@login_required
def verdict(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark a verdict as read: by a button, or by the run's page once it is on screen."""
    services.mark_verdict_read(run=runs.own_run(request.user, pk))
    if getattr(request, "htmx", False):
        return HttpResponse()
    return redirect("experiments:run", pk)


@require_safe
def offers(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a finished run has to do with questions: a fragment of the run's page. For its owner it
    marks the verdict as read once it is on screen.
    """
    run = runs.run_for(request.user, pk)
    if run.state != Run.State.SUCCEEDED:
        raise Http404("The run is not over.")
    questions = selectors.asked_by(run)
    user = request.user if isinstance(request.user, User) else None
    cards = selectors.cards_for(user, questions) if user else {}
    found = [(question, cards.get(question.pk)) for question in questions]
    rows = [
        {"question": question, "is_free": card is None or card.suspended}
        for question, card in found
    ]
    whole = not is_fragment(request)
    way = with_back(reverse("experiments:run", args=[run.pk]), back_path(request))
    context = {
        "rows": rows,
        "free": next((row for row in rows if row["is_free"]), None),
        "run": run,
        "is_unread": user is not None and selectors.is_unread(run, user),
        "way": way,
    }
    return render(
        request, "progress/run_questions.html" if whole else "progress/_run_questions.html", context
    )
