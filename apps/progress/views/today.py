"""Today: the plan of the day. A visitor gets the home page instead."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.fragments import is_fragment
from apps.common.number_format import percent
from apps.common.redirects import back_path, with_back
from apps.experiments import selectors as runs
from apps.experiments.models import Run
from apps.experiments.reader import reader_of
from apps.progress import days, forms, presenters, selectors, services, svg_charts
from apps.progress.selectors.day_plans import CALENDAR_WEEKS
from apps.progress.views.home import home
from apps.progress.views.reader import signed_in

MAX_TOPICS = 6
MAX_TOPICS_BESIDE_RUNS = 4  # with more of them, the runs stand in the other column


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return home(request)
    plan = selectors.day_plans.day_plan(request.user)
    places = runs.places(plan.runs)
    minutes_by_day = {row.day: row.seconds / 60 for row in plan.done}
    weeks_back, weeks_ahead = CALENDAR_WEEKS
    has_cards = selectors.statistics.weakest(plan.mastery) is not None
    asked = [topic for topic in plan.mastery if topic.questions] if has_cards else []
    topics = asked[:MAX_TOPICS]
    context = {
        "today": plan,
        "date": presenters.amounts.weekday_date(plan.day),
        "recall": percent(plan.effort.recall),
        "interview": presenters.today.interview(plan),
        "due": plan.due or pgettext("due", "none"),
        "nothing_due": presenters.today.nothing_due(plan),
        "catching_up": presenters.today.catching_up(plan.choices),
        "choices": [presenters.today.minutes_choice(choice) for choice in plan.choices],
        "steps": [presenters.today.present_step(scheduled) for scheduled in plan.steps],
        "calendar": svg_charts.calendar(
            minutes_by_day, plan.due_by_day, plan.day, CALENDAR_WEEKS, plan.plan.interview
        ),
        "weeks_back": weeks_back,
        "weeks_ahead": weeks_ahead,
        "weeks": presenters.today.calendar_weeks(minutes_by_day, plan),
        "topics": presenters.progress.topic_rows(topics),
        "more_topics": len(asked) - len(topics),
        "interview_day": presenters.progress.interview_day(plan.plan, plan.day),
        "headline": presenters.today.headline(plan),
        "runs": [presenters.today.run_line(run, places.get(run.pk)) for run in plan.runs],
        "events": _events_url([run for run in plan.runs if not run.is_over]),
        "runs_first": len(topics) <= MAX_TOPICS_BESIDE_RUNS,
        "run_words": presenters.today.run_words(),
        "total": max(1, sum(scheduled.step.minutes for scheduled in plan.steps)),
    }
    return render(request, "progress/today.html", context)


def _events_url(running: list[Run]) -> str:
    """Return the event stream of the runs that are not over, one for all of them."""
    if not running:
        return ""
    return f"{reverse('experiments:run-states')}?ids={','.join(str(run.pk) for run in running)}"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    present = selectors.plans.plan_of(user)
    posted = request.POST if request.method == "POST" else None
    form = forms.PlanForm(posted, instance=present, user=user)
    if request.method != "POST" or not form.is_valid():
        context = {"day_starts": days.START, "form": form}
        status = 422 if request.method == "POST" else 200
        return render(request, "progress/plan.html", context, status=status)
    services.plans.change_plan(user=user, **form.cleaned_data)
    messages.success(request, _("Plan saved."))
    return redirect("progress:today")


@require_POST
@login_required
def verdict_read(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark a verdict as read: by a button, or by the run's page once its headline was on screen.
    One that is hidden from its owner stays unread.
    """
    run = runs.own_run(request.user, pk)
    if runs.shows_verdict(reader_of(request), run):
        services.verdicts.mark_verdict_read(run=run)
    if getattr(request, "htmx", False):
        return HttpResponse()
    return redirect("experiments:run", pk)


@require_safe
def run_questions(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The questions about the claims of a finished run: a fragment of the run's page. Its owner's
    browser marks the verdict as read once that page's headline was on screen.
    """
    run = runs.run_for(request.user, pk)
    if run.state != Run.State.SUCCEEDED:
        raise Http404("The run is not over.")
    user = request.user if isinstance(request.user, User) else None
    rows = _question_rows(user, run)
    context = {
        "rows": rows,
        "free": next((row for row in rows if row["is_free"]), None),
        "run": run,
        "is_unread": user is not None
        and selectors.verdicts.is_unread(run, user)
        and runs.shows_verdict(reader_of(request), run),
        "way": with_back(reverse("experiments:run", args=[run.pk]), back_path(request)),
    }
    name = "_run_questions.html" if is_fragment(request) else "run_questions.html"
    return render(request, f"progress/{name}", context)


def _question_rows(user: User | None, run: Run) -> list[dict[str, Any]]:
    """Return the questions about a run; `is_free`: not in the reader's cards."""
    questions = selectors.questions.questions_about_run(run)
    cards = selectors.cards.cards_by_question(user, questions) if user else {}
    suspended = {pk for pk, card in cards.items() if card.suspended}
    return [
        {
            "question": question,
            "is_free": question.pk not in cards or question.pk in suspended,
        }
        for question in questions
    ]
